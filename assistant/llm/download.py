"""Fetches a model file: resumes where it stopped, and promises that the file is there whole and right or not at all.

Knows nothing of catalogues and of screens. Nothing that lets somebody in (a token, a signed address) is written to disk
or shown in an error.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import DiskFull, EngineError, InputError, InterruptedByUser, ModelFileError, NotWritable
from assistant.llm.gguf_header import MAGIC, read_header
from assistant.llm.resources import free_disk
from assistant.paths import make_private_folder

if TYPE_CHECKING:
    import httpx2

fcntl: Any
try:
    import fcntl
except ImportError:
    fcntl = None

HUB = "huggingface.co"
TOKEN_VARIABLE = "HF_TOKEN"
RESERVE = 64 << 20
"""Bytes of the disk that a download leaves free."""

WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each new try after a broken connection; the list begins anew with every PROGRESS bytes."""

PROGRESS = 1 << 20
MAX_REDIRECTS = 10
_CONNECT_SECONDS = 10.0
_TIMEOUT_SECONDS = 30.0
_CANCEL_SECONDS = 0.1
_REPORT_SECONDS = 0.1
_GOES_ON = "The same command goes on where it stopped."
_SHA256 = re.compile(r'"?([0-9a-f]{64})"?', re.IGNORECASE)
_LENGTH = re.compile(r"\d{1,18}")
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes that are there, bytes in all if the server says so, and how fast they came in this call."""

    done: int
    total: int | None
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is there, with its size in bytes and the SHA-256 that was computed, in hexadecimal."""

    path: Path
    size: int
    sha256: str


def token_for(url: str) -> str | None:
    """The token in HF_TOKEN, if `url` is an address of the hub that it is meant for."""
    import httpx2

    with suppress(httpx2.InvalidURL):
        parsed = httpx2.URL(url)
        if parsed.scheme == "https" and parsed.host == HUB:
            return os.environ.get(TOKEN_VARIABLE) or None
    return None


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    token: str | None = None,
    waits: Sequence[float] = WAITS,
) -> Downloaded:
    """Fetches the GGUF file at `url` to `target`.

    `sha256` and the exact `size` are checked if given; without `sha256`, the one that the server states, and without
    that, that no tensor is missing. `token` goes to the host of `url` alone. What was fetched stays in
    `target`.partial until then, for the next call. Raises InputError for an address that cannot be used or a download
    that is under way, EngineError if the server or the connection fails, ModelFileError for another file than expected,
    DiskFull, NotWritable, and InterruptedByUser after `cancel`.
    """
    # Imported late: the command line should not pay for it.
    import httpx2

    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise InputError(f"{sha256!r} is not a SHA-256.", "It has 64 hexadecimal digits.")
    if token is not None and not _TOKEN.fullmatch(token):
        raise InputError("The token cannot be used: it has spaces or other special characters.")
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        # What is wrong with it is not shown: it may be a password.
        raise InputError("The address of the model cannot be read.", f"Use one like https://{HUB}/….") from error
    expected = sha256.lower() if sha256 is not None else None
    _check_address(address, expected)
    make_private_folder(target.parent)
    transfer = _Transfer(address, expected, size, on_progress, cancel or threading.Event(), token)
    timeout = httpx2.Timeout(_TIMEOUT_SECONDS, connect=_CONNECT_SECONDS)
    with _locked(target) as partial, httpx2.Client(timeout=timeout) as client:
        transfer.run(client, partial, waits)
        return transfer.finish(partial, target)


@dataclass(frozen=True, slots=True)
class _Source:
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

    def same_as(self, other: _Source) -> bool:
        """Whether nothing that both state differs."""
        mine, theirs = asdict(self), asdict(other)
        return all(theirs[key] in (None, value) for key, value in mine.items() if value is not None)


class _BrokenOff(Exception):
    """The connection ended before the file did."""


