"""A short sample conversation of a made-up person, with all that a memory goes through.

Promises to write it as any conversation is written: every memory with its row in the journal, its message and its day,
and the verdict on each proposal that the bank comes to by itself. Nothing is left for the manager to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from assistant.memory import times
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.records import Conversation, MessageRole

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank

TITLE = "A sample: two dogs and a birthday"
_MODEL = "sample"
_SECONDS = timedelta(seconds=9)
"""After which a reply follows its message."""


@dataclass(frozen=True, slots=True)
class _Change:
    """An operation; `about` names the memory within the sample, as ids are the bank's."""

    action: Action
    about: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    """What was said so many days ago at that hour, the reply with the memories it used, and what was remembered."""

    days_ago: int
    hour: int
    said: str
    reply: str
    used: tuple[str, ...] = ()
    changes: tuple[_Change, ...] = ()


_TURNS = (
    _Turn(
        16,
        19,
        "I adopted a dog named Buddy. The vacuum cleaner frightens him.",
        "Welcome home, Buddy! Let the vacuum cleaner stand beside his bowl for some days, switched off.",
        changes=(
            _Change(Action.ADD, "dogs", "User has a dog named Buddy."),
            _Change(Action.ADD, "fear", "Buddy is afraid of the vacuum cleaner."),
        ),
    ),
    _Turn(
        12,
        8,
        "This month I work night shifts at the hospital. I prefer short answers.",
        "Sleep well.",
        changes=(
            _Change(Action.ADD, "nights", "User works night shifts at the hospital."),
            _Change(Action.ADD, "short", "User prefers short answers."),
        ),
    ),
    _Turn(
        9,
        20,
        "Since last week I have a second dog, Scout.",
        "Then Buddy has company. I hope the two get on.",
        used=("dogs",),
        changes=(_Change(Action.UPDATE, "dogs", "User has two dogs named Buddy and Scout."),),
    ),
    _Turn(
        6,
        18,
        "My sister Lena is allergic to nuts. I want to bake a cake for her birthday.",
        "Without nuts, then. A lemon cake needs none.",
        changes=(
            _Change(Action.ADD, "lena", "User's sister Lena is allergic to nuts."),
            _Change(Action.ADD, "doubt", "User is allergic to nuts."),
        ),
    ),
    _Turn(
        3,
        9,
        "The night shifts at the hospital are over since yesterday.",
        "Good. The nights are yours again.",
        used=("nights", "short"),
        changes=(_Change(Action.DELETE, "nights"),),
    ),
    _Turn(
        1,
        17,
        "How many dogs do I have, and what must not be in Lena's cake?",
        "Two dogs, Buddy and Scout. And no nuts: your sister Lena is allergic to them.",
        used=("dogs", "lena"),
    ),
)


def add_sample(bank: MemoryBank, now: datetime | None = None) -> Conversation:
    """Adds the sample to a bank, its last turn on the day before `now`. Raises StorageError.

    `remove_conversation(…, with_memories=True)` takes all of it away again.
    """
    now = now or times.now()
    conversation = bank.new_conversation(TITLE, is_sample=True)
    known: dict[str, int] = {}
    for turn in _TURNS:
        _add_turn(bank, conversation, turn, now, known)
    bank.pin(known["short"])
    return bank.conversation(conversation.id)


def _add_turn(bank: MemoryBank, conversation: Conversation, turn: _Turn, now: datetime, known: dict[str, int]) -> None:
    """Adds a turn; `known` are the ids of the memories by their names in the sample."""
    day = now - timedelta(days=turn.days_ago)
    said_at = day.replace(hour=turn.hour, minute=(turn.hour * 7) % 60, second=0, microsecond=0)
    message = bank.add_message(conversation.id, MessageRole.USER, turn.said, created_at=said_at)
    reply = bank.add_message(conversation.id, MessageRole.ASSISTANT, turn.reply, created_at=said_at + _SECONDS)
    bank.cite(reply.id, [bank.memory(known[name]) for name in turn.used])
    proposed = [MemoryOperation(change.action, known.get(change.about), change.text) for change in turn.changes]
    done = bank.apply(proposed, actor="manager", observed_at=said_at, source_message_id=message.id, model=_MODEL)
    for change, operation in zip(turn.changes, done, strict=True):
        if operation.status is OperationStatus.APPLIED and operation.memory_id is not None:
            known[change.about] = operation.memory_id
