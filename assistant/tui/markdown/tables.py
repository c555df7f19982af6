"""What a table looks like at a width: columns side by side, or where they do not fit, its values one below the other.

Promises that what is measured of a row is measured once while the table grows.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from textual.content import Content, Span

from assistant.tui.markdown.blocks import Block, Cells, Kind
from assistant.tui.markdown.inline import joined
from assistant.tui.markdown.rows import LINES, Drawn, Laid, Words, fitting, piece
from assistant.tui.markdown.wrapping import Row, cells, wrap

BETWEEN = " │ "
CROSSING = "─┼─"
NARROW = 20
"""Cells below which columns are not put side by side."""
COLUMN_AT_LEAST = 4


def lay_table(block: Block, width: int, before: Laid | None) -> Laid:
    """A table in `width` cells."""
    room = fitting(block, width)[2]
    columns = len(block.header)
    if room < NARROW or room < columns * (COLUMN_AT_LEAST + len(BETWEEN)) - len(BETWEEN):
        return Words(_as_lines(block), width)
    return _Grid(block, width, before)


def _as_lines(block: Block) -> Block:
    """The table as lines of "header: value"."""
    said = Content()
    for row in block.rows or ((),):
        for header, value in zip(block.header, row or ((Content(),) * len(block.header)), strict=True):
            if said.plain:
                said = joined(said, Content("\n"))
            said = joined(said, Content(f"{header.plain}: ", [Span(0, len(header.plain) + 1, "bold")]))
            said = joined(said, value)
        said = joined(said, Content("\n"))
    lines = Content(said.plain.rstrip("\n"), list(said.spans), strip_control_codes=False)
    return replace(block, kind=Kind.TEXT, content=lines)


class _Grid:
    """Columns side by side."""

    def __init__(self, block: Block, width: int, before: Laid | None) -> None:
        self.block = block
        self._first, self._rest, self._room = fitting(block, width)
        known = before if isinstance(before, _Grid) and _same_rows((before.block.header,), (block.header,)) else None
        if known is not None and (known._room, known._rest) != (self._room, self._rest):
            known = None
        same = _same_rows(known.block.rows, block.rows) if known is not None else 0
        is_whole = known is not None and same == len(known.block.rows)
        self._natural: list[int] = _natural(block, known._natural if known is not None and is_whole else None, same)
        self._starts: list[int]
        self.widths = _shared_out(self._natural, self._room)
        if known is None or known.widths != self.widths:
            same, self._starts = 0, [self._height(block.header) + 1]
        else:
            self._starts = known._starts[: same + 1]
        for row in block.rows[same:]:
            self._starts.append(self._starts[-1] + self._height(row))
        self.kept = self._starts[same] if same else 0
        self.height = self._starts[-1]

    def _height(self, row: Cells) -> int:
        return max((len(self._cuts(cell, at)) for at, cell in enumerate(row)), default=1)

    def _cuts(self, cell: Content, column: int) -> list[Row]:
        text = cell.plain
        if len(text) <= self.widths[column] and cells(text) <= self.widths[column]:
            return [Row(0, len(text))]
        return list(wrap(text, self.widths[column]))

    def row(self, at: int) -> Drawn:
        before = self._rest if at else self._first
        if at == self._starts[0] - 1:
            line = CROSSING.join("─" * width for width in self.widths)
            return Drawn(piece(Content(line), 0, len(line), before, LINES))
        which = bisect_right(self._starts, at) - 1
        row = self.block.header if which < 0 else self.block.rows[which]
        within = at if which < 0 else at - self._starts[which]
        said = Content()
        for column, cell in enumerate(row):
            if column:
                said = joined(said, Content(BETWEEN, [Span(0, len(BETWEEN), LINES)]))
            said = joined(said, self._aligned(cell, column, within))
        said = piece(said, 0, len(said.plain.rstrip(" ")), before, "bold" if which < 0 else "")
        return Drawn(said)

    def _aligned(self, cell: Content, column: int, within: int) -> Content:
        cuts = self._cuts(cell, column)
        part = piece(cell, *cuts[within]) if within < len(cuts) else Content()
        missing = max(self.widths[column] - cells(part.plain), 0)
        align = self.block.aligns[column]
        left = missing if align == "right" else missing // 2 if align == "center" else 0
        return joined(joined(Content(" " * left), part), Content(" " * (missing - left)))


def _same_rows(old: tuple[Cells, ...], new: tuple[Cells, ...]) -> int:
    for at, (before, after) in enumerate(zip(old, new, strict=False)):
        if before is not after and any(a is not b for a, b in zip(before, after, strict=True)):
            return at
    return min(len(old), len(new))


def _natural(block: Block, known: list[int] | None, same: int) -> list[int]:
    """How wide each column would be, had it all room."""
    widths = known if known is not None else [0] * len(block.header)
    for row in (block.header, *block.rows[same if known is not None else 0 :]):
        widths = [
            max(width, *(cells(line) for line in cell.plain.split("\n")), 1)
            for width, cell in zip(widths, row, strict=True)
        ]
    return widths


def _shared_out(natural: list[int], room: int) -> list[int]:
    """The widths of the columns: the widest ones give way first."""
    free = room - len(BETWEEN) * (len(natural) - 1)
    widths = [0] * len(natural)
    for done, at in enumerate(sorted(range(len(natural)), key=natural.__getitem__)):
        widths[at] = min(natural[at], free // (len(natural) - done))
        free -= widths[at]
    return widths
