"""The MemoryBank: all that is remembered, in one SQLite file.

Promises that each method is one transaction, on the disk once it returned and without a trace if it raised; that one
bank may be used from several threads and one file by several processes; and that nothing is changed without a row in
the journal. Every method raises StorageError where the disk or another process is in the way. Knows nothing of
models: whatever makes vectors is passed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.errors import InputError, StorageError
from assistant.memory import (
    applying,
    backups,
    conversations,
    forgetting,
    indexes,
    jobs,
    journal,
    memories,
    review,
    schema,
    search,
    settings,
    times,
    tombstones,
    transfer,
    undo,
)
from assistant.memory.conversations import NewMessage
from assistant.memory.database import BUSY_TIMEOUT, Database
from assistant.memory.deciding import Mode
from assistant.memory.embedding import Embedding
from assistant.memory.encryption import Key
from assistant.memory.journal import Entry, Origin
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.records import (
    ANY_TIME,
    Citation,
    Conversation,
    Embedder,
    Hit,
    ItemKind,
    Job,
    MatchedBy,
    Memory,
    MemoryStatus,
    MemoryVersion,
    Message,
    MessageRole,
    MessageState,
    Operation,
    Times,
)
from assistant.paths import Paths

__all__ = [
    "Citation",
    "Conversation",
    "Embedder",
    "Hit",
    "ItemKind",
    "Job",
    "MatchedBy",
    "Memory",
    "MemoryBank",
    "MemoryStatus",
    "MemoryVersion",
    "Message",
    "MessageRole",
    "MessageState",
    "Mode",
    "Operation",
    "Times",
]

TEXT_ONLY = "text"
TEXT_AND_MEANING = "text and meaning"


class MemoryBank:
    """What is remembered, and the only way to it. `embedder` may be set later, when there is one."""

    def __init__(self, database: Database, embedder: Embedder | None = None) -> None:
        """Takes a database that has the tables; `open` is the usual way."""
        self._database = database
        self._embedding = Embedding(database, embedder)
        self._owner = jobs.new_owner()

    @classmethod
    def open(
        cls,
        where: Paths | Path,
        embedder: Embedder | None = None,
        *,
        key: Key | None = None,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> MemoryBank:
        """Opens the bank in a data folder or a file, making it or bringing it up to date if need be.

        An encrypted one needs its `key`. `busy_timeout`: seconds to wait for another process. Raises Locked,
        DatabaseTooNew or another StorageError.
        """
        path = where.database if isinstance(where, Paths) else where
        database = Database(path, key=key, busy_timeout=busy_timeout)
        try:
            schema.migrate(database)
            _bring_up_to_date(database)
        except BaseException:
            database.close()
            raise
        return cls(database, embedder)

    def close(self) -> None:
        """Puts back unfinished jobs and closes the file. Closing twice is fine."""
        try:
            with self._database.write() as connection:
                jobs.release_all(connection, self._owner)
        except StorageError:
            pass  # They are taken back from us once this process is gone.
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # Conversations and messages

    def conversations(self) -> list[Conversation]:
        """All conversations, the one begun last first."""
        with self._database.read() as connection:
            return conversations.conversations(connection)

    def latest_conversation(self) -> Conversation | None:
        """The conversation that was last written in, imported ones aside."""
        with self._database.read() as connection:
            return conversations.latest(connection)

    def new_conversation(self, title: str = "") -> Conversation:
        """Begins a conversation."""
        with self._database.write() as connection:
            return conversations.new(connection, title)

    def add_message(
        self,
        conversation_id: int,
        role: str,
        text: str,
        *,
        speaker: str | None = None,
        created_at: datetime | None = None,
        state: str = MessageState.COMPLETE,
        external_id: str | None = None,
        remember: bool = False,
    ) -> Message:
        """Saves a message; with `remember`, the manager's job to read it is queued along with it.

        One whose `external_id` is known is returned as it was saved, and not queued again. Raises NotFoundError if
        there is no such conversation, InputError if the text is no Unicode.
        """
        new = NewMessage(
            conversation_id, MessageRole(role), text, speaker, created_at, MessageState(state), external_id
        )
        with self._database.write() as connection:
            message, is_new = conversations.add_message(connection, new)
            if remember and is_new:
                jobs.add(connection, message.id)
            return message

    def update_message(self, message_id: int, text: str, state: str) -> None:
        """Replaces a message's text and state, as a reply does while it is written. Raises NotFoundError."""
        with self._database.write() as connection:
            conversations.update_message(connection, message_id, text, MessageState(state))

    def message(self, message_id: int) -> Message:
        """The message with that id. Raises NotFoundError."""
        with self._database.read() as connection:
            return conversations.message(connection, message_id)

    def messages(self, conversation_id: int, limit: int, before_id: int | None = None) -> list[Message]:
        """The newest messages of a conversation, or the newest before `before_id`; oldest first."""
        with self._database.read() as connection:
            return conversations.messages(connection, conversation_id, limit, before_id)

    def cite(self, message_id: int, used: Sequence[Memory]) -> None:
        """Writes down which memories a reply used, in that order. Raises NotFoundError."""
        with self._database.write() as connection:
            conversations.cite(connection, message_id, used)

    def citations(self, message_id: int) -> list[Citation]:
        """The memories that a reply used, in the order it named them."""
        with self._database.read() as connection:
            return conversations.citations(connection, message_id)

    # Memories

    def memories(self, *, include_all: bool = False) -> list[Memory]:
        """The active memories, or all there ever were, oldest first."""
        with self._database.read() as connection:
            return memories.memories(connection, include_all=include_all)

    def memory(self, memory_id: int) -> Memory:
        """The memory with that id, whatever its status. Raises NotFoundError."""
        with self._database.read() as connection:
            return memories.memory(connection, memory_id)

    def as_of(self, time: datetime) -> list[Memory]:
        """What the bank knew at `time`: the memories that were active then, as they stood, oldest first."""
        with self._database.read() as connection:
            return memories.as_of(connection, time)

    def history(self, memory_id: int) -> list[MemoryVersion]:
        """All that the memory ever said, oldest first. Raises NotFoundError."""
        with self._database.read() as connection:
            return memories.history(connection, memory_id)

    @property
    def mode(self) -> Mode:
        """What becomes of what a model proposes: applied, held to be asked about, or rejected."""
        with self._database.read() as connection:
            return settings.mode(connection)

    @mode.setter
    def mode(self, mode: Mode) -> None:
        with self._database.write() as connection:
            settings.set_mode(connection, mode)

    def apply(
        self,
        operations: Sequence[MemoryOperation],
        *,
        actor: str,
        observed_at: datetime,
        source_message_id: int | None = None,
        completion: str | None = None,
        model: str | None = None,
        job_id: int | None = None,
        seen: Sequence[Memory] = (),
        held_for: str = "",
    ) -> list[Operation]:
        """Applies what can be applied, journals everything and finishes the job, in one transaction.

        An operation is rejected, with the reason, if its memory is unknown or not active, or its text is empty, too
        long, said by another active memory, or forgotten since `observed_at`. With `held_for`, what could be applied is
        held for review instead, for that reason; so is all of a reply that names one of the memories `seen` of which
        the text has changed since. Nothing is done, and nothing returned, if the job is no longer ours: another process
        has done it.
        """
        with self._database.write() as connection:
            if job_id is not None and not jobs.finish(connection, job_id, self._owner):
                return []
            origin = Origin(actor, source_message_id, completion, model=model)
            return applying.apply(connection, operations, origin, observed_at, seen=seen, held_for=held_for)

    def accept(self, operation_id: int) -> Operation:
        """Carries out a held operation, as the user's. Raises NotFoundError, or InputError saying why it cannot be."""
        with self._database.write() as connection:
            return review.accept(connection, operation_id)

    def decline(self, operation_id: int) -> Operation:
        """Settles a held operation without carrying it out. Raises NotFoundError, or InputError if it is not held."""
        with self._database.write() as connection:
            return review.decline(connection, operation_id)

    def hold(
        self,
        completion: str,
        reason: str,
        *,
        source_message_id: int | None,
        model: str | None = None,
        job_id: int | None = None,
    ) -> Operation:
        """Keeps a reply that could not be read for review, and finishes the job if it is still ours."""
        origin = Origin("manager", source_message_id, completion, model=model)
        with self._database.write() as connection:
            if job_id is not None:
                jobs.finish(connection, job_id, self._owner)
            return journal.write(connection, Entry(Action.NOOP, origin, OperationStatus.HELD, reason=reason))

    def add(self, text: str, *, observed_at: datetime | None = None) -> Memory:
        """Remembers what the user wrote down. Raises InputError if it is empty, too long or known."""
        tidied = applying.tidy(text)
        time = observed_at or times.now()
        with self._database.write() as connection:
            operation = MemoryOperation(Action.ADD, None, tidied)
            if reason := applying.objection(connection, operation, time):
                raise InputError(f"Nothing was added: {reason}.")
            tombstones.lift_for(connection, tidied)
            added = applying.say(connection, tidied, Origin(applying.BY_USER), time)
            assert added.memory_id is not None
            return memories.memory(connection, added.memory_id)

    def forget(self, memory_id: int, purge: bool = False) -> Operation:
        """Closes a memory; with `purge`, also wipes its text from the file, its log and its earlier copies for good.

        Messages keep what was said in them. Raises NotFoundError; InputError if the memory is forgotten already;
        DatabaseBusy if another process keeps the log from being emptied: the purge is done then, but has to be
        repeated to wipe the log as well.
        """
        with self._database.write() as connection:
            if not purge:
                return forgetting.forget(connection, memory_id)
            operation = forgetting.purge(connection, memory_id)
        self._database.empty_log()
        old = [*schema.earlier_copies(self._database.path), *backups.all_of(self._database.path)]
        self._database.delete(old)
        if old:
            backups.make(self._database)
        return operation

    def export_lines(self) -> Iterator[str]:
        """The whole bank as JSON lines, as `transfer.restore` reads them. Holds up writing until all are read."""
        with self._database.read() as connection:
            yield from transfer.lines(connection)

    def back_up(self) -> Path:
        """Makes a checked copy of the database beside it, and lets the oldest one go. Raises StorageError."""
        return backups.make(self._database)

    def back_up_if_due(self) -> Path | None:
        """Makes a backup if the newest one is older than a day. Raises StorageError."""
        return self.back_up() if backups.is_due(self._database.path) else None

    def undo(self, operation_id: int | None = None) -> Operation:
        """Undoes that operation, or the newest that stands; undoing an undo by its id is redo.

        Raises InputError saying why not, or NotFoundError.
        """
        with self._database.write() as connection:
            return undo.undo(connection, operation_id)

    def redo(self, operation_id: int | None = None) -> Operation:
        """Does what was undone again: the operation with that id, or the one undone last that can still be redone.

        Raises InputError saying why not, or NotFoundError.
        """
        with self._database.write() as connection:
            return undo.redo(connection, operation_id)

    def operations(
        self, limit: int = 50, source_message_id: int | None = None, status: OperationStatus | None = None
    ) -> list[Operation]:
        """The newest rows of the journal, newest first."""
        with self._database.read() as connection:
            return journal.operations(connection, limit, source_message_id, status)

    def to_review(self, limit: int = 50) -> list[Operation]:
        """The newest proposals that were rejected, or are held and not settled yet; newest first."""
        with self._database.read() as connection:
            return journal.to_review(connection, limit)

    # The manager's queue

    def next_job(self) -> Job | None:
        """The oldest job that waits, now ours; None if none does, or while another is being done in any process."""
        with self._database.write() as connection:
            return jobs.take(connection, self._owner)

    def finish_job(self, job_id: int) -> None:
        """Marks a job of ours as done."""
        with self._database.write() as connection:
            jobs.finish(connection, job_id, self._owner)

    def fail_job(self, job_id: int, error: str) -> None:
        """Puts a job of ours back; after the third failure it is held, with a row in the journal for review."""
        with self._database.write() as connection:
            jobs.fail(connection, job_id, self._owner, error)

    def release_job(self, job_id: int) -> None:
        """Puts a job of ours back as if it had not been tried."""
        with self._database.write() as connection:
            jobs.release(connection, job_id, self._owner)

    def pending_jobs(self) -> int:
        """How many jobs are not done, the one being done among them."""
        with self._database.read() as connection:
            return jobs.count(connection)

    # Search

    @property
    def embedder(self) -> Embedder | None:
        """What makes vectors of queries and of what is to be found; without one, search is by text."""
        return self._embedding.embedder

    @embedder.setter
    def embedder(self, embedder: Embedder | None) -> None:
        self._embedding.embedder = embedder

    @property
    def successor(self) -> Embedder | None:
        """The embedder that takes over as soon as all its vectors are made, and that one's go; until then none does."""
        return self._embedding.successor

    @successor.setter
    def successor(self, successor: Embedder | None) -> None:
        self._embedding.successor = successor

    @property
    def search_mode(self) -> str:
        """ "text and meaning", or "text" while there is no working embedder."""
        return TEXT_AND_MEANING if self._embedding.works else TEXT_ONLY

    def search(
        self,
        query: str,
        *,
        limit: int = 8,
        kinds: Sequence[str] = (ItemKind.MEMORY,),
        floor: bool = True,
        when: Times = ANY_TIME,
    ) -> list[Hit]:
        """What has to do with `query`, best first; nothing, if nothing has.

        `floor=False` fills up to `limit`, for a reader that chooses by itself: of the memories that answer a question,
        the floor loses 7 in 100.
        """
        wanted = [ItemKind(kind) for kind in kinds]
        vector = self._embedding.query(query)
        with self._database.read() as connection:
            return search.search(connection, query, vector, limit=limit, kinds=wanted, floor=floor, when=when)

    def index_all(self) -> None:
        """Makes vectors for all that has none. Raises EngineError if the embedder fails."""
        while self.index_pending():
            pass

    def index_pending(self, batch: int = 32) -> int:
        """Makes vectors for up to `batch` memories and messages that have none, and says for how many; 0 if all do.

        With a `successor`, it is made ready next, and then takes over. Other threads may use the bank meanwhile. Raises
        EngineError if the embedder fails.
        """
        return self._embedding.make_some(batch)


def _bring_up_to_date(database: Database) -> None:
    """Makes anew what depends on how this program takes a text apart, if another version took it apart differently."""
    with database.read() as connection:
        is_current = indexes.is_current(connection)
    if not is_current:
        with database.write() as connection:
            indexes.rebuild(connection)
            tombstones.renew(connection)
