"""One HTTP request, made in a thread of its own, so that who waits for it can stop at any time.

Promises that the connection is closed when nobody waits any more, so that a server stops working for nobody. Knows
nothing of what is asked or answered.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import httpx2

_POLL_SECONDS = 0.02
"""How often a waiting call looks whether it was cancelled."""


class Cancelled(Exception):
    """The caller's event was set while a reply was awaited."""


class TooLate(Exception):
    """Nothing came within the time allowed."""


@dataclass(frozen=True, slots=True)
class Head:
    """How a reply begins. Names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ended:
    """The reply is complete, or broke off with `error`."""

    error: Exception | None = None


class Exchange:
    """A request under way: its `Head`, then the bytes of its body as they come, then `Ended`."""

    def __init__(
        self, client: httpx2.Client, method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> None:
        self._messages: queue.SimpleQueue[Head | bytes | Ended] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False
        work = (client, method, url, dict(headers), body)
        threading.Thread(target=self._run, args=work, name="recollect-request", daemon=True).start()

    def next(self, cancel: threading.Event, seconds: float) -> Head | bytes | Ended:
        """What comes next. Raises Cancelled, and TooLate after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            if cancel.is_set():
                raise Cancelled
            with suppress(queue.Empty):
                return self._messages.get(timeout=_POLL_SECONDS)
            if time.monotonic() > deadline:
                raise TooLate

    def close(self) -> None:
        """Ends the connection, whatever state it is in."""
        with self._lock:
            self._closed = True
            self._shut_down()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(
        self, client: httpx2.Client, method: str, url: str, headers: dict[str, str], body: Mapping[str, Any] | None
    ) -> None:
        import httpx2

        ended = Ended()
        try:
            with client.stream(method, url, headers=headers, json=body, extensions={"trace": self._trace}) as reply:
                self._messages.put(Head(reply.status_code, {k.lower(): v for k, v in reply.headers.items()}))
                for data in reply.iter_bytes():
                    self._messages.put(data)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            ended = Ended(error)
        finally:
            self._messages.put(ended)

    def _trace(self, event: str, details: Mapping[str, Any]) -> None:
        """Learns of the socket, which the client shows nowhere else before the reply begins."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                self._socket = details["return_value"].get_extra_info("socket")
                if self._closed:
                    self._shut_down()

    def _shut_down(self) -> None:
        # To close a socket wakes no thread that reads from it; to shut it down does. The method of TLS sockets also
        # takes away what that thread is working with.
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
