"""The values the bank hands out. Frozen: changing one changes nothing that is stored.

Every id is the database's, every time has a time zone. Knows nothing of databases, models or screens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from assistant.memory.hidden import Hidden
from assistant.memory.kinds import MemoryKind
from assistant.memory.operations import Action, OperationStatus
from assistant.memory.periods import Period


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
    """Messages, each of which follows another: a tree, of which the branch is shown that ends at `head_id`.

    A model that no longer reads all of a branch reads from the message `seen_from` on. A sample came with the program;
    nothing is learned from one that is excluded.
    """

    id: int
    title: str
    created_at: datetime
    seen_from: int | None = None
    head_id: int | None = None
    is_sample: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A conversation as a list shows it: `message_count` counts all branches, and `last_at` is when it was last written
    in, `opening` how the last message of the shown branch begins, on one line."""

    conversation: Conversation
    message_count: int
    last_at: datetime
    opening: str
    is_imported: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation that a search found: by `message`, its best one, or by its title alone, then `message` is None.

    `excerpt` is a line of the message around what was looked for, or the title; `spans` are the characters of it that
    match, as (begin, end). A higher `score` is better.
    """

    conversation: Conversation
    message: Message | None
    excerpt: str
    spans: tuple[tuple[int, int], ...]
    score: float


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
    parent_id: int | None = None
    """The message that it follows; None for the first."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One short fact as it now stands. `version` counts its changes, from 1.

    `observed_at` is when it was said, `holds_from` and `holds_until` when it holds, each None where nobody knows. A
    `pinned` one is always on offer and never changed unasked, one to `never_use` is never on offer.
    """

    id: int
    text: str
    status: MemoryStatus
    observed_at: datetime
    source_message_id: int | None
    version: int
    holds_from: Period | None = None
    holds_until: Period | None = None
    pinned: bool = False
    never_use: bool = False


@dataclass(frozen=True, slots=True)
class MemoryVersion:
    """What a memory said for a time: from `since` on, by the operation with that id."""

    memory: Memory
    since: datetime
    operation_id: int | None


class MemoryOrigin(StrEnum):
    """Where what a memory says came from."""

    SAID = "said"
    """From a message in a chat."""
    WRITTEN = "written"
    """The user wrote it as it stands."""
    IMPORTED = "imported"
    """From a file that was brought in."""


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """A memory as a table shows it: says it `since` then; `uses` replies used it, the newest of them at `last_used`."""

    memory: Memory
    kind: MemoryKind
    since: datetime
    origin: MemoryOrigin
    last_used: datetime | None
    uses: int


class FeedbackKind(StrEnum):
    """What the user said of a memory."""

    WRONG = "wrong"
    OUTDATED = "outdated"
    NEVER_USE = "never use"
    USE_AGAIN = "use again"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    EDITED = "edited"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the user said of a memory and when: of the reply `message_id` that used it, carried out by `operation_id`.

    Of memories that were merged it is the first operation of the merge.
    """

    id: int
    memory_id: int
    message_id: int | None
    operation_id: int | None
    kind: FeedbackKind
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the journal: what was proposed, and what became of it.

    `text` is the memory's text after it, `text_before` the one before; `actor` is "manager", "user", "import" or
    "undo"; `completion` is the raw reply of `model`, kept for review, `quote` the part of the source message that the
    operation rests on. A held one is `settled` once the user has had it carried out, declined it or had its message
    read again, which is an operation of its own.
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
    model: str | None = None
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A held operation that the user has yet to settle, with the message that it came from.

    `stale` says why it can no longer be carried out as it stands, "" if it can. `hidden` is what nobody can see in its
    text, and then in the message.
    """

    operation: Operation
    message: Message | None
    stale: str
    hidden: tuple[Hidden, ...]


@dataclass(frozen=True, slots=True)
class Growth:
    """What a day did to the memories: `active` of them count at its end."""

    day: date
    active: int
    added: int
    changed: int
    ended: int


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
class Explanation:
    """Where the score of a hit comes from: the reciprocals of both ranks, moved by `search.RANK_CONSTANT`, added up.

    A rank counts from 1 and is None where the hit was not found that way; `words` are those of the query that it
    shares, `cosine` is how near it is in meaning, from -1 to 1.
    """

    words: tuple[str, ...] = ()
    text_rank: int | None = None
    meaning_rank: int | None = None
    cosine: float | None = None

    @property
    def matched_by(self) -> MatchedBy:
        match self.text_rank is not None, self.meaning_rank is not None:
            case True, True:
                return MatchedBy.BOTH
            case True, False:
                return MatchedBy.TEXT
            case False, True:
                return MatchedBy.MEANING
        return MatchedBy.RECENT


@dataclass(frozen=True, slots=True)
class Hit:
    """What a search found: exactly one of `memory` and `message` is set. A higher `score` is better."""

    score: float
    why: Explanation
    memory: Memory | None = None
    message: Message | None = None

    @property
    def matched_by(self) -> MatchedBy:
        """What it shares with the query."""
        return self.why.matched_by


@dataclass(frozen=True, slots=True)
class Times:
    """Which times to search: what was said from `said_from` on and before `said_before`, what holds on `holds_on`.

    A memory of which nobody knows since when, or until when, holds at any time so far as that goes. Messages hold
    always.
    """

    said_from: datetime | None = None
    said_before: datetime | None = None
    holds_on: date | None = None


ANY_TIME = Times()


class Embedder(Protocol):
    """Turns texts into vectors of length 1: float32, little endian, `dimensions` of them. May raise EngineError."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> list[bytes]: ...
