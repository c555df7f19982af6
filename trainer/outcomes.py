"""What came of a completion, as rewards look at it. Values alone: knows nothing of models, banks and rewards."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.memory.operations import MemoryOperation, OperationStatus
from trainer.dialogues import Asked


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and what the Answer Agent said to it; `malformed` is why its completion could not be read, or ""."""

    question: Asked
    answer: str
    malformed: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """One operation as the bank took it: `before` is the text of the memory it was about, None for a new one."""

    operation: MemoryOperation
    status: OperationStatus
    before: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ManagerOutcome:
    """What a completion of the Memory Manager came to: what was done, and what was answered from the bank after it.

    `sources` are the texts from which its memories may be made: the message, what was said before, those on offer.
    `bank_before` and `bank_after` are the texts of the active memories.
    """

    completion: str
    message: str
    sources: tuple[str, ...]
    done: tuple[Done, ...]
    bank_before: tuple[str, ...]
    bank_after: tuple[str, ...]
    answers: tuple[Answered, ...]
    malformed: str = ""


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """What a completion of the Answer Agent came to; `used` are those of the memories `offered` that it names."""

    completion: str
    answered: Answered
    offered: tuple[str, ...]
    used: tuple[str, ...]
