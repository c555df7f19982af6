"""What a process has used so far, as Linux tells: its time of the processor, its memory, the processes it began.

Knows nothing of what the process does.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """In MB. `resident` counts in full what others use as well, `proportional` its share of that, `private` none."""

    resident: float
    proportional: float
    private: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def cpu_seconds(pid: int) -> float:
    """Of all its threads, also of those that have ended, to the nanosecond."""
    # The clock of a process by its id, as clock_getcpuclockid(3) makes it: what /proc sums up by thread forgets a
    # thread as soon as it ends, and what it keeps for the process counts in steps of 10 ms.
    return time.clock_gettime((~pid << 3) | 2)


def memory_of(pid: int) -> Memory:
    """What it has in memory now."""
    kilobytes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        kilobytes[name] = int(value.split()[0])
    private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return Memory(*(1024 * each / 1e6 for each in (kilobytes["Rss"], kilobytes["Pss"], private)))


def first_child_s(pid: int) -> float | None:
    """How many seconds after it the oldest of the processes began that it has, in steps of 10 ms; None: it has none."""
    children = [int(name) for file in Path(f"/proc/{pid}/task").glob("*/children") for name in file.read_text().split()]
    return min(map(_began, children)) - _began(pid) if children else None


def _began(pid: int) -> float:
    """In seconds since the machine did."""
    # The name of its program comes before, in brackets, and may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
