"""Wordings and values of simulated lives, split so that nothing of the test split is ever seen in training.

The split is decided by hashes of the texts, never by their order in the files. Function words, months, family relations
and categories ("colour") are the language itself and serve all splits.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from random import Random

from trainer.data.third_person import third_person

OPEN_POOLS = (
    "first_names", "pet_names", "species", "places", "jobs", "companies", "allergens", "conditions", "activities",
    "instruments", "languages", "cars", "appointments",
)  # fmt: skip
CLOSED_POOLS = ("relations_many", "relations_one", "relations_friend")
# Each file is split for itself, so that a new one moves no line of an old one to another split.
PLAIN_FILES = (
    "person.toml", "life.toml", "around.toml", "more.toml", "further.toml", "everyday.toml", "asked.toml",
    "varied.toml",
)  # fmt: skip
CHATTY_FILES = ("chatty.toml", "chattier.toml")
TRAINING_FILES = frozenset({"varied.toml", "chattier.toml"})
"""Wordings for training alone: what is held out stays the same, and with it what a score means."""
ALWAYS_TRAIN = frozenset({"dog", "cat"})
"""Pets that every user may speak of are words of the language, not values to hold out."""
ASSISTANTS_OWN = "replies"
"""What the assistant says is the same in all splits: nobody else says it, so there is nothing to hold out."""
TEST_SHARE = 6
DEV_SHARE = 12
"""One wording or value in this many is held out for the split."""

ARTICLES = frozenset({"a", "an", "the"})
_VOWEL_SOUND = re.compile(r"(?!eu|uk|uni|use|ut[ei])[aeiou]", re.IGNORECASE)
_TO_TWO = re.compile(r"\b(second|two|both|twice|pair|couple)\b", re.IGNORECASE)
_SLOT = re.compile(r"(\ba |\bA )?\{(\w+)\}")


class Split(StrEnum):
    """Which part of wordings and values a life is made of. DEV is what runs are watched on and choices made by."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"


class Register(StrEnum):
    """In what manner things are said."""

    PLAIN = "plain"
    """One short sentence or two, to the point."""
    CHATTY = "chatty"
    """As people chat with a friend: with reasons, feelings and detours."""


def split_of_value(value: str) -> Split:
    """The split that a value belongs to in every pool. Values that share their first word share their split."""
    if value in ALWAYS_TRAIN:
        return Split.TRAIN
    digest = _digest(value.split()[0])
    if digest[0] % TEST_SHARE == 0:
        return Split.TEST
    return Split.DEV if digest[1] % DEV_SHARE == 0 else Split.TRAIN


