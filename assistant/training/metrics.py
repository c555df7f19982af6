"""Following what a run writes down of itself, as it writes it, in memory that does not grow with the run.

Promises that half a line is read once it is whole, and that a line that cannot be read is passed over. Reads files, and
so is for a thread; knows nothing of what the numbers mean.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

METRICS = "metrics.jsonl"
MOST_BYTES = 1 << 20
"""What one look reads at most; the rest is for the next one."""
MOST_POINTS = 512
MOST_CURVES = 16
_NOT_CURVES = frozenset({"step", "of", "seconds", "time"})
_PACE_POINTS = 20


@dataclass(frozen=True, slots=True)
class Reading:
    """The lines from where the last reading ended up to `offset`. `again`: the file was begun anew, and so is this."""

    lines: tuple[Mapping[str, float], ...]
    offset: int
    again: bool = False


def read_metrics(folder: Path, since: int = 0, most: int = MOST_BYTES) -> Reading:
    """The whole lines of the metrics in `folder` from the byte `since` on; none while there is no file."""
    try:
        with (folder / METRICS).open("rb") as file:
            size = file.seek(0, 2)
            again = size < since
            begin = 0 if again else since
            file.seek(begin)
            read = file.read(most)
    except OSError:
        return Reading((), 0, again=since > 0)
    whole = read[: read.rfind(b"\n") + 1]
    if not whole and len(read) == most:
        whole = read  # No line is that long: what it is part of is passed over.
    return Reading(tuple(_numbers(whole)), begin + len(whole), again)


def _numbers(lines: bytes) -> Iterator[Mapping[str, float]]:
    for line in lines.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and isinstance(told.get("step"), int):
            yield {
                name: value
                for name, value in told.items()
                if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            }


class Curve:
    """A number by step, thinned out by averages over more and more steps, so that it holds at most so many points."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._width = 1
        self._sums: dict[int, tuple[float, int]] = {}
        self.last = math.nan
        self.last_step = -1

    def add(self, step: int, value: float) -> None:
        """Takes in the next number. If its step is an earlier one, the run was resumed, and what came later goes."""
        if step <= self.last_step:
            self._sums = {key: held for key, held in self._sums.items() if key < step // self._width}
        key = step // self._width
        total, count = self._sums.get(key, (0.0, 0))
        self._sums[key] = (total + value, count + 1)
        self.last, self.last_step = value, step
        while len(self._sums) > self._most:
            self._widen()

    def _widen(self) -> None:
        self._width *= 2
        merged: dict[int, tuple[float, int]] = {}
        for key, (total, count) in self._sums.items():
            before, so_far = merged.get(key // 2, (0.0, 0))
            merged[key // 2] = (before + total, so_far + count)
        self._sums = merged

    def points(self) -> list[tuple[int, float]]:
        """Step and value, in their order."""
        return [(key * self._width, total / count) for key, (total, count) in self._sums.items()]


@dataclass
class Watch:
    """What is known of the run in `folder` so far. `look` brings it up to date.

    `of` is how many steps there will be, 0 if nobody knows.
    """

    folder: Path
    of: int = 0
    step: int = 0
    offset: int = 0
    curves: dict[str, Curve] = field(default_factory=dict)
    _pace: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_PACE_POINTS))

    def look(self) -> bool:
        """Reads what is new, all of it, and says whether there was anything."""
        seen = False
        while (reading := read_metrics(self.folder, self.offset)).lines or reading.offset != self.offset:
            if reading.again:
                self._begin_again()
            for line in reading.lines:
                self._take(line)
            self.offset, seen = reading.offset, True
        return seen

    def _begin_again(self) -> None:
        self.curves.clear()
        self._pace.clear()
        self.step = 0

    def _take(self, line: Mapping[str, float]) -> None:
        step = int(line["step"])
        if step <= self.step:
            self._pace.clear()
        self.step = step
        self.of = int(line.get("of", self.of))
        if (seconds := line.get("seconds", line.get("time"))) is not None:
            self._pace.append((step, seconds))
        for name, value in line.items():
            if name not in _NOT_CURVES and (name in self.curves or len(self.curves) < MOST_CURVES):
                self.curves.setdefault(name, Curve()).add(step, value)

    @property
    def seconds_a_step(self) -> float | None:
        """How fast it has been of late; None if that is not known yet."""
        if len(self._pace) < 2:
            return None
        (first, began), (last, now) = self._pace[0], self._pace[-1]
        return (now - began) / (last - first) if last > first and now > began else None

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at that pace; None if that is not known."""
        pace = self.seconds_a_step
        return None if pace is None or not self.of else max(0, self.of - self.step) * pace
