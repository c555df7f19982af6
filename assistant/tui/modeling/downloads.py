"""The downloads that were asked for: one at a time, the others wait for their turn.

Promises that a download that is stopped keeps what came, and that one that fails keeps none of the others waiting.
Knows nothing of widgets: whoever looks sees how far each is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from assistant.errors import InterruptedByUser, RecollectError
from assistant.tui.modeling.shelf import OfferedModel, Wanted

if TYPE_CHECKING:
    from assistant.tui.backstage import Backstage


class State(StrEnum):
    """How a download stands."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    DONE = "done"


@dataclass(slots=True)
class Download:
    """One download. `done`, `total` and `rate` (bytes, and bytes a second), and when they were heard of (on the
    monotonic clock), are written by its thread.

    `called` is what the model is called in the list once it is there.
    """

    offer: OfferedModel
    wanted: Wanted
    state: State = State.WAITING
    done: int = 0
    total: int | None = None
    rate: float = 0.0
    heard_at: float = field(default_factory=time.monotonic)
    error: RecollectError | None = None
    called: str = ""
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def is_at_work(self) -> bool:
        return self.state in (State.WAITING, State.RUNNING, State.STOPPING)

    @property
    def seconds_silent(self) -> float:
        """How long nothing was heard of it."""
        return time.monotonic() - self.heard_at

    @property
    def seconds_left(self) -> float | None:
        """What the rest takes at this speed, None while nobody can say."""
        if self.state is not State.RUNNING or not self.total or self.rate <= 0:
            return None
        return (self.total - self.done) / self.rate


class Downloads:
    """All downloads since the start, by their address. Call it from the UI loop; `tell` is called there, too."""

    def __init__(self, backstage: Backstage, tell: Callable[[Download], Awaitable[None]]) -> None:
        self._backstage = backstage
        self._tell = tell
        self._all: dict[str, Download] = {}

    def of(self, url: str) -> Download | None:
        """The last download from that address, if there was one."""
        return self._all.get(url)

    @property
    def at_work(self) -> list[Download]:
        return [each for each in self._all.values() if each.is_at_work]

    @property
    def running(self) -> Download | None:
        return next((each for each in self._all.values() if each.state in (State.RUNNING, State.STOPPING)), None)

    @property
    def waiting(self) -> list[Download]:
        return [each for each in self._all.values() if each.state is State.WAITING]

    def put(self, offer: OfferedModel, wanted: Wanted) -> None:
        """Puts a download at the end of the queue, which `run` works off."""
        self._all.pop(offer.url, None)
        self._all[offer.url] = Download(offer, wanted, done=offer.begun or 0, total=offer.size)

    def stop(self, download: Download) -> None:
        """Stops it; what came stays. One that waits leaves the queue."""
        download.cancel.set()
        if download.state is State.WAITING:
            download.state = State.STOPPED
        elif download.state is State.RUNNING:
            download.state = State.STOPPING

    def forget(self, url: str) -> None:
        """Shows no more how that download ended."""
        self._all.pop(url, None)

    def look_again(self, offers: Sequence[OfferedModel]) -> None:
        """Takes from the offers how much is here of what is not at work."""
        begun = {offer.url: offer.begun or 0 for offer in offers}
        for url, download in self._all.items():
            if not download.is_at_work:
                download.done = begun.get(url, 0)

    def stop_all(self) -> None:
        """Stops all of them."""
        for download in self._all.values():
            self.stop(download)

    async def run(self) -> None:
        """Works off the queue. Call it when something was put and nothing runs."""
        while self.running is None and (waiting := self.waiting):
            download = waiting[0]
            download.state = State.RUNNING
            await self._tell(download)
            await self._fetch(download)
            await self._tell(download)

    async def _fetch(self, download: Download) -> None:
        shelf = self._backstage.shelf
        assert shelf is not None

        def follow(done: int, total: int | None, rate: float) -> None:
            download.done, download.total, download.rate = done, total or download.total, rate
            download.heard_at = time.monotonic()

        try:
            download.called = await self._backstage.away(lambda: shelf.pull(download.wanted, follow, download.cancel))
        except InterruptedByUser:
            download.state = State.STOPPED
        except RecollectError as error:
            download.state, download.error = State.FAILED, error
        else:
            download.state = State.DONE
