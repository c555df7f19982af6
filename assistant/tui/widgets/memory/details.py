"""All that is known of one memory: its versions, who made each, the message it came from, and what stands around that.

Pure but for the bank it reads. Knows nothing of how it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.errors import NotFoundError
from assistant.memory.records import MemoryRow, MemoryVersion, Message, Operation

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank

AROUND = 2
"""Messages that are shown before, and after, the one that a memory came from."""

REPLIES = 5
"""Replies that used a memory and are named."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message in its place: `around` are it and its neighbours, oldest first; `quote` is the part that counts."""

    message: Message
    around: tuple[Message, ...]
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A version of a memory, and the operation that made it, None if it is not known."""

    version: MemoryVersion
    by: Operation | None


@dataclass(frozen=True, slots=True)
class Details:
    """A memory, its versions the newest first, what it came from, and the newest replies that used it."""

    row: MemoryRow
    versions: tuple[Made, ...]
    said: Said | None
    replies: tuple[Message, ...] = ()


def details(bank: MemoryBank, row: MemoryRow) -> Details:
    """What the bank knows of a memory up to the version that the row shows. Raises NotFoundError."""
    memory = row.memory
    known = [version for version in bank.history(memory.id) if version.memory.version <= memory.version]
    versions = tuple(Made(version, _operation(bank, version.operation_id)) for version in reversed(known))
    # What the user has reworded comes from no message any more; what it said before does.
    replies = tuple(bank.replies_using(memory.id, REPLIES))
    source = next((made for made in versions if made.version.memory.source_message_id is not None), None)
    if source is None:
        return Details(row, versions, None, replies)
    quote = source.by.quote if source.by is not None else None
    return Details(row, versions, said(bank, source.version.memory.source_message_id, quote), replies)


def said(bank: MemoryBank, message_id: int | None, quote: str | None) -> Said | None:
    """A message in its place; None if there is none, or none any more."""
    if message_id is None:
        return None
    try:
        around = bank.messages_around(message_id, AROUND, AROUND)
        return Said(next(message for message in around if message.id == message_id), tuple(around), quote)
    except NotFoundError:
        return None


def _operation(bank: MemoryBank, operation_id: int | None) -> Operation | None:
    """The row of the journal with that id, if it changed something."""
    if operation_id is None:
        return None
    found = bank.timeline(1, operation_id + 1)
    return found[0] if found and found[0].id == operation_id else None