def wordings_of(pool: list[str], split: Split) -> list[str]:
    """The lines of `pool` that belong to `split`: the held-out splits have at least two and one of each pool."""
    ranked = sorted(pool, key=_digest)
    test = max(2, len(pool) // TEST_SHARE)
    dev = test + max(1, len(pool) // DEV_SHARE)
    lines = {Split.TEST: ranked[:test], Split.DEV: ranked[test:dev], Split.TRAIN: ranked[dev:]}
    return sorted(lines[split])


def of_split(pools: dict[str, list[str]], split: Split) -> dict[str, list[str]]:
    """The values of `split` in each of `pools`; none that holds a value of a split that is kept from this one.

    "Speech therapy" is no value to train with if "therapy" is one to test with.
    """
    order = list(Split)
    kept_from_it = {
        value.lower()
        for values in pools.values()
        for value in values
        if order.index(split_of_value(value)) > order.index(split)
    }
    return {
        pool: [v for v in values if split_of_value(v) is split and kept_from_it.isdisjoint(v.lower().split())]
        for pool, values in pools.items()
    }


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.lower().encode()).digest()


def fill(wording: str, **slots: str) -> str:
    """`wording` with its slots filled, "a" before a vowel sound becoming "an"."""

    def put(match: re.Match[str]) -> str:
        article, value = match[1] or "", slots[match[2]]
        if article and _VOWEL_SOUND.match(value):
            article = article.replace(" ", "n ")
        return article + value

    return _SLOT.sub(put, wording)


def slots(wording: str) -> list[str]:
    """The names of the slots in `wording`, in order."""
    return [match[2] for match in _SLOT.finditer(wording)]


@dataclass(frozen=True)
class Wordings:
    """The pools of one split: `say` maps "pet.first" to wordings, `values` maps "places" to values.

    For each pool of questions about oneself, "home.ask_me", there is one of them turned into the third person,
    "home.ask_turned". `overheard` is idle talk of people who do not speak to an assistant, if there is any.
    """

    split: Split
    say: dict[str, list[str]]
    values: dict[str, list[str]]
    favourites: dict[str, list[str]]
    overheard: Sequence[str] = ()

    @classmethod
    def load(cls, split: Split, register: Register | None = None) -> Wordings:
        """Reads the pools shipped with the package and keeps those of `split`, and of `register` if one is given.

        Pools of which there is only a plain form keep it.
        """
        folder = files("trainer.data")
        plain: dict[str, list[str]] = {}
        chatty: dict[str, list[str]] = {}
        written: set[str] = set()
        for name in (*PLAIN_FILES, *CHATTY_FILES):
            say = chatty if name in CHATTY_FILES else plain
            for kind, pools in tomllib.loads((folder / "wordings" / name).read_text("utf-8")).items():
                for pool, lines in pools.items():
                    if name in TRAINING_FILES:
                        mine = lines if split is Split.TRAIN else []
                    else:
                        mine = wordings_of(lines, Split.TRAIN if kind == ASSISTANTS_OWN else split)
                    say.setdefault(f"{kind}.{pool}", []).extend(mine)
                    written.update(lines)
        if register is Register.PLAIN:
            say = plain
        elif register is Register.CHATTY:
            say = plain | chatty
        else:
            say = {pool: lines + chatty.get(pool, []) for pool, lines in plain.items()}
        for pool in [pool for pool in say if pool.endswith("_me")]:
            turned = map(third_person, say[pool])
            # One that is written somewhere belongs to the split of that line.
            say[f"{pool.removesuffix('_me')}_turned"] = [q for q in turned if q is not None and q not in written]
        words = tomllib.loads((folder / "words.toml").read_text("utf-8"))
        mine = of_split({pool: words["words"][pool] for pool in OPEN_POOLS} | words["favourites"], split)
        favourites = {category: mine.pop(category) for category in words["favourites"]}
        values = mine | {pool: words["words"][pool] for pool in CLOSED_POOLS}
        return cls(split, say, values, {category: options for category, options in favourites.items() if options})

    @cached_property
    def beyond_two(self) -> dict[str, list[str]]:
        """The pools of `say` without the wordings that count to two: "my second dog" is wrong when two are known."""
        return {pool: [line for line in lines if not _TO_TWO.search(line)] for pool, lines in self.say.items()}

    @cached_property
    def words(self) -> list[str]:
        """The words that values of this split are made of, in small letters."""
        values = [
            *(v for pool in OPEN_POOLS for v in self.values[pool]),
            *(v for o in self.favourites.values() for v in o),
        ]
        return sorted({word for value in values for word in value.lower().split() if word.isalpha()})

    @cached_property
    def said(self) -> list[str]:
        """The words that wordings of this split are made of, of four letters and more, in small letters."""
        lines = (line for pool in self.say.values() for line in pool)
        return sorted({word for line in lines for word in re.findall(r"(?<!{)\b[a-z]{4,}\b", line.lower())})


_ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr r s sh sl st t th tr v w z".split()
_VOWELS = "a e i o u a e i o ai ea ou ie".split()
_CODAS = ["", "", "", "l", "n", "r", "s", "m", "nd", "rk", "ck", "lt", "x", "ry", "ne", "sta", "ton"]


def invented_word(rng: Random) -> str:
    """A pronounceable word that means nothing, so that a model learns to copy and not to recall."""
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2, 3)))
    )


_SHORT_WORDS = (
    "air", "all", "and", "art", "but", "can", "car", "day", "fun", "for", "had", "her", "his", "job", "man", "new",
    "not", "now", "off", "old", "one", "our", "out", "own", "pet", "see", "tea", "the", "top", "two", "was", "you",
)  # fmt: skip


def spliced_word(heads: Sequence[str], tails: Sequence[str], rng: Random) -> str:
    """The beginning of one word and the end of another: means nothing, and is made of the same tokens as words are.

    The beginning is sometimes a short word that is known well, as in "newt": it has to be copied all the same.
    """
    if rng.random() < 0.2:
        return rng.choice(_SHORT_WORDS) + rng.choice(tails)[-rng.randint(1, 3) :]
    return rng.choice(heads)[: rng.randint(2, 4)] + rng.choice(tails)[-rng.randint(2, 5) :]


