"""Fetches a model file: resumes where it stopped, and promises that the file is there whole and right or not at all.

Knows nothing of catalogues and of screens. Nothing that lets somebody in (a token, a signed address) is written to disk
or shown in an error.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import DiskFull, EngineError, InputError, InterruptedByUser, ModelFileError
from assistant.llm.files.gguf_header import MAGIC, read_header
from assistant.llm.files.partial import GOES_ON, Partial, Source, locked_partial
from assistant.llm.files.refusals import TOKEN_VARIABLE, check_magic, other_file, other_size, refusal
from assistant.llm.files.resources import free_disk
from assistant.paths import make_private_folder
from assistant.quantities import in_words

if TYPE_CHECKING:
    import httpx2

HUB = "huggingface.co"
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
    with locked_partial(target) as partial, httpx2.Client(timeout=timeout) as client:
        transfer.run(client, partial, waits)
        return transfer.finish(partial, target)


class _BrokenOff(Exception):
    """The connection ended before the file did."""


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

    def run(self, client: httpx2.Client, partial: Partial, waits: Sequence[float]) -> None:
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
                    raise EngineError(f"{self.host} cannot be reached.", f"Check the network. {GOES_ON}") from error
                if partial.done - mark >= PROGRESS:
                    tries, mark = 0, partial.done
                if tries == len(waits):
                    raise EngineError(
                        f"The connection to {self.host} broke off after {in_words(partial.done)}.", GOES_ON
                    ) from error
                self.cancel.wait(waits[tries])
                tries += 1

    def finish(self, partial: Partial, target: Path) -> Downloaded:
        """Checks what came and moves it to its place."""
        known = self._known(partial)
        if known is not None and partial.sha256 != known:
            found = partial.sha256
            partial.discard()
            raise other_file(self.host, found, known)
        if self.size is not None and partial.done != self.size:
            found_size = partial.done
            partial.discard()
            raise other_size(self.host, found_size, self.size)
        if known is None:
            try:
                read_header(partial.path)
            except ModelFileError as error:
                partial.discard()
                raise ModelFileError(error.message.replace(str(partial.path), target.name), error.hint) from error
        partial.keep_as(target)
        return Downloaded(target, partial.done, partial.sha256)

    def _known(self, partial: Partial) -> str | None:
        return self.expected or (partial.source.sha256 if partial.source is not None else None)

    def _is_whole(self, partial: Partial) -> bool:
        """Whether all of it came in an earlier call that was stopped before its last step."""
        source = partial.source
        return source is not None and partial.done == source.total and partial.sha256 == self._known(partial)

    def _fetch(self, client: httpx2.Client, partial: Partial) -> bool:
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
                raise refusal(response, self.host)
            if source.total is not None:
                self._check_total(partial, source.total)
            with _unblocked_by(self.cancel, response):
                self._receive(response, source, partial, begun=response.status_code == 206)
        finally:
            response.close()
        return True

    def _resumable(self, partial: Partial) -> Source | None:
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
                raise other_file(self.host, stated, self.expected)
            try:
                url = url.join(response.headers["location"])
            except httpx2.InvalidURL as error:
                raise EngineError(f"{self.host} redirects to an address that cannot be read.") from error
        raise EngineError(f"{self.host} redirects more than {MAX_REDIRECTS} times.", "Check the address.")

    def _source_of(self, response: httpx2.Response, stated: str | None) -> Source:
        length = response.headers.get("content-length", "")
        total = int(length) if response.status_code == 200 and _LENGTH.fullmatch(length) else None
        if response.status_code == 206 and (found := _RANGE.fullmatch(response.headers.get("content-range", ""))):
            total = int(found[2])
        return Source(
            _shown_address(self.url),
            response.headers.get("etag"),
            response.headers.get("last-modified"),
            total,
            stated,
        )

    def _check_total(self, partial: Partial, total: int) -> None:
        if self.size is not None and total != self.size:
            raise other_size(self.host, total, self.size)
        self._check_disk(partial, total)

    def _check_disk(self, partial: Partial, total: int) -> None:
        free = free_disk(partial.path.parent)
        needed = total - partial.done + RESERVE
        if free is not None and free < needed:
            raise DiskFull(
                f"The disk has {in_words(free)} left, and the download needs {in_words(needed)}.",
                f"Free some space. {GOES_ON}",
            )

    def _receive(self, response: httpx2.Response, source: Source, partial: Partial, *, begun: bool) -> None:
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
                check_magic(first, self.host)
                # Only now: an error page must not cost what an earlier call fetched.
                partial.begin(source)
                begun = True
            if limit is not None and partial.done + len(data) > limit:
                partial.discard()
                raise ModelFileError(f"{self.host} sent more than the {limit} bytes that it announced.", "Try again.")
            partial.append(data)
            self._report(partial, source.total)
        if not begun:
            check_magic(first, self.host)
        if partial.done < (source.total or 0):
            raise _BrokenOff
        self._report(partial, partial.done)

    def _report(self, partial: Partial, total: int | None) -> None:
        now = time.monotonic()
        if self.on_progress is not None and (partial.done == total or now - self.reported >= _REPORT_SECONDS):
            self.reported = now
            self.on_progress(Progress(partial.done, total, self.received / max(now - self.begun, 1e-3)))

    def _stop_if_cancelled(self) -> None:
        if self.cancel.is_set():
            raise InterruptedByUser("The download was stopped.", GOES_ON)


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


def _shown_address(url: httpx2.URL) -> str:
    """The address without names, passwords and signatures."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
