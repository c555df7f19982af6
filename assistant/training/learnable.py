"""What of the user's own history a model may learn from, what not and why, and what is held out to measure on.

Pure: what the bank counts in, an overview out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from assistant.memory.lessons import Lessons
from assistant.training.held_out import is_held_out

LEAST_MESSAGES = 2
"""With fewer messages of the user there is nothing to carry from one to the next."""


class Bar(StrEnum):
    """What keeps a conversation out by itself; the user cannot let it in."""

    SAMPLE = "a sample"
    IMPORTED = "imported"
    STRUCK = "partly wiped"
    SHORT = "too short"

    @property
    def why(self) -> str:
        """The reason, as a sentence."""
        return _WHY[self]


_WHY = {
    Bar.SAMPLE: "It came with Recollect; you did not say it.",
    Bar.IMPORTED: "It was brought in from elsewhere, and the replies are not those of your models.",
    Bar.STRUCK: "You wiped something that was said in it, and nothing may be learned from around it.",
    Bar.SHORT: f"You said fewer than {LEAST_MESSAGES} things in it.",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One conversation, and whether it is learned from. `held_out` of its `questions` are only measured on."""

    lessons: Lessons
    bar: Bar | None
    questions: int
    held_out: int

    @property
    def is_learned_from(self) -> bool:
        return self.bar is None and not self.lessons.is_excluded

    @property
    def signals(self) -> int:
        """How often the user said, by word or deed, what they thought of what a model did."""
        counted = self.lessons
        return counted.accepted + counted.declined + counted.edited + counted.undone + counted.feedback


@dataclass(frozen=True, slots=True)
class Learnable:
    """All conversations, the newest first, and what those that are learned from come to."""

    sources: tuple[Source, ...]

    @property
    def learned_from(self) -> tuple[Source, ...]:
        return tuple(source for source in self.sources if source.is_learned_from)

    @property
    def messages(self) -> int:
        """Of the user, in the conversations that are learned from; the held-out ones are among them."""
        return sum(source.lessons.user_messages for source in self.learned_from)

    @property
    def signals(self) -> int:
        return sum(source.signals for source in self.learned_from)

    @property
    def questions(self) -> int:
        return sum(source.questions for source in self.learned_from)

    @property
    def held_out(self) -> int:
        return sum(source.held_out for source in self.learned_from)


def learnable(counted: Iterable[Lessons]) -> Learnable:
    """What may be learned from, of what the bank has counted."""
    return Learnable(tuple(map(_source, counted)))


def _source(lessons: Lessons) -> Source:
    held_out = sum(is_held_out(lessons.conversation_id, after_id) for after_id in lessons.turns)
    return Source(lessons, _bar(lessons), len(lessons.turns), held_out)


def _bar(lessons: Lessons) -> Bar | None:
    if lessons.is_sample:
        return Bar.SAMPLE
    if lessons.is_imported:
        return Bar.IMPORTED
    if lessons.is_struck:
        return Bar.STRUCK
    return Bar.SHORT if lessons.user_messages < LEAST_MESSAGES else None
