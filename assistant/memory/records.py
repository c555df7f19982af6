"""The values the bank hands out. Frozen: changing one changes nothing that is stored.

Every id is the database's, every time has a time zone. Knows nothing of databases, models or screens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from assistant.memory.operations import Action, OperationStatus


class MemoryStatus(StrEnum):
    """Whether a memory counts, and if not, why not. Only active ones are searched."""

    ACTIVE = "active"
    RETIRED = "retired"
    """Closed by a DELETE, or its ADD was undone."""
    FORGOTTEN = "forgotten"
    """The user had it forgotten; it does not come back from what was said before that."""
    PURGED = "purged"
    """Forgotten, and its text wiped from the file."""


class MessageRole(StrEnum):
    """Who wrote a message."""

    USER = "user"
    ASSISTANT = "assistant"


class MessageState(StrEnum):
    """Whether a message is whole."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Still being written, or cut off by a crash."""
    STOPPED = "stopped"
    """The user stopped it; what had been written is kept."""


class ItemKind(StrEnum):
    """What a search may find."""

    MEMORY = "memory"
    MESSAGE = "message"


class MatchedBy(StrEnum):
    """What a hit shares with the query: a word, the meaning, or both; RECENT ones share nothing and are merely new."""

    TEXT = "text"
    MEANING = "meaning"
    BOTH = "both"
    RECENT = "recent"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A series of messages."""

    id: int
    title: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `speaker` is None for the one user of the assistant and for the assistant itself."""

    id: int
    conversation_id: int
    role: MessageRole
    speaker: str | None
    text: str
    created_at: datetime
    state: MessageState
    external_id: str | None = None
    """Where an imported message stands in its source; unique."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One short fact as it now stands. `version` counts its changes, from 1."""

    id: int
    text: str
    status: MemoryStatus
    observed_at: datetime
    source_message_id: int | None
    version: int


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the journal: what was proposed, and what became of it.

    `text` is the memory's text after it, `text_before` the one before; `actor` is "manager", "user", "import" or
    "undo"; `completion` is the model's raw reply, kept for review. A held one is `settled` once the user has had it
    carried out or declined it, which is an operation of its own.
    """

    id: int
    action: Action
    status: OperationStatus
    memory_id: int | None
    text: str | None
    text_before: str | None
    reason: str
    actor: str
    created_at: datetime
    source_message_id: int | None
    completion: str | None
    undone: bool
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Citation:
    """A memory that a reply used, with its text at that time; `rank` counts from 1."""

    memory_id: int
    text: str
    rank: int


@dataclass(frozen=True, slots=True)
class Job:
    """A message that the Memory Manager has yet to read. `attempts` counts this one."""

    id: int
    message_id: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Hit:
    """What a search found: exactly one of `memory` and `message` is set. A higher `score` is better."""

    score: float
    matched_by: MatchedBy
    memory: Memory | None = None
    message: Message | None = None


class Embedder(Protocol):
    """Turns texts into vectors of length 1: float32, little endian, `dimensions` of them. May raise EngineError."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> list[bytes]: ...
