"""What went wrong since the app was started, newest last. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from assistant.errors import RecollectError
from assistant.memory import times

MOST = 200
"""Problems that are kept; older ones are dropped."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error, and when it was met. `times` counts how often in a row."""

    at: datetime
    error: RecollectError
    times: int = 1


class Problems:
    """A list that does not grow by saying the same thing again."""

    def __init__(self) -> None:
        self._all: list[Problem] = []

    def add(self, error: RecollectError) -> None:
        """Takes an error in, once if it is the last one again."""
        now = times.now()
        last = self._all[-1] if self._all else None
        if last is not None and last.error.args == error.args:
            self._all[-1] = Problem(now, error, last.times + 1)
        else:
            self._all = [*self._all, Problem(now, error)][-MOST:]

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)
