"""The whole bank: opening and closing it, and taking copies of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.errors import InputError, StorageError
from assistant.memory import backups, indexes, jobs, removing, schema, settings, tombstones, transfer
from assistant.memory.bank.browsing import Browsing
from assistant.memory.bank.conversing import Conversing
from assistant.memory.bank.correcting import Correcting
from assistant.memory.bank.queueing import Queueing
from assistant.memory.bank.remembering import Remembering
from assistant.memory.bank.teaching import Teaching
from assistant.memory.database import BUSY_TIMEOUT, Database
from assistant.memory.encryption import Key
from assistant.memory.in_memory import InMemory
from assistant.memory.records import Embedder
from assistant.paths import Paths


class MemoryBank(Conversing, Remembering, Correcting, Queueing, Browsing, Teaching):
    """What is remembered, and the only way to it. `embedder` may be set later, when there is one."""

    backups_kept = backups.KEPT

    @classmethod
    def open(
        cls,
        where: Paths | Path,
        embedder: Embedder | None = None,
        *,
        key: Key | None = None,
        busy_timeout: float = BUSY_TIMEOUT,
        backups_kept: int = backups.KEPT,
    ) -> MemoryBank:
        """Opens the bank in a data folder or a file, making it or bringing it up to date if need be.

        An encrypted one needs its `key`. `busy_timeout`: seconds to wait for another process. `backups_kept`: how many
        of its backups stay. Raises Locked, DatabaseTooNew or another StorageError.
        """
        path = where.database if isinstance(where, Paths) else where
        database = Database(path, key=key, busy_timeout=busy_timeout)
        try:
            schema.migrate(database)
            _bring_up_to_date(database)
        except BaseException:
            database.close()
            raise
        bank = cls(database, embedder)
        bank.backups_kept = backups_kept
        bank._wipe_what_is_left()
        return bank

    @classmethod
    def temporary(cls, embedder: Embedder | None = None) -> MemoryBank:
        """A bank of which nothing is kept: it is in memory alone, writes nothing to the disk, and ends with `close`."""
        database = InMemory.new()
        try:
            schema.migrate(database)
            _bring_up_to_date(database)
        except BaseException:
            database.close()
            raise
        return cls(database, embedder)

    def fork(self) -> MemoryBank:
        """A temporary bank that holds what this one holds now, searched by the same embedder.

        What is then done to one of the two is not seen in the other. Raises StorageError.
        """
        return MemoryBank(InMemory.copy_of(self._database), self.embedder)

    @property
    def is_temporary(self) -> bool:
        """Whether nothing of it is kept."""
        return self._database.is_in_memory

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

    def remove_conversation(self, conversation_id: int, *, with_memories: bool = False) -> list[int]:
        """Removes a conversation for good, from the file, its log and its earlier copies, and says which memories went
        with it: none, or, `with_memories`, those of which every version came from it.

        Raises NotFoundError; a StorageError such as DatabaseBusy if the log or a copy cannot be wiped: the conversation
        is gone then, and the rest is wiped when the bank is next opened by itself, or by the next call.
        """
        with self._database.write() as connection:
            purged = removing.remove(connection, conversation_id, with_memories=with_memories)
            settings.set_copies_to_wipe(connection, True)
        try:
            self._wipe_copies()
        except StorageError as error:
            raise type(error)(
                f"The conversation is removed, but not yet from the database's log and its copies: {error.message}",
                f"That is done when Recollect next starts and nothing else uses the database. {error.hint}".strip(),
            ) from error
        with self._database.write() as connection:
            settings.set_copies_to_wipe(connection, False)
        return purged

    def _wipe_what_is_left(self) -> None:
        """Wipes what could not be wiped when it was removed, if it can be now."""
        with suppress(StorageError):
            with self._database.read() as connection:
                if not settings.has_copies_to_wipe(connection):
                    return
            self._wipe_copies()
            with self._database.write() as connection:
                settings.set_copies_to_wipe(connection, False)

    def export_lines(self) -> Iterator[str]:
        """The whole bank, as it is when the first is read, as JSON lines that `transfer.restore` reads."""
        source = self._database.another()
        try:
            with source.read() as connection:
                yield from transfer.lines(connection)
        finally:
            source.close()

    def back_up(self) -> Path:
        """Makes a checked copy of the database beside it, and lets the oldest one go.

        Raises StorageError, or InputError if the bank is temporary.
        """
        if self.is_temporary:
            raise InputError("There is no backup of a temporary chat: nothing of it is kept.")
        return backups.make(self._database, kept=self.backups_kept)

    def back_up_if_due(self) -> Path | None:
        """Makes a backup if there is none of the last day, and anything to be kept. Raises StorageError."""
        if self.is_temporary or not backups.is_due(self._database.path):
            return None
        with self._database.read() as connection:
            is_empty = not connection.execute(
                "SELECT EXISTS (SELECT 1 FROM message) OR EXISTS (SELECT 1 FROM operation)"
            ).get
        return None if is_empty else self.back_up()


def _bring_up_to_date(database: Database) -> None:
    """Makes anew what depends on how this program takes a text apart, if another version took it apart differently."""
    with database.read() as connection:
        is_current = indexes.is_current(connection)
    if not is_current:
        with database.write() as connection:
            indexes.rebuild(connection)
            tombstones.renew(connection)
