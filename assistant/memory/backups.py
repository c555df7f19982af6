"""Copies of the database that are known to be whole, the newest few of them.

Promises that a copy appears under its name only once it was written, checked and put on the disk, and that at least the
newest one stays. Knows nothing of what is stored.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assistant import log
from assistant.errors import DatabaseDamaged, Locked
from assistant.memory import schema, times
from assistant.memory.database import PARTIAL, Database, problems, put_on_disk
from assistant.memory.encryption import Key
from assistant.paths import make_private_folder

KEPT = 7
"""How many backups are kept."""
REPLACED = ".replaced-"
"""Stands in the name of a database that a backup has replaced."""
EVERY = timedelta(days=1)
_NAME = re.compile(r"recollect-(\d{8}T\d{6})Z\.db")


def folder_of(database: Path) -> Path:
    """Where the backups of a database lie."""
    return database.parent / "backups"


def all_of(database: Path) -> list[Path]:
    """The backups of a database, the newest first."""
    found = (path for path in folder_of(database).glob("recollect-*.db") if _NAME.fullmatch(path.name))
    return sorted(found, reverse=True)


def all_copies(database: Path) -> list[Path]:
    """Every copy that was ever made of a database: backups, and what migrations, restoring and kills left beside it."""
    beside = [path for mark in (f"{REPLACED}*", f".*{PARTIAL}*") for path in database.parent.glob(database.name + mark)]
    return [*folder_of(database).glob("recollect-*"), *schema.earlier_copies(database), *beside]


def made_at(backup: Path) -> datetime:
    """When a backup was made, as its name says."""
    match = _NAME.fullmatch(backup.name)
    assert match is not None
    return datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def is_due(database: Path) -> bool:
    """Whether there is no backup of the last day. One that comes from the future says nothing."""
    now = times.now()
    return not any(timedelta() <= now - made_at(backup) < EVERY for backup in all_of(database))


def restore(path: Path, backup: Path, key: Key | None) -> Path | None:
    """Puts a copy of `backup` in the place of the database at `path`, and says where that one is now, if there was one.

    Nobody else may have it open: raises DatabaseBusy then, DatabaseDamaged if the backup is not whole, or another
    StorageError.
    """
    if found := problems(backup, key):
        raise DatabaseDamaged(f"The backup {backup} is not whole ({found[0]}).", "Take an earlier one.")
    aside = path.with_name(f"{path.name}{REPLACED}{times.now().astimezone(UTC):%Y%m%dT%H%M%S}Z")
    replaces = path.exists()
    copy = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    source = Database(backup, key=key)
    try:
        source.copy_to(copy)  # First, so that what is there stays there if there is no room for both.
        if replaces:
            _set_aside(path, aside, key)
        copy.replace(path)
    finally:
        source.close()
        copy.unlink(missing_ok=True)
    return aside if replaces else None


def _set_aside(path: Path, aside: Path, key: Key | None) -> None:
    try:
        Database(path, key=key).set_aside(aside)
    except (DatabaseDamaged, Locked):  # It cannot be opened, by nobody else either. Its log may still help somebody.
        for end in ("", "-wal", "-shm"):
            file = path.with_name(path.name + end)
            if file.exists():
                file.replace(aside.with_name(aside.name + end))


def make(database: Database, check: Callable[[Path, Key | None], list[str]] = problems, *, kept: int = KEPT) -> Path:
    """Makes a backup, checks it and lets all but the newest `kept` go. Others may read and write meanwhile.

    Raises DatabaseDamaged if the copy is not whole, or another StorageError.
    """
    folder = folder_of(database.path)
    make_private_folder(folder)
    backup = folder / f"recollect-{times.now().astimezone(UTC):%Y%m%dT%H%M%S}Z.db"
    unchecked = backup.with_suffix(f".{secrets.token_hex(4)}.unchecked")  # Others may make one in this second.
    source = database.another()
    try:
        source.copy_to(unchecked)
    finally:
        source.close()
    found = check(unchecked, database.key)
    if found:
        database.delete([unchecked])
        raise DatabaseDamaged(
            f"A backup of {database.path} was made and is not whole ({found[0]}).",
            "The earlier backups were kept; `recollect doctor` says more.",
        )
    put_on_disk(unchecked)
    unchecked.replace(backup)
    put_on_disk(folder)
    database.delete(_oldest_first(database.path)[:-kept])
    log.event("a backup was made", bytes=backup.stat().st_size)
    return backup


def _oldest_first(database: Path) -> list[Path]:
    """The backups of a database in the order in which they are let go: those from the future first."""
    now = times.now()
    return sorted(all_of(database), key=lambda backup: (made_at(backup) <= now, made_at(backup)))
