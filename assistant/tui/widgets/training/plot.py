"""Curves as plots of braille dots, with their numbers written to them. Pure; readable without any colour."""

from __future__ import annotations

from collections.abc import Sequence

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bit of each dot of a cell, by column and by row from above."""
LEAST_WIDTH = 24
_SMALL = 1e-3


def plot(points: Sequence[tuple[int, float]], width: int, height: int, of: int = 0) -> list[str]:
    """`height` lines of a curve and one of its steps beneath them, `width` cells wide; none without two points.

    The plot ends at the step `of`, if there is one, so that it also shows how much is yet to come.
    """
    if len(points) < 2 or width < LEAST_WIDTH or height < 2:
        return []
    low, high = min(value for _, value in points), max(value for _, value in points)
    if high - low < _SMALL * max(abs(high), _SMALL):  # A line that is level stands in the middle.
        margin = max(abs(high) / 2, _SMALL)
        low, high = low - margin, high + margin
    labels = {0: number(high), height - 1: number(low)}
    if height >= 5:
        labels[height // 2] = number(high - (high - low) * (height // 2) / (height - 1))
    axis = max(map(len, labels.values()))
    first, last = points[0][0], max(of, points[-1][0])
    cells = _drawn(points, (first, last), (low, high), width - axis - 1, height)
    lines = [
        f"{labels.get(row, ''):>{axis}}{'┤' if row in labels else '│'}{''.join(map(chr, cells[row]))}"
        for row in range(height)
    ]
    begin, end = f"{first:,}", f"step {last:,}"
    between = width - axis - 1 - len(begin) - len(end)
    return [*lines, f"{'':>{axis + 1}}{begin}{' ' * max(1, between)}{end}"]


def _drawn(
    points: Sequence[tuple[int, float]], steps: tuple[int, int], values: tuple[float, float], width: int, height: int
) -> list[list[int]]:
    """The characters of the plot, each point joined to the next."""
    cells = [[_BRAILLE] * width for _ in range(height)]
    columns, rows = width * 2 - 1, height * 4 - 1
    (first, last), (low, high) = steps, values

    def place(step: int, value: float) -> tuple[int, int]:
        x = round((step - first) / max(1, last - first) * columns)
        return x, round((high - value) / (high - low) * rows)

    before = place(*points[0])
    for point in points:
        x, y = place(*point)
        across, down = x - before[0], y - before[1]
        dots = max(abs(across), abs(down), 1)
        for dot in range(dots + 1):
            _dot(cells, before[0] + round(across * dot / dots), before[1] + round(down * dot / dots))
        before = x, y
    return cells


def _dot(cells: list[list[int]], x: int, y: int) -> None:
    cells[y // 4][x // 2] |= _DOTS[x % 2][y % 4]


def number(value: float) -> str:
    """A number in few characters: "0.0123", "4.21", "1,250"."""
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.1e}"
