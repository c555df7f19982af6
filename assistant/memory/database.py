"""One SQLite file: opening it, transactions, and what its errors mean to a user.

Promises that a transaction that returned is on the disk (WAL, synchronous=FULL), that one that raised changed nothing,
and that several threads and processes may use the same file. Knows nothing of what is stored.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from assistant.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DiskFull,
    NotWritable,
    StorageError,
)
from assistant.memory import encryption
from assistant.memory.encryption import Key
from assistant.paths import make_private_folder

BUSY_TIMEOUT = 5.0
"""Seconds that we wait for another process to finish its transaction."""
PARTIAL = ".partial"
"""Ends the name of a file that is not whole yet."""
CACHE_KIB = 32_000
"""As much as the signs of 300,000 vectors, so that a search reads and decrypts them once. Taken as it is needed."""


class Database:
    """A connection that several threads share, one transaction at a time."""

    is_in_memory = False

    def __init__(self, path: Path, *, key: Key | None = None, busy_timeout: float = BUSY_TIMEOUT) -> None:
        """Opens the file, making it (mode 0600) and its folder (0700) if missing; changes nothing in it yet.

        An encrypted one needs its `key`. Raises Locked if that is missing or wrong, or another StorageError.
        """
        self.path = path
        self.key = key
        self._busy_timeout = busy_timeout
        self._lock = threading.RLock()
        with self._told():
            address = self._make()
            # As a URI, because what is written anew under a key is named by one.
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
            self._connection = apsw.Connection(address, flags=flags)
            try:
                self._set_up(busy_timeout)
            except BaseException:
                self._connection.close()
                raise

    def _make(self) -> str:
        """Makes the file if it is missing, and says how SQLite is told of it."""
        make_private_folder(self.path.parent)
        _make_private_file(self.path)
        return str(self.path)

    def _set_up(self, busy_timeout: float) -> None:
        connection = self._connection
        connection.set_busy_timeout(round(busy_timeout * 1000))
        _unlock(connection, self.key, self.path)
        connection.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten with zeros, or a purged text would stay on free pages.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = FULL")
        # Nothing is written beside the database while something is sorted.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
        self.has_vectors = _load_vector_functions(connection)

    def prepare_to_write(self) -> None:
        """Sets the file up for writing beside other processes. Raises StorageError if it cannot be written."""
        with self._lock, self._told():
            if not self.is_in_memory and self._connection.pragma("journal_mode") != "wal":
                self._connection.pragma("journal_mode", "wal")
            # What cannot be written opens well, and fails at the first write: find out now.
            if self._connection.readonly("main"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            for file in _beside(self.path):
                if file.exists() and not os.access(file, os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with self.write():
            pass

    def another(self) -> Database:
        """A second connection to the same file, for what takes long: nobody waits for it who uses this one."""
        return type(self)(self.path, key=self.key, busy_timeout=self._busy_timeout)

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """A consistent view of the database. Raises StorageError."""
        with self._transaction("BEGIN DEFERRED") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """A transaction that is wholly on the disk when the block is left, or not at all. Raises StorageError."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[apsw.Connection]:
        with self._lock, self._told():
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk ends the transaction by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def empty_log(self) -> None:
        """Moves the write-ahead log into the database and cuts it to nothing. Raises StorageError."""
        with self._lock, self._told():
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def copy_to(self, path: Path) -> None:
        """Writes a copy of the database to `path`, whole or not at all. Raises StorageError."""
        with self._lock, self._told(), _partial(path) as partial:
            target = apsw.Connection(str(partial))
            try:
                _unlock(target, self.key, partial)
                with target.backup("main", self._connection, "main") as backup:
                    backup.step()
                # One file, that needs no log beside it to be read.
                target.pragma("journal_mode", "delete")
            finally:
                target.close()

    def copy_into(self, other: Database) -> None:
        """Writes what this one holds, under no key, into an empty one that is in memory. Raises StorageError."""
        # Not as a backup: that would copy the mark of a write-ahead log as well, which there is none of in memory.
        with self._lock, self._told():
            self._connection.execute("VACUUM INTO ?", (f"{other._make()}&key=",))

    def replace(self, key: Key | None) -> None:
        """Puts the same database under another key, or a plain one, in the place of this one, whole or not at all.

        Nobody else may have it open, or DatabaseBusy is raised. This one is closed then. Raises StorageError.
        """
        encryption.ensure_available()
        with self._lock, self._told():
            try:
                self._take_for_oneself()
                with _partial(self.path) as partial:
                    self._connection.execute("VACUUM INTO ?", (encryption.address(partial, key),))
                    if found := problems(partial, key):
                        raise DatabaseDamaged(f"A copy of {self.path} is not whole ({found[0]}).", "It stays as it is.")
                    put_on_disk(partial)
                put_on_disk(self.path.parent)
            finally:
                self._connection.close()
            # What is left of the old file's journal is of no use, and may hold what is to be hidden.
            self.path.with_name(self.path.name + "-journal").unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """Renames the file to `path`, its log within it, and closes it. Nobody else may have it open.

        Raises DatabaseBusy then, or another StorageError.
        """
        with self._lock, self._told():
            try:
                self._take_for_oneself()
                self.path.replace(path)
            finally:
                self._connection.close()

    def _take_for_oneself(self) -> None:
        """Ends the log: one that outlived the file it belongs to would be read into the new one."""
        self._connection.pragma("locking_mode", "exclusive")
        if self._connection.pragma("journal_mode", "delete") != "delete":
            raise apsw.BusyError("the log is in use")
        self._connection.execute("BEGIN EXCLUSIVE; COMMIT")  # The lock stays.

    def delete(self, files: Iterable[Path]) -> None:
        """Deletes files beside the database. Raises StorageError."""
        with self._told():
            for file in files:
                file.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the connection. Closing twice is fine."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns SQLite's and the system's errors into ones that say what to do."""
        try:
            yield
        except (apsw.ConstraintError, apsw.SQLError):
            raise  # A bug of ours, not a state of the disk.
        except (apsw.Error, OSError) as error:
            raise storage_error(error, self.path) from error


