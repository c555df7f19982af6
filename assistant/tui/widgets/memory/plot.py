"""How many memories there were over time, as a plot made of blocks, with its numbers and its days written to it.

Pure; readable without any colour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta

from assistant.memory.records import Growth

_BLOCKS = " ▁▂▃▄▅▆▇█"
HEIGHT = 3
"""Lines of the plot without the line of days beneath it."""


def plot(growth: Sequence[Growth], width: int, today: date) -> list[str]:
    """`HEIGHT` lines from the first day to today, and one that says which days those are; none if nothing happened."""
    if not growth:
        return []
    most = max(1, *(day.active for day in growth))
    axis = max(len(f"{most:,}"), 1)
    values = _sampled(growth, max(2, width - axis - 1), max(today, growth[-1].day))
    lines = []
    for line in range(HEIGHT):
        label = f"{most:,}" if line == 0 else "0" if line == HEIGHT - 1 else ""
        bar = "┤" if label else "│"
        lines.append(f"{label:>{axis}}{bar}{''.join(_block(value / most, line) for value in values)}")
    return [*lines, f"{'':>{axis + 1}}{_days(growth, len(values), today)}"]


def _sampled(growth: Sequence[Growth], width: int, today: date) -> list[int]:
    """How many counted at the end of as many days, evenly spread from the first one to today."""
    days = [day.day for day in growth]
    span = (today - days[0]).days
    found = []
    for cell in range(width):
        day = days[0] + timedelta(days=span * cell // max(1, width - 1))
        found.append(growth[max(0, bisect_right(days, day) - 1)].active)
    return found


def _block(share: float, line: int) -> str:
    """The part of a column of that height that lies in the line, counted from above."""
    eighths = round(share * HEIGHT * 8) - (HEIGHT - 1 - line) * 8
    if line == HEIGHT - 1 and share > 0:
        eighths = max(1, eighths)
    return _BLOCKS[min(max(eighths, 0), 8)]


def _days(growth: Sequence[Growth], width: int, today: date) -> str:
    first, last = growth[0], growth[-1]
    then = f"{first.day}: {_count(first.active)}"
    now = f"{max(today, last.day)}: {_count(last.active)}"
    return f"{then}{now:>{max(len(now) + 2, width - len(then))}}"


def _count(memories: int) -> str:
    return f"{memories:,} {'memory' if memories == 1 else 'memories'}"
