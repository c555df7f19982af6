"""Tables of what `benchmarks.bank` measured: plain for a terminal, Markdown for a document.

`python -m benchmarks.table FILE...` prints the Markdown of its JSON files. Knows nothing of how a number came about.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Report = dict[str, Any]
Grid = list[list[str]]

OPERATIONS = {
    "search": "search, ms",
    "search_text": "search by text alone, ms",
    "add": "add, ms",
    "index": "index, ms",
    "update": "update, ms",
    "undo": "undo, ms",
    "delete": "delete, ms",
}
"""What has a p50 and a p95."""
SINGLE = {
    "open_s": ("open, s", 3),
    "close_s": ("close, s", 3),
    "fill_s": ("fill, s", 1),
    "disk_mb": ("on the disk, MB", 1),
    "peak_mb": ("peak memory, MB", 0),
    "recall": ("recall@8", 4),
}
"""What is one number, with its decimals."""
FLOORS = {
    (10_000, "search"): "10 ms",
    (100_000, "search"): "60 ms",
    (100_000, "add"): "5 ms",
    (1_000_000, "open_s"): "0.5 s",
}
"""What the MemoryBank has to stay under: with the p95 where there is one."""
NONE = "—"


def plain(report: Report) -> str:
    """The tables with their columns aligned."""
    parts = [f"{size:,} memories\n" + "\n".join(aligned(grid)) for size, grid in _grids(report).items()]
    return "\n\n".join([*parts, *report["notes"]])


def markdown(report: Report) -> str:
    """The tables, below the machine and the command that they come from."""
    machine = report["machine"]
    versions = ", ".join(
        f"{name} {machine[key]}"
        for key, name in (("python", "Python"), ("sqlite", "SQLite"), *((k, k) for k in _PACKAGES if k in machine))
    )
    source = (
        f"`{machine['command']}`, commit {machine['commit']}; {machine['cores']} cores ({machine['processor']},"
        f" {machine['system']}), {versions}"
    )
    parts = [f"**{size:,} memories**\n\n" + "\n".join(piped(grid)) for size, grid in _grids(report).items()]
    return "\n\n".join([source, *parts, *report["notes"]])


_PACKAGES = ("sqlite-vec", "usearch", "chromadb")


def _grids(report: Report) -> dict[int, Grid]:
    """A grid for each size: a row for each measure, below a row of headings."""
    sizes: dict[int, list[Report]] = {}
    for result in report["results"]:
        sizes.setdefault(result["size"], []).append(result)
    return {size: _grid(size, results) for size, results in sizes.items()}


def _grid(size: int, results: Sequence[Report]) -> Grid:
    first, *others = results
    heading = ["", f"{first['store']} p50", "p95", "floor"]
    for other in others:
        heading += [f"{other['store']} p50", "p95"]
    grid = [heading]
    for key, label in OPERATIONS.items():
        cells = [[_ms(result, key, "p50"), _ms(result, key, "p95")] for result in results]
        grid.append(_row(label, cells, FLOORS.get((size, key), "")))
    for key, (label, decimals) in SINGLE.items():
        cells = [[f"{result[key]:,.{decimals}f}", ""] for result in results]
        grid.append(_row(label, cells, FLOORS.get((size, key), "")))
    return grid


def _row(label: str, cells: Sequence[list[str]], floor: str) -> list[str]:
    first, *others = cells
    return [label, *first, floor, *(cell for other in others for cell in other)]


def _ms(result: Report, operation: str, part: str) -> str:
    taken = result["ms"].get(operation)
    return NONE if taken is None else f"{taken[part]:,.2f}"


def aligned(grid: Grid) -> list[str]:
    """Lines for a terminal."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in grid]


def piped(grid: Grid) -> list[str]:
    """Lines of a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in grid]
    return [lines[0], f"| --- |{' ---: |' * (len(grid[0]) - 1)}", *lines[1:]]


if __name__ == "__main__":
    print("\n\n".join(markdown(json.loads(Path(file).read_text(encoding="utf-8"))) for file in sys.argv[1:]))
