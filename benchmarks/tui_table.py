"""The table of what `benchmarks.tui` measured: ours, the peers beside it, and what ours has to keep to.

`python -m benchmarks.tui_table FILE...` prints the Markdown of its JSON files. Knows nothing of how a number came
about.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import percentile
from benchmarks.table import NONE, Grid, aligned, piped

Report = dict[str, Any]
Result = dict[str, Any]

FLAT = 1.2
"""How many times what it took when it was opened the program may have in memory later."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: `part` and `key` say where its numbers are, which are multiplied by `factor` and shown as `unit`.

    `most` is what ours has to stay under, with the percentile `of`.
    """

    part: str
    key: str
    label: str
    unit: str
    factor: float = 1.0
    decimals: int = 0
    most: float | None = None
    of: int = 95


_OF_THAT = "of that, the processor's"
ROWS = (
    Row("start", "paint_s", "start to first paint", "s", decimals=2),
    Row("start", "cpu_s", _OF_THAT, "s", decimals=2),
    Row("start", "key_s", "start to first key on the screen", "s", decimals=2),
    Row("start", "opening_s", "first paint to the conversation", "s", decimals=2, most=0.5),
    Row("keys", "echo_ms", "key to screen of a program that only echoes", "ms", decimals=1),
    Row("keys", "idle_ms", "key to screen", "ms"),
    Row("keys", "idle_cpu_ms", _OF_THAT, "ms", decimals=1),
    Row("keys", "streaming_ms", "key to screen while a reply streams", "ms", most=50),
    Row("stream", "lag_ms", "piece sent to screen", "ms"),
    Row("stream", "last_ms", "last piece sent to screen", "ms"),
    Row("stream", "over_ms", "reply over on the wire to over on the screen", "ms"),
    Row("stream", "still_ms", "reply over on the wire to a screen that is still", "ms"),
    Row("stream", "cpu_ms", "of the processor for a piece", "ms", decimals=1),
    Row("stream", "rate", "pieces sent a second", "", decimals=1),
    Row("resize", "ms", "another size to a whole screen", "ms", most=300),
    Row("resize", "cpu_ms", _OF_THAT, "ms"),
    Row("look", "ms", "another look to a repainted screen", "ms", most=300),
    Row("look", "cpu_ms", _OF_THAT, "ms"),
    Row("table", "table_ms", "F3 to the table of memories", "ms", most=500),
    Row("table", "table_cpu_ms", _OF_THAT, "ms"),
    Row("table", "filter_ms", "letter of a filter to the filtered table", "ms"),
    Row("table", "filter_cpu_ms", _OF_THAT, "ms"),
    Row("memory", "page_ms", "page back in the long conversation", "ms"),
)
_VISITS = (
    ("first_ms", "for the first time, ms"),
    ("first_cpu_ms", f"{_OF_THAT}, ms"),
    ("again_ms", "again, ms"),
    ("again_cpu_ms", f"{_OF_THAT}, ms"),
)
SIZES = {"opened": "opened", "scrolled": "gone back", "replied": "after a long reply"}


def report_text(report: Report) -> str:
    """For a terminal."""
    return "\n".join([source(report), "", *aligned(grid(report)), "", *report["notes"]])


def markdown(report: Report) -> str:
    """For a document."""
    return "\n".join([source(report), "", *piped(grid(report)), "", *(f"{note}  " for note in report["notes"])])


def source(report: Report) -> str:
    """Where the numbers come from."""
    machine = report["machine"]
    return (
        f"`{machine['command']}`, commit {machine['commit']}; {machine['cores']} cores ({machine['processor']},"
        f" {machine['system']}), Python {machine['python']}, load {machine['load']:.1f}"
    )


def grid(report: Report) -> Grid:
    """A row for each measure that there is a number of, below a row of headings."""
    apps: dict[str, str] = report["apps"]
    rows = [["p50 (p95)", *(f"{name} {version}" for name, version in apps.items()), "floor", ""]]
    names, results = list(apps), report["results"]
    for row in ROWS:
        values = [_values(results, row, name) for name in names]
        if any(values):
            rows.append([f"{row.label}{', ' * bool(row.unit)}{row.unit}", *_cells(row, values)])
    return [*rows, *_mode_rows(results, len(names)), *_memory_rows(results, names)]


def _values(results: Sequence[Result], row: Row, app: str) -> list[float]:
    found: list[float] = []
    for result in results:
        if result["part"] == row.part and result["app"] == app:
            value = result.get(row.key)
            found += value if isinstance(value, list) else [] if value is None else [value]
    return [row.factor * value for value in found]


def _cells(row: Row, values: Sequence[Sequence[float]]) -> list[str]:
    cells = [middle_and_late(each, row.decimals) for each in values]
    if row.most is None:
        return [*cells, "", ""]
    missed = not values[0] or percentile(values[0], row.of) >= row.most
    return [*cells, f"< {row.most:g} {row.unit}", "missed" if missed else ""]


def middle_and_late(values: Sequence[float], decimals: int) -> str:
    """The p50, and in brackets the p95."""
    if not values:
        return NONE
    middle, late = (f"{percentile(values, percent):,.{decimals}f}" for percent in (50, 95))
    return f"{middle} ({late})"


def _mode_rows(results: Sequence[Result], apps: int) -> Iterator[list[str]]:
    """Rows for each mode: it is made when one first goes there."""
    names = dict.fromkeys(result["mode"] for result in results if result["part"] == "modes")
    for name in names:
        for key, when in _VISITS:
            values = [
                value
                for result in results
                if result["part"] == "modes" and result["mode"] == name
                for value in result.get(key, [])
            ]
            if values:
                rest = [NONE] * (apps - 1)
                yield [f"to {name}, {when}", middle_and_late(values, 0), *rest, "", ""]


def _memory_rows(results: Sequence[Result], apps: Sequence[str]) -> Iterator[list[str]]:
    sized = {result["app"]: result for result in results if result["part"] == "memory"}
    for key, label in SIZES.items():
        cells = [_size(sized.get(app, {}).get(key)) for app in apps]
        if any(cell != NONE for cell in cells):
            yield [f"memory, {label}: MB resident (its share)", *cells, *_flat(sized.get(apps[0]), key)]


def _size(size: Result | None) -> str:
    return NONE if size is None else f"{size['resident']:.0f} ({size['proportional']:.0f})"


def _flat(ours: Result | None, key: str) -> list[str]:
    if ours is None or key == "opened" or key not in ours:
        return ["", ""]
    most = FLAT * ours["opened"]["resident"]
    return [f"≤ {FLAT:.0%} of opened", "missed" if ours[key]["resident"] > most else ""]


if __name__ == "__main__":
    print("\n\n".join(markdown(json.loads(Path(file).read_text(encoding="utf-8"))) for file in sys.argv[1:]))
