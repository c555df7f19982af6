"""A database in memory alone.

Promises that nothing of it is written to the disk, and that it is gone once its last connection is closed.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from assistant.memory.database import Database


class InMemory(Database):
    """As any other database, but without a file. Those of the same path are the same one."""

    is_in_memory = True

    @classmethod
    def new(cls) -> InMemory:
        """An empty one."""
        # There is no such folder: so no file is ever taken for a copy of it.
        return cls(Path(f"/temporary-{secrets.token_hex(16)}/chat"))

    @classmethod
    def copy_of(cls, database: Database) -> InMemory:
        """One that holds what `database` holds now, and goes its own way from then on. Raises StorageError."""
        copy = cls.new()
        try:
            database.copy_into(copy)
        except BaseException:
            copy.close()
            raise
        return copy

    def copy_into(self, other: Database) -> None:
        with self._lock, self._told(), other._connection.backup("main", self._connection, "main") as backup:
            backup.step()

    def _make(self) -> str:
        return f"file:/{self.path.parent.name}?vfs=memdb"
