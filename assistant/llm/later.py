"""Work that nobody waits for, done in a thread beside the computing.

While llama.cpp computes a token it holds no lock of Python's, and what is left to do about the token before, weighing
it and telling the app, can be done meanwhile on another core: a tenth of the time that a small model takes for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Later:
    """Does what it is given, one thing after another. `settle` waits until it is done, and raises what it raised.

    What follows a failure is left out.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._failure: BaseException | None = None
        threading.Thread(target=self._run, name="later", daemon=True).start()

    def put(self, work: Callable[[], object]) -> None:
        """Queues `work`."""
        self._work.put(work)

    def settle(self) -> None:
        """Waits for all that was put."""
        done = threading.Event()
        self._work.put(done.set)
        done.wait()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _run(self) -> None:
        while True:
            work = self._work.get()
            if self._failure is not None and not isinstance(getattr(work, "__self__", None), threading.Event):
                continue
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised by `settle`
                self._failure = error
