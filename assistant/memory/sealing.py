"""Encrypting a bank that is there, decrypting it, and changing its passphrase.

Promises that the bank is, whenever this is cut off, whole in the old form or in the new one, and that no copy of ours
in the old form stays beside it. What a disk keeps of deleted files is beyond it.
"""

from __future__ import annotations

from pathlib import Path

from assistant.memory import backups
from assistant.memory.database import Database
from assistant.memory.encryption import Key


def change_key(path: Path, before: Key | None, after: Key | None) -> None:
    """Puts the bank at `path` under another key, or under none, and makes a new backup in place of the old copies.

    Nobody else may have it open: raises DatabaseBusy then, or another StorageError.
    """
    Database(path, key=before).replace(after)
    database = Database(path, key=after)
    try:
        database.prepare_to_write()
        database.delete(backups.all_copies(path))
        backups.make(database)
    finally:
        database.close()