_CONTRACTED = {
    "I'm": "I am", "I've": "I have", "I'll": "I will", "don't": "do not", "doesn't": "does not", "didn't": "did not",
    "isn't": "is not", "wasn't": "was not", "won't": "will not", "can't": "cannot", "haven't": "have not",
    "hasn't": "has not", "it's": "it is", "what's": "what is", "that's": "that is", "there's": "there is",
    "we've": "we have", "we're": "we are",
}  # fmt: skip
_LONG_FORMS = {**_CONTRACTED, **{k[0].upper() + k[1:]: v[0].upper() + v[1:] for k, v in _CONTRACTED.items()}}
LONG_WORDING = 9
"""Words from which on one of them can go without taking the meaning along, as a rule."""
_REPLACEABLE = re.compile(r"(?!never|again|another|anymore|longer|instead)[a-z]{5,}")
"""Words that may go: none that says whether something still holds, or is one more."""
_CONTRACTION = re.compile(r"\b(" + "|".join(_LONG_FORMS) + r")\b")


def roughened(wording: str, words: Sequence[str], rng: Random) -> str:
    """`wording`, its slots open, as others may say it: with a word that nobody knows, in long forms, or carelessly.

    What was told stays the same: the word is none of the language, and stands beside no slot, where it might be taken
    for a part of the value. In long wordings, which say a thing more than once, it may take another word's place.
    """
    kind = rng.random()
    if kind < 0.2:
        return _CONTRACTION.sub(lambda match: _LONG_FORMS[match[1]], wording)
    if kind < 0.35:
        small = re.sub(r"\{\w+\}|[^{]+", lambda m: m[0] if m[0][0] == "{" else m[0].lower(), wording)
        return small.rstrip(".")
    said = wording.split(" ")
    unknown = _unknown_word(words, rng)
    if kind < 0.65 and len(said) >= LONG_WORDING:
        inside = range(1, len(said) - 1)
        places = [i for i in inside if _REPLACEABLE.fullmatch(said[i]) and _no_slot(said[i - 1 : i + 2])]
        if places:
            said[rng.choice(places)] = unknown
            return " ".join(said)
    places = [i for i in range(1, len(said)) if _no_slot(said[i - 1 : i + 1]) and said[i - 1].lower() not in ARTICLES]
    if places:
        said.insert(rng.choice(places), unknown)
    return " ".join(said)


def _unknown_word(words: Sequence[str], rng: Random) -> str:
    while True:
        word = invented_word(rng) if rng.random() < 0.5 else spliced_word(words, words, rng)
        if split_of_value(word) is Split.TRAIN:  # Chance must not make up a word that is held out, as "newt" is.
            return word


def _no_slot(words: Sequence[str]) -> bool:
    return "{" not in "".join(words)


def invented_value(pool: str, wordings: Wordings, spliced: float, rng: Random) -> str:
    """An invented stand-in for a value of `pool`, with the capital letter that its kind of value has.

    One or two words, each for itself spliced in the share `spliced` of cases, and otherwise one that means nothing or
    one that means something else. So a model learns to copy what stands in a value's place, to its last word, and
    neither to recall values nor to judge them by their sound.
    """
    lengths = (1, 2) if pool in _OFTEN_TWO_WORDS else (1, 1, 2)
    while True:
        made = [_made_up_word(wordings, spliced, rng) for _ in range(rng.choice(lengths))]
        if all(split_of_value(word) is Split.TRAIN for word in made):  # Chance must not make up one that is held out.
            break
    if pool in _CAPITAL_POOLS:
        made = [word[0].upper() + word[1:] for word in made]
    joint = " and " if pool in _JOINED_POOLS and rng.random() < 0.3 else " "
    return joint.join(made)


def _made_up_word(wordings: Wordings, spliced: float, rng: Random) -> str:
    if rng.random() < spliced:
        return spliced_word(wordings.said if rng.random() < 0.5 else wordings.words, wordings.words, rng)
    return invented_word(rng) if rng.random() < 0.5 else rng.choice(wordings.words)


_OFTEN_TWO_WORDS = frozenset({"jobs", "companies", "conditions", "appointments"})
_JOINED_POOLS = frozenset({"favourites", "companies", "activities"})
"""Of whose values some are two things joined: "salt and vinegar"."""
_CAPITAL_POOLS = frozenset({"first_names", "pet_names", "places", "companies", "languages", "cars"})