class _Partial:
    """The beginning of a file on disk, its hash, and where it comes from. Open, and locked by `_locked`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        # Unbuffered: what a full disk took and what it did not must be known.
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        self._notes = path.with_name(f"{path.name}.json")
        self._digest = hashlib.sha256()
        self.done = 0
        self.source: _Source | None = None
        with suppress(OSError, ValueError, TypeError):
            self.source = _Source(**json.loads(self._notes.read_text(encoding="utf-8")))
        while self.source is not None and (block := self._file.read(1 << 20)):
            self._digest.update(block)
            self.done += len(block)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def begin(self, source: _Source) -> None:
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
            raise _write_error(error, self.path, self.done) from error


@contextmanager
def _locked(target: Path) -> Iterator[_Partial]:
    """The partial file of `target`, which no other process writes at the same time."""
    path = target.with_name(f"{target.name}.partial")
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = _open_locked(path) if fcntl is not None else _open_beside(path, lock)
    except (BlockingIOError, FileExistsError) as error:
        hint = "Wait for it to end." if fcntl is not None else f"Wait for it to end. If there is none, delete {lock}."
        raise InputError(f"{target.name} is already being downloaded.", hint) from error
    except OSError as error:
        raise _write_error(error, path, 0) from error
    try:
        partial = _Partial(path, descriptor)
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


@dataclass
class _Transfer:
    """One call of `download`."""

    url: httpx2.URL
    expected: str | None
    size: int | None
    on_progress: Callable[[Progress], None] | None
    cancel: threading.Event
    token: str | None
    received: int = 0
    begun: float = field(default_factory=time.monotonic)
    reported: float = 0.0

    @property
    def host(self) -> str:
        return self.url.host

    def run(self, client: httpx2.Client, partial: _Partial, waits: Sequence[float]) -> None:
        """Fetches all that is missing, in as many tries as it takes while it goes forward."""
        import httpx2

        if self._is_whole(partial):
            return
        tries, mark = 0, partial.done
        while True:
            self._stop_if_cancelled()
            try:
                if self._fetch(client, partial):
                    return
            except (_BrokenOff, httpx2.TransportError) as error:
                self._stop_if_cancelled()
                if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout) and not self.received:
                    raise EngineError(f"{self.host} cannot be reached.", f"Check the network. {_GOES_ON}") from error
                if partial.done - mark >= PROGRESS:
                    tries, mark = 0, partial.done
                if tries == len(waits):
                    raise EngineError(
                        f"The connection to {self.host} broke off after {_megabytes(partial.done)}.", _GOES_ON
                    ) from error
                self.cancel.wait(waits[tries])
                tries += 1

    def finish(self, partial: _Partial, target: Path) -> Downloaded:
        """Checks what came and moves it to its place."""
        known = self._known(partial)
        if known is not None and partial.sha256 != known:
            found = partial.sha256
            partial.discard()
            raise _other_file(self.host, found, known)
        if self.size is not None and partial.done != self.size:
            found_size = partial.done
            partial.discard()
            raise _other_size(self.host, found_size, self.size)
        if known is None:
            try:
                read_header(partial.path)
            except ModelFileError as error:
                partial.discard()
                raise ModelFileError(error.message.replace(str(partial.path), target.name), error.hint) from error
        partial.keep_as(target)
        return Downloaded(target, partial.done, partial.sha256)

    def _known(self, partial: _Partial) -> str | None:
        return self.expected or (partial.source.sha256 if partial.source is not None else None)

    def _is_whole(self, partial: _Partial) -> bool:
        """Whether all of it came in an earlier call that was stopped before its last step."""
        source = partial.source
        return source is not None and partial.done == source.total and partial.sha256 == self._known(partial)

    def _fetch(self, client: httpx2.Client, partial: _Partial) -> bool:
        """Asks once for what is missing, and keeps what comes; False if what is there has to go first."""
        if self.size is not None:
            self._check_disk(partial, self.size)
        headers = {"Accept-Encoding": "identity"}
        resuming = self._resumable(partial)
        if resuming is not None:
            headers["Range"] = f"bytes={partial.done}-"
            if resuming.validator:
                headers["If-Range"] = resuming.validator
        response, stated = self._ask(client, headers)
        try:
            source = self._source_of(response, stated)
            if resuming is not None and response.status_code in (206, 416):
                if not (_range_begins_at(response, partial.done) and source.same_as(resuming)):
                    partial.clear()
                    return False
            elif response.status_code != 200:
                raise _refusal(response, self.host)
            if source.total is not None:
                self._check_total(partial, source.total)
            with _unblocked_by(self.cancel, response):
                self._receive(response, source, partial, begun=response.status_code == 206)
        finally:
            response.close()
        return True

    def _resumable(self, partial: _Partial) -> _Source | None:
        """Where the partial file comes from, if the rest can be asked for."""
        source = partial.source
        if source is None or partial.done < len(MAGIC) or partial.done >= (source.total or partial.done + 1):
            return None
        # Without a validator, only a hash shows that the two ends belong together.
        provable = source.validator or self._known(partial)
        return source if provable and source.address == _shown_address(self.url) else None

    def _ask(self, client: httpx2.Client, headers: dict[str, str]) -> tuple[httpx2.Response, str | None]:
        """The first response that is no redirect, and the SHA-256 that the host stated on the way to it.

        The hub states it for large files, beside the redirect to its storage, whose own ETag is another.
        """
        import httpx2

        url, stated = self.url, None
        for _ in range(MAX_REDIRECTS + 1):
            _check_address(url, self.expected)
            ours = (url.scheme, url.host, url.port) == (self.url.scheme, self.url.host, self.url.port)
            secret = {"Authorization": f"Bearer {self.token}"} if ours and self.token is not None else {}
            response = client.send(client.build_request("GET", url, headers=headers | secret), stream=True)
            if ours and (found := _SHA256.fullmatch(response.headers.get("x-linked-etag", ""))):
                stated = found[1].lower()
            if not response.has_redirect_location:
                return response, stated
            response.close()
            if self.expected and stated and self.expected != stated:
                raise _other_file(self.host, stated, self.expected)
            try:
                url = url.join(response.headers["location"])
            except httpx2.InvalidURL as error:
                raise EngineError(f"{self.host} redirects to an address that cannot be read.") from error
        raise EngineError(f"{self.host} redirects more than {MAX_REDIRECTS} times.", "Check the address.")

    def _source_of(self, response: httpx2.Response, stated: str | None) -> _Source:
        length = response.headers.get("content-length", "")
        total = int(length) if response.status_code == 200 and _LENGTH.fullmatch(length) else None
        if response.status_code == 206 and (found := _RANGE.fullmatch(response.headers.get("content-range", ""))):
            total = int(found[2])
        return _Source(
            _shown_address(self.url),
            response.headers.get("etag"),
            response.headers.get("last-modified"),
            total,
            stated,
        )

    def _check_total(self, partial: _Partial, total: int) -> None:
        if self.size is not None and total != self.size:
            raise _other_size(self.host, total, self.size)
        self._check_disk(partial, total)

    def _check_disk(self, partial: _Partial, total: int) -> None:
        free = free_disk(partial.path.parent)
        needed = total - partial.done + RESERVE
        if free is not None and free < needed:
            raise DiskFull(
                f"The disk has {_megabytes(free)} left, and the download needs {_megabytes(needed)}.",
                f"Free some space. {_GOES_ON}",
            )

    def _receive(self, response: httpx2.Response, source: _Source, partial: _Partial, *, begun: bool) -> None:
        first = b""
        limit = source.total if source.total is not None else self.size
        for received in response.iter_raw():
            self._stop_if_cancelled()
            self.received += len(received)
            data = received
            if not begun:
                first = data = first + received
                if len(first) < len(MAGIC):
                    continue
                _check_magic(first, self.host)
                # Only now: an error page must not cost what an earlier call fetched.
                partial.begin(source)
                begun = True
            if limit is not None and partial.done + len(data) > limit:
                partial.discard()
                raise ModelFileError(f"{self.host} sent more than the {limit} bytes that it announced.", "Try again.")
            partial.append(data)
            self._report(partial, source.total)
        if not begun:
            _check_magic(first, self.host)
        if partial.done < (source.total or 0):
            raise _BrokenOff
        self._report(partial, partial.done)

    def _report(self, partial: _Partial, total: int | None) -> None:
        now = time.monotonic()
        if self.on_progress is not None and (partial.done == total or now - self.reported >= _REPORT_SECONDS):
            self.reported = now
            self.on_progress(Progress(partial.done, total, self.received / max(now - self.begun, 1e-3)))

    def _stop_if_cancelled(self) -> None:
        if self.cancel.is_set():
            raise InterruptedByUser("The download was stopped.", _GOES_ON)


@contextmanager
def _unblocked_by(cancel: threading.Event, response: httpx2.Response) -> Iterator[None]:
    """Ends the connection when `cancel` is set, because reading from a server that sends nothing waits."""
    ended = threading.Event()
    connection = response.extensions["network_stream"].get_extra_info("socket")

    def watch() -> None:
        while not ended.wait(_CANCEL_SECONDS):
            if cancel.is_set():
                # The plain socket's method: that of a TLS socket would take the layer away from under the reader.
                with suppress(OSError, TypeError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
                return

    watcher = threading.Thread(target=watch, name="download cancel", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _check_address(url: httpx2.URL, expected: str | None) -> None:
    if url.scheme not in ("http", "https") or not url.host:
        raise InputError(
            f"An address that begins with {url.scheme or 'nothing'}:// cannot be used.",
            "Use one that begins with https://.",
        )
    if url.scheme == "http" and expected is None and not _is_loopback(url.host):
        raise InputError(
            f"{url.host} would send the model unprotected, and its SHA-256 is not known.",
            "Use an address that begins with https://, or give the SHA-256.",
        )


def _range_begins_at(response: httpx2.Response, place: int) -> bool:
    found = _RANGE.fullmatch(response.headers.get("content-range", ""))
    return response.status_code == 206 and found is not None and int(found[1]) == place


def _check_magic(first: bytes, host: str) -> None:
    if first.startswith(MAGIC):
        return
    what = "a web page" if first.lstrip()[:1] == b"<" else "something else"
    raise ModelFileError(f"{host} sent {what} in place of a GGUF file.", "Check the address of the model.")


def _refusal(response: httpx2.Response, host: str) -> EngineError:
    status = response.status_code
    match status:
        case 401:
            what, hint = "asks who you are", f"Accept the model's licence there, then set {TOKEN_VARIABLE}."
        case 403:
            what, hint = "does not let you have this file", "Accept the model's licence there, or check your token."
        case 404:
            what, hint = "has no such file", "Check the address: the publisher may have moved it."
        case 429:
            what, hint = "has had too many requests", f"Try again later. {_GOES_ON}"
        case _ if status >= 500:
            what, hint = "has a fault of its own", f"Try again later. {_GOES_ON}"
        case _:
            what, hint = "gave an answer that makes no sense here", "Check the address of the model."
    return EngineError(f"{host} {what} (status {status}).", hint)


def _other_file(host: str, found: str, expected: str) -> ModelFileError:
    return ModelFileError(
        f"The file at {host} is not the one expected: its SHA-256 is {found[:12]}…, not {expected[:12]}….",
        "Try again. If it happens again, the publisher has replaced the file.",
    )


def _other_size(host: str, found: int, expected: int) -> ModelFileError:
    return ModelFileError(
        f"The file at {host} has {found} bytes, and {expected} were expected.",
        "Check the address: the publisher may have replaced the file.",
    )


def _write_error(error: OSError, path: Path, done: int) -> DiskFull | NotWritable:
    # EFBIG: a limit on the size of files, which ends a download as a full disk does.
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(f"The disk is full after {_megabytes(done)} of the download.", f"Free some space. {_GOES_ON}")
    return NotWritable(f"{path} cannot be written ({error.strerror}).", "Make the folder writable.")


def _shown_address(url: httpx2.URL) -> str:
    """The address without names, passwords and signatures."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