def storage_error(error: apsw.Error | OSError, path: Path) -> StorageError:
    """What `error` means to the user whose memory is at `path`."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return DatabaseBusy(
                f"Another process has been writing to {path} for too long.",
                "Wait for it or close it, then try again; nothing was changed.",
            )
        case apsw.FullError() | OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return DiskFull(
                f"There is no room left to write to {path}.",
                "Free some space and try again; what was saved before is still there.",
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | OSError():
            return NotWritable(
                f"{path} cannot be opened for writing ({error}).",
                "Make the file and its folder writable, or name another folder with RECOLLECT_DATA_DIR.",
            )
        case apsw.NotADBError() | apsw.CorruptError():
            return DatabaseDamaged(
                f"{path} is damaged or is not a database of Recollect ({error}).",
                "Move it away and put a copy in its place, or start anew without it.",
            )
        case apsw.ConnectionClosedError():
            return StorageError(f"{path} was closed.", "Open it again.")
    what = str(error)
    if what == "not an error":  # It was another connection's.
        what = str(apsw.mapping_extended_result_codes.get(getattr(error, "extendedresult", 0), "unknown"))
    return StorageError(
        f"{path} could not be read or written ({what}).",
        "Check the disk and its free space, then try again; what was saved before is still there.",
    )


def problems(path: Path, key: Key | None = None) -> list[str]:
    """What SQLite finds wrong with the database at `path`, in its own words; nothing if it is whole.

    Raises Locked if it is encrypted and `key` is missing or wrong.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            _unlock(connection, key, path)
            rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
            orphans = connection.execute("SELECT count(*) FROM pragma_foreign_key_check").get
        finally:
            connection.close()
    except apsw.Error as error:
        return [str(error)]
    found = [row for row in rows if row != "ok"]
    return [*found, f"{orphans} rows refer to others that are not there"] if orphans else found


def put_on_disk(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _unlock(connection: apsw.Connection, key: Key | None, path: Path) -> None:
    """Lets the connection read the file, if it takes a key. Raises Locked if that is missing or wrong."""
    if key is not None:
        encryption.unlock(connection, key, path)
        return
    try:
        connection.pragma("schema_version")
    except apsw.NotADBError:
        if encryption.is_encrypted(path):
            raise encryption.locked(path) from None
        raise


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """A private file for what is to become the one at `path`: it gets that name once the block is left, or is deleted.

    Its name is its own, as another process may be making the same.
    """
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        _make_private_file(partial)
        yield partial
        partial.replace(path)
    except BaseException:
        for file in (partial, *_beside(partial)):
            file.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> list[Path]:
    """Where SQLite puts what does not stand in the database itself yet."""
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def _make_private_file(path: Path) -> None:
    # SQLite gives its log and shared memory the mode of the database, so the mode has to be right from the start. One
    # that is there is left alone: closing it would let go of this process's locks on it, other connections' as well.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _load_vector_functions(connection: apsw.Connection) -> bool:
    """Loads sqlite-vec where it is installed; without it, search is by text alone."""
    # Found without importing it: the package pulls in numpy, which costs more than the rest of the start.
    spec = importlib.util.find_spec("sqlite_vec")
    if spec is None or not spec.submodule_search_locations:
        return False
    connection.enable_load_extension(True)
    try:
        connection.load_extension(str(Path(spec.submodule_search_locations[0]) / "vec0"))
    except apsw.ExtensionLoadingError:
        return False
    finally:
        connection.enable_load_extension(False)
    return True
