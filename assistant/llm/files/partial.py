"""The beginning of a file that is being downloaded: on disk, hashed as it grows, and one process's alone.

Promises that what is counted as there is there, and that the file comes to its place whole and in one step. Does not
know the network.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.errors import DiskFull, InputError, NotWritable
from assistant.quantities import in_words

fcntl: Any
try:
    import fcntl
except ImportError:
    fcntl = None

GOES_ON = "The same command goes on where it stopped."


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of the file whose beginning is on disk. `address` is without what might let somebody in."""

    address: str
    etag: str | None = None
    modified: str | None = None
    total: int | None = None
    sha256: str | None = None

    @property
    def validator(self) -> str | None:
        """What If-Range takes: a strong ETag, or a date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def same_as(self, other: Source) -> bool:
        """Whether nothing that both state differs."""
        mine, theirs = asdict(self), asdict(other)
        return all(theirs[key] in (None, value) for key, value in mine.items() if value is not None)


class Partial:
    """The beginning of a file on disk, its hash, and where it comes from. Open, and locked by `locked_partial`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        # Unbuffered: what a full disk took and what it did not must be known.
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        self._notes = path.with_name(f"{path.name}.json")
        self._digest = hashlib.sha256()
        self.done = 0
        self.source: Source | None = None
        with suppress(OSError, ValueError, TypeError):
            self.source = Source(**json.loads(self._notes.read_text(encoding="utf-8")))
        while self.source is not None and (block := self._file.read(1 << 20)):
            self._digest.update(block)
            self.done += len(block)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def begin(self, source: Source) -> None:
        """Drops what is there, and notes where the rest will come from."""
        self.clear()
        with self._writing():
            with os.fdopen(os.open(self._notes, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as notes:
                json.dump(asdict(source), notes)
            self.source = source

    def append(self, data: bytes) -> None:
        """Writes all of `data`; of what a full disk leaves out nothing is counted."""
        view = memoryview(data)
        with self._writing():
            while view:
                written = self._file.write(view)
                self._digest.update(view[:written])
                self.done += written
                view = view[written:]

    def clear(self) -> None:
        """Drops what is there."""
        with self._writing():
            self._file.truncate(0)
            self._file.seek(0)
            self._digest, self.done, self.source = hashlib.sha256(), 0, None
            self._notes.unlink(missing_ok=True)

    def discard(self) -> None:
        """Drops what is there, and the file itself: the last step of a call."""
        self.clear()
        with self._writing():
            self.path.unlink(missing_ok=True)

    def keep_as(self, target: Path) -> None:
        """Moves the file to its place, in one step."""
        with self._writing():
            os.fsync(self._file.fileno())
            self.path.replace(target)
            self._notes.unlink(missing_ok=True)

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise write_error(error, self.path, self.done) from error


@contextmanager
def locked_partial(target: Path) -> Iterator[Partial]:
    """The partial file of `target`, which no other process writes at the same time."""
    path = target.with_name(f"{target.name}.partial")
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = _open_locked(path) if fcntl is not None else _open_beside(path, lock)
    except (BlockingIOError, FileExistsError) as error:
        hint = "Wait for it to end." if fcntl is not None else f"Wait for it to end. If there is none, delete {lock}."
        raise InputError(f"{target.name} is already being downloaded.", hint) from error
    except OSError as error:
        raise write_error(error, path, 0) from error
    try:
        partial = Partial(path, descriptor)
        try:
            yield partial
        finally:
            partial.close()
    finally:
        if fcntl is None:
            lock.unlink(missing_ok=True)


def _open_locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who held the lock until now may have moved this very file to its target, or removed it.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _open_beside(path: Path, lock: Path) -> int:
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def write_error(error: OSError, path: Path, done: int) -> DiskFull | NotWritable:
    """What to tell about a file that cannot be written, of which `done` bytes are there."""
    # EFBIG: a limit on the size of files, which ends a download as a full disk does.
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(f"The disk is full after {in_words(done)} of the download.", f"Free some space. {GOES_ON}")
    return NotWritable(f"{path} cannot be written ({error.strerror}).", "Make the folder writable.")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file of which `done` bytes are here, with its name when it is whole and where the rest would come from."""

    name: str
    address: str
    done: int
    total: int | None


def unfinished_in(folder: Path) -> tuple[Unfinished, ...]:
    """The downloads into `folder` that were begun and can be gone on with; reads none of what was fetched."""
    found = []
    for path in sorted(folder.glob("*.gguf.partial")):
        with suppress(OSError, ValueError, TypeError):
            source = Source(**json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8")))
            name, done = path.name.removesuffix(".partial"), path.stat().st_size
            found.append(Unfinished(name, source.address, done, source.total))
    return tuple(found)
