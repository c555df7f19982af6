"""The requests in the model's process, one step at a time, the most urgent first.

A step is one token, one chunk of a prompt or one sentence, so that an answer never waits for a memory manager to end.
One thread takes all the steps: two that compute at once are slower than one after the other. Knows nothing of models.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

_ENDED = object()


@dataclass
class Job:
    """A request at work. Each item of `steps` is one step; they end soon after `cancelled` is set."""

    id: int
    priority: int
    steps: Iterator[None]
    cancelled: bool = False

    def urgency(self) -> tuple[bool, int]:
        """Sorts the most urgent first: what only has to say that it was cancelled, then by priority."""
        return (not self.cancelled, self.priority)


class Scheduler:
    """Jobs come and are cancelled from any thread; `run` takes their steps."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._changed = threading.Condition()
        self._news = False

    def add(self, job: Job) -> None:
        """Queues `job`."""
        with self._changed:
            self._jobs[job.id] = job
            self._news = True
            self._changed.notify()

    def cancel(self, job_id: int) -> None:
        """Marks a job as cancelled, if it is still there."""
        with self._changed:
            if job := self._jobs.get(job_id):
                job.cancelled = True
                self._news = True

    def run(self) -> None:
        """Works for good; an error in a step ends it."""
        while True:
            job = self._next()
            # Who goes first is looked at only when somebody came or was cancelled, as that takes microseconds, too.
            while next(job.steps, _ENDED) is not _ENDED:
                if self._news:
                    break
            else:
                with self._changed:
                    del self._jobs[job.id]

    def _next(self) -> Job:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs)
            self._news = False
            # Of equals the one that came first, which may be at work in what the next one needs. Numbers do not tell:
            # of two threads that ask at the same time, the later number may come first.
            return min(self._jobs.values(), key=Job.urgency)
