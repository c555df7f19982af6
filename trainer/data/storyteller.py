"""Makes up lives: chooses wordings and values by chance, and knows what a perfect manager would remember."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from trainer.data.facts import Fact
from trainer.data.lives import USER
from trainer.data.wordings import OPEN_POOLS, Wordings, fill, invented_value, roughened, slots, split_of_value

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
REMARKS = (1, 1, 2, 3)
"""How many remarks stand in one message, one number as likely as the other."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How often lives hold what is harder, and in training what nobody says.

    `idle`: messages with nothing to remember. `named`: lives of two people with names. `paired`: news of two facts.
    `asked`: messages after which questions are asked. `turned`: of the questions about somebody with a name, those in
    words that one asks about oneself with, turned into the third person. `invented`: values that are made up.
    `spliced`: of those, the ones made of parts of words. `roughened`: wordings that are said a bit otherwise. `beside`:
    pieces of news told in one breath with a remark that is none. `overheard`: remarks that are idle talk of people, if
    there is any. `addressed`: messages of two people that begin with the name of the other one. `practised`: pieces of
    news that are of the kinds learned last.
    """

    idle: float = 0.1
    named: float = 0.3
    paired: float = 0.1
    asked: float = 1.0
    turned: float = 0.0
    invented: float = 0.0
    spliced: float = 0.0
    roughened: float = 0.0
    beside: float = 0.0
    overheard: float = 0.0
    addressed: float = 0.0
    practised: float = 0.0


USUAL = Shares()
"""What models are measured on."""
IN_TRAINING = Shares(
    idle=0.18,
    named=0.45,
    paired=0.2,
    asked=0.35,
    turned=0.5,
    invented=0.5,
    spliced=0.5,
    roughened=0.25,
    beside=0.15,
    overheard=0.4,
    addressed=0.2,
    practised=0.2,
)
LATE_IN_TRAINING = replace(IN_TRAINING, paired=0.35)
"""Two facts at once are learned when one at a time is known."""
LAST_IN_TRAINING = replace(
    LATE_IN_TRAINING, idle=0.12, named=0.4, paired=0.25, turned=0.3, invented=0.3, roughened=0.1, beside=0.05
)
"""As the rates fall, lives become more like those that people lead."""


@dataclass
class Storyteller:
    """Makes up one life, event by event. `known` is the bank as a perfect manager would keep it."""

    rng: Random
    wordings: Wordings
    people: tuple[str, ...] = (USER,)
    shares: Shares = USUAL
    known: dict[tuple[str, ...], Fact] = field(default_factory=dict)

    def say(self, pool: str, **filling: str) -> str:
        """One wording of `pool`, filled."""
        return fill(self.wording(pool), **filling)

    def wording(self, pool: str, *, beyond_two: bool = False) -> str:
        """One wording of `pool`, its slots open; roughened in the share `roughened` of cases.

        Where there will be more than two, `beyond_two`, none that counts to two.
        """
        wording = self.rng.choice((self.wordings.beyond_two if beyond_two else self.wordings.say)[pool])
        return roughened(wording, self.wordings.words, self.rng) if self.chance(self.shares.roughened) else wording

    def tell(self, pool: str, *, beyond_two: bool = False, **filling: str) -> str:
        """A piece of news: a wording of `pool`, sometimes after an opener or before a tail that says nothing."""
        text = self.wording(pool, beyond_two=beyond_two)
        if self.chance(0.3):
            opener = self.say("openers.all")
            keep = opener[-1] in ".!?" or text[0] == "{" or text.split()[0].split("'")[0] == "I"
            text = f"{opener} {text if keep else text[0].lower() + text[1:]}"
        if self.chance(0.2):
            text = f"{text} {self.say('tails.all')}"
        text = fill(text, **filling)
        if self.chance(self.shares.beside):
            text = " ".join((text, self._remark()) if self.chance(0.5) else (self._remark(), text))
        return text

    def addressed(self, text: str, subject: str) -> str:
        """`text` as one of two people says it to the other, in the share `addressed` of cases after their name."""
        others = [name for name in self.people if name != subject]
        if not (self.shares.addressed and others and self.chance(self.shares.addressed)):
            return text
        return f"{self.say('openers.addressed', name=others[0])} {text}"

    def chat(self, kind: str) -> str:
        """Small talk: nothing to remember, though it may speak of all that lives are about."""
        if kind == "remark":
            return " ".join(self._remark() for _ in range(self.rng.choice(REMARKS)))
        return self._filled(self.wording(f"smalltalk.{kind}"))

    def _remark(self) -> str:
        if self.wordings.overheard and self.chance(self.shares.overheard):
            return self.rng.choice(self.wordings.overheard)
        return self._filled(self.wording("smalltalk.remark"))

    def _filled(self, wording: str) -> str:
        return fill(wording, **{pool: self.value(pool) for pool in slots(wording)})

    def value(self, pool: str, *avoid: str) -> str:
        """A value of `pool` other than `avoid`; an invented word in the share `invented` of cases."""
        if pool in OPEN_POOLS and self.rng.random() < self.shares.invented:
            return self.invent(pool)
        return self.rng.choice([v for v in self.wordings.values[pool] if v not in avoid])

    def invent(self, pool: str) -> str:
        """An invented value of `pool`."""
        return invented_value(pool, self.wordings, self.shares.spliced, self.rng)

    def number(self, least: int, most: int) -> str:
        """A number of this split."""
        return self._of_split(lambda: str(self.rng.randint(least, most)))

    def date(self) -> str:
        """A day of the year of this split."""
        return self._of_split(lambda: f"{self.rng.randint(1, 28)} {self.rng.choice(MONTHS)}")

    def _of_split(self, draw: Callable[[], str]) -> str:
        while split_of_value(value := draw()) is not self.wordings.split:
            pass
        return value

    def of_kind(self, kind: str, subject: str) -> list[Fact]:
        return [f for f in self.known.values() if f.kind == kind and f.about[0] == subject]

    def get(self, kind: str, *about: str) -> Fact | None:
        return self.known.get((kind, *about))

    def chance(self, share: float) -> bool:
        return self.rng.random() < share
