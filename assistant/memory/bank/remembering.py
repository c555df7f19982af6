"""The memories of a bank: what is known and was known, changing it, and taking changes back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from assistant.errors import InputError, StorageError
from assistant.memory import (
    applying,
    backups,
    forgetting,
    growth,
    jobs,
    journal,
    memories,
    overview,
    settings,
    times,
    undo,
)
from assistant.memory.bank.opened import OpenedBank
from assistant.memory.deciding import Mode
from assistant.memory.journal import Entry, Origin
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.records import Growth, Memory, MemoryRow, MemoryVersion, Operation


class Remembering(OpenedBank):
    """The part of the MemoryBank for what is remembered of it."""

    def memories(self, *, include_all: bool = False) -> list[Memory]:
        """The active memories, or all there ever were, oldest first."""
        with self._database.read() as connection:
            return memories.memories(connection, include_all=include_all)

    def memory(self, memory_id: int) -> Memory:
        """The memory with that id, whatever its status. Raises NotFoundError."""
        with self._database.read() as connection:
            return memories.memory(connection, memory_id)

    def memory_rows(self, *, include_all: bool = False, as_of: datetime | None = None) -> list[MemoryRow]:
        """The active memories, or all there ever were, oldest first, with what a table says of each.

        With `as_of`, those that were active then, as they stood; their marks are those of now.
        """
        with self._database.read() as connection:
            return overview.rows(connection, include_all=include_all, as_of=as_of)

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

        `deciding` says what is applied, held or rejected, and why. With `held_for`, what could be applied is held for
        review instead, for that reason; so is all of a reply that names one of the memories `seen` of which the text
        has changed since. Nothing is done, and nothing returned, if the job is no longer ours: another process has done
        it.
        """
        with self._database.write() as connection:
            if job_id is not None and not jobs.finish(connection, job_id, self._owner):
                return []
            origin = Origin(actor, source_message_id, completion, model=model)
            return applying.apply(connection, operations, origin, observed_at, seen=seen, held_for=held_for)

    def hold(
        self,
        completion: str,
        reason: str,
        *,
        source_message_id: int | None,
        model: str | None = None,
        job_id: int | None = None,
    ) -> Operation | None:
        """Keeps a reply that could not be read for review, and finishes the job; None, and nothing, if it is not ours.

        Then another process has done it, or the conversation was removed.
        """
        origin = Origin("manager", source_message_id, completion, model=model)
        with self._database.write() as connection:
            if job_id is not None and not jobs.finish(connection, job_id, self._owner):
                return None
            return journal.write(connection, Entry(Action.NOOP, origin, OperationStatus.HELD, reason=reason))

    def add(self, text: str, *, observed_at: datetime | None = None) -> Memory:
        """Remembers what the user wrote down. Raises InputError if it is empty, too long or known."""
        tidied = applying.tidy(text)
        time = observed_at or times.now()
        with self._database.write() as connection:
            operation = MemoryOperation(Action.ADD, None, tidied)
            if reason := applying.objection(connection, operation, time):
                raise InputError(f"Nothing was added: {reason}.")
            added = applying.say(connection, tidied, Origin(applying.BY_USER), time)
            assert added.memory_id is not None
            return memories.memory(connection, added.memory_id)

    def forget(self, memory_id: int, purge: bool = False) -> Operation:
        """Closes a memory; with `purge`, also wipes its text from the file, its log and its earlier copies for good.

        Struck out of messages is what they say of it, in the sentences that it came from or that were answered from it.
        Raises NotFoundError; InputError if the memory is forgotten already; a StorageError such as DatabaseBusy if the
        log or a copy cannot be wiped: the memory is then, and the purge has to be repeated for the rest.
        """
        with self._database.write() as connection:
            if not purge:
                return forgetting.forget(connection, memory_id)
            operation = forgetting.purge(connection, memory_id)
        try:
            self._wipe_copies()
        except StorageError as error:
            raise type(error)(
                f"The memory is wiped, but not yet from the database's log and its copies: {error.message}",
                f"Then do this again. {error.hint}".strip(),
            ) from error
        return operation

    def _wipe_copies(self) -> None:
        self._database.empty_log()
        if old := backups.all_copies(self._database.path):
            self._database.delete(old)
            backups.make(self._database)

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

    def timeline(self, limit: int = 50, before_id: int | None = None) -> list[Operation]:
        """The newest changes, or the newest before the operation `before_id`; newest first."""
        with self._database.read() as connection:
            return journal.timeline(connection, limit, before_id)

    def growth(self) -> list[Growth]:
        """What each day on which something changed did to the memories, oldest first."""
        with self._database.read() as connection:
            return growth.growth(connection)

    def to_review(self, limit: int = 50) -> list[Operation]:
        """The newest proposals that were rejected, or are held and not settled yet; newest first."""
        with self._database.read() as connection:
            return journal.to_review(connection, limit)
