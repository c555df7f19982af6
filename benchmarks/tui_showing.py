"""The parts of the terminal app's benchmark that are about what the whole screen shows: its size, its look, its modes.

Promises that every time is from the key that was written to the terminal to the piece of output that shows it whole,
and that a part which the program cannot do says so in `note`. Knows nothing of the conversation and of tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from benchmarks.processes import cpu_seconds
from benchmarks.tui_apps import App, opened
from benchmarks.tui_screen import Screen
from benchmarks.tui_window import COLUMNS, LOST_SECONDS, ROWS, WAIT_SECONDS, Window

Result = dict[str, Any]

LOOK = "\x14"
"""Ctrl+T: light or dark."""
MODES = {"Chat": "\x1bOQ", "Memory": "\x1bOR", "Models": "\x1bOS", "Training": "\x1b[15~", "Settings": "\x1b[17~"}
"""F2 to F6."""
HERE = "▸ "
"""What stands before the mode at hand, in the first line."""
FILTER = "/"
"""The key that leads to the filter of the table of memories."""
SMALL = (30, 90)
"""Lines and columns of the other size."""


def resize(app: App, times: int) -> Result:
    """Milliseconds until the screen is whole at another size: its last line at the bottom, and nothing moves."""
    taken: Result = {"ms": [], "cpu_ms": []}
    with opened(app) as window:
        for number in range(times):
            rows, columns = (ROWS, COLUMNS) if number % 2 else SMALL
            with _timed(window, taken, "ms"):
                window.resize(rows, columns)
                window.wait_until(lambda screen: app.painted in "\n".join(screen.lines[-2:]), WAIT_SECONDS)
    return taken


def look(app: App, times: int) -> Result:
    """Milliseconds until all of the screen is repainted in the other look."""
    taken: Result = {"ms": [], "cpu_ms": []}
    with opened(app) as window:
        for _ in range(times):
            before = window.screen.background(0, 0)
            with _timed(window, taken, "ms"):
                window.send(LOOK)
                at = window.wait_until(lambda screen: screen.background(0, 0) != before, LOST_SECONDS)  # noqa: B023
            if at is None:
                return {"note": "nothing changed with Ctrl+T"}
    return taken


def visit(app: App, name: str, times: int) -> Result:
    """Milliseconds from its key until that mode is whole: the first time, and when one comes back to it."""
    result: Result = {"mode": name, "first_ms": [], "first_cpu_ms": [], "again_ms": [], "again_cpu_ms": []}
    other = "Memory" if name == "Chat" else "Chat"
    with opened(app) as window:
        for number in range(times + 1):
            if name == "Chat" and number == 0:
                continue  # One is there already.
            for place, key in ((other, ""), (name, "again_ms" if number else "first_ms")):
                if not _goes_to(window, place, result if key else {}, key):
                    return {"mode": name, "note": f"{place} is not there yet"}
    return result


def table(app: App, words: str) -> Result:
    """Milliseconds until the table of memories is there, and from each letter of a filter until it is the right one."""
    result: Result = {"table_ms": [], "table_cpu_ms": [], "filter_ms": [], "filter_cpu_ms": []}
    with opened(app) as window:
        with _timed(window, result, "table_ms"):
            window.send(MODES["Memory"])
            at = window.wait_until(lambda screen: len(_memories(screen)) > ROWS // 2, LOST_SECONDS)
        if at is None:
            return {"note": f"no table of memories came{' but the end' if window.ended else ''}"}
        window.send(FILTER)
        window.settle(WAIT_SECONDS)
        for letter in words:
            with _timed(window, result, "filter_ms"):
                before = window.screen.changes
                window.send(letter)
                window.wait_until(lambda screen: screen.changes != before, LOST_SECONDS)  # noqa: B023
        rows = _memories(window.screen)
    if not rows or not all(words in row for row in rows):
        return {"note": f"the table was not filtered by {words!r}"}
    return result


@contextmanager
def _timed(window: Window, result: Result, key: str) -> Iterator[None]:
    """Adds the milliseconds from here until the screen is still after the block, and those of the processor."""
    begin, used = window.now, cpu_seconds(window.pid)
    yield
    still = window.settle(WAIT_SECONDS)
    if still is not None and still > begin and not window.ended:
        result[key].append(1000 * (still - begin))
        result[key.replace("ms", "cpu_ms")].append(1000 * (cpu_seconds(window.pid) - used))


def _memories(screen: Screen) -> list[str]:
    """The lines that have a memory in them; in the long conversation there is none."""
    return [line for line in screen.lines if re.search(r"\bUser(?:'s)? [a-z]", line)]


def _goes_to(window: Window, place: str, result: Result, key: str) -> bool:
    """Presses the key of that mode. Says whether it came; if `key` is given, it is timed."""
    with _timed(window, result, key) if key else nullcontext():
        window.send(MODES[place])
        at = window.wait_until(lambda screen: f"{HERE}{place}" in screen.lines[0], LOST_SECONDS)
    window.settle(WAIT_SECONDS)
    return at is not None
