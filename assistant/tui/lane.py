"""A thread that does one thing after another, so that the UI loop never waits for any of them.

Knows nothing of what the work is. Work is expected to handle its own errors: what escapes is a bug and is handed on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

Work = Callable[[], None]
Result = TypeVar("Result")


class Lane:
    """Runs work in its order, in one daemon thread, which starts with the first piece of work."""

    def __init__(self, name: str, on_bug: Callable[[BaseException], None]) -> None:
        self._name = name
        self._on_bug = on_bug
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._dropping = False

    def put(self, work: Work) -> None:
        """Queues `work`; after `close` it is dropped."""
        if self._closed:
            return
        self._work.put(work)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"recollect-{self._name}", daemon=True)
            self._thread.start()

    def ask(self, work: Callable[[], Result]) -> Future[Result]:
        """Queues `work` and gives what it will come to, errors included; after `close` that is cancelled."""
        future: Future[Result] = Future()
        if self._closed:
            future.cancel()
            return future
        self.put(lambda: _settle(future, work))
        return future

    def close(self, *, drop: bool) -> None:
        """Takes no more work; with `drop`, what has not begun is dropped, else it is done. See `join`."""
        self._closed = True
        self._dropping = drop
        self._work.put(None)

    def join(self, timeout: float) -> None:
        """Waits for the work at hand, for at most `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            if self._dropping:
                continue
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - nobody else can see what a thread raises
                self._on_bug(error)


def _settle(future: Future[Result], work: Callable[[], Result]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it
        future.set_exception(error)
