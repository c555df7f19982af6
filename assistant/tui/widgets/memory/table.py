"""The table of memories: a line each, with its marks, sorted by what one clicks on.

Promises that columns stay in line whatever the texts are made of, and that marks are signs, not colours. Knows nothing
of the bank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from assistant.memory import times
from assistant.memory.kinds import MemoryKind
from assistant.memory.records import MatchedBy, Memory, MemoryRow, MemoryStatus
from assistant.tui.widgets.memory import rows as memory_rows
from assistant.tui.widgets.memory.lines import HERE, MemoryLines
from assistant.tui.widgets.memory.rows import GAP, Column, Order, Row

SELECTED, PINNED, NEVER_USED = "✓", "♦", "⊘"
_MARKS = 4
"""Cells before the text: the line at hand, selected, pinned or never used, a space."""


class MemoryTable(MemoryLines):
    """What is shown of the memories that it was given, in which order, and which of them are selected."""

    HEADED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open"),
        Binding("space", "select", "Select", show=False),
        Binding("s", "sort", "Sort", show=False),
        Binding("S", "reverse", "Reverse", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[Row] = ()
        self.shown: list[Row] = []
        self.by_kind: Counter[MemoryKind] = Counter()
        self.words = ""
        self.kind: MemoryKind | None = None
        self.order = Order()
        self.selected: dict[int, None] = {}
        self.with_state = False
        self._ordered: tuple[Order, list[Row]] | None = None
        self._found: dict[int, MatchedBy] | None = None
        self._now = times.now()

    # What it shows

    def fill(self, rows: Sequence[Row], *, with_state: bool) -> None:
        """Shows these memories; the one at hand and the selected ones stay, if they are still there."""
        self._now = times.now()
        self.rows, self.with_state = rows, with_state
        self.by_kind = memory_rows.by_kind(rows)
        self._ordered = None
        ids = {row.memory.id for row in rows}
        self.selected = {number: None for number in self.selected if number in ids}
        self._show()

    def filter(self, words: str, kind: MemoryKind | None) -> None:
        """Shows only memories of that kind that have the words in them."""
        self.words, self.kind, self._found = words, kind, None
        if self.order.column is Column.FOUND:
            self.order = Order()
        self._show()

    def show_found(self, by_id: dict[int, MatchedBy]) -> None:
        """Shows what a search has found, best first, until `filter`."""
        self._found, self.order = by_id, Order(Column.FOUND)
        self._show(here=0)

    def go_to(self, memory_id: int) -> bool:
        """Makes that memory the one at hand; says whether it is shown."""
        at = next((n for n, row in enumerate(self.shown) if row.memory.id == memory_id), None)
        if at is not None:
            self.here = at
        return at is not None

    def _show(self, here: int | None = None) -> None:
        before = self.at_hand
        if self._found is not None:
            found = memory_rows.matching(memory_rows.found(self.rows, self._found), "", self.kind)
            self.shown = memory_rows.ordered(found, self.order)
        else:
            self.shown = memory_rows.matching(self._in_order(), self.words, self.kind)
        if here is None and before is not None:
            here = next((n for n, row in enumerate(self.shown) if row.memory.id == before.memory.id), self.here)
        self.renew(here or 0)
        self.post_message(self.Moved(self))

    def _in_order(self) -> Sequence[Row]:
        """All rows as they are ordered, once for all that is typed."""
        if self._ordered is None or self._ordered[0] != self.order:
            self._ordered = self.order, memory_rows.ordered(self.rows, self.order)
        return self._ordered[1]

    @property
    def at_hand(self) -> MemoryRow | None:
        """The memory of the line at hand."""
        return self.shown[self.here].of if 0 <= self.here < len(self.shown) else None

    @property
    def chosen(self) -> list[Memory]:
        """The selected memories in the order they were selected, or else the one at hand."""
        if self.selected:
            known = {row.memory.id: row.memory for row in self.rows}
            return [known[number] for number in self.selected]
        return [self.at_hand.memory] if self.at_hand is not None else []

    # What the user does

    def action_select(self) -> None:
        if self.at_hand is not None:
            self._toggle(self.at_hand.memory.id)
            self.action_move(1)

    def unselect(self) -> None:
        """Selects nothing."""
        self.selected = {}
        self.redraw()

    def action_sort(self) -> None:
        order = [column for column, _ in self._columns(self.width)]
        at = order.index(self.order.column) + 1 if self.order.column in order else 0
        self._sort_by(order[at % len(order)])

    def action_reverse(self) -> None:
        self._order_by(Order(self.order.column, not self.order.descending))

    def pressed(self, line: int, x: int) -> bool:
        if line >= 0:
            if x >= _MARKS - 1:
                return False
            self._toggle(self.shown[line].memory.id)
            return True
        at = _MARKS
        for column, width in self._columns(self.width):
            if x < at + width + GAP:
                if column is self.order.column:
                    self.action_reverse()
                else:
                    self._sort_by(column)
                break
            at += width + GAP
        return True

    def _toggle(self, memory_id: int) -> None:
        if memory_id in self.selected:
            del self.selected[memory_id]
        else:
            self.selected[memory_id] = None
        self.redraw()
        self.post_message(self.Moved(self))

    def _sort_by(self, column: Column) -> None:
        self._order_by(Order(column, descending=column in (Column.SINCE, Column.USED)))

    def _order_by(self, order: Order) -> None:
        self.order = order
        self._show()

    # How it looks

    def count(self) -> int:
        return len(self.shown)

    def _columns(self, width: int) -> list[tuple[Column, int]]:
        return memory_rows.columns(width - _MARKS, with_state=self.with_state, with_found=self._found is not None)

    def head(self, width: int) -> Content:
        cells = []
        for column, cell_width in self._columns(width):
            is_sorted = column is self.order.column and column is not Column.FOUND
            mark = ("▼" if self.order.descending else "▲") if is_sorted else ""
            cells.append(f"{column.value} {mark}".ljust(cell_width))
        return Content(" " * _MARKS + (" " * GAP).join(cells))

    def draw(self, line: int, width: int) -> Content:
        row = self.shown[line]
        memory = row.memory
        selected = SELECTED if memory.id in self.selected else " "
        mark = PINNED if memory.pinned else NEVER_USED if memory.never_use else " "
        parts: list[tuple[str, str] | Content] = [
            (f"{HERE if line == self.here else ' '}{selected}{mark} ", "bold $primary")
        ]
        for column, cell_width in self._columns(width):
            if column is Column.TEXT:
                text = Content(row.text).truncate(cell_width, ellipsis=True, pad=True)
                parts.append(text if memory.status is MemoryStatus.ACTIVE else text.stylize("$foreground 50%"))
            else:
                parts.append((" " * GAP + self._cell(row, column).ljust(cell_width), "$foreground 60%"))
        return Content.assemble(*parts)

    def _cell(self, row: Row, column: Column) -> str:
        match column:
            case Column.KIND:
                return row.of.kind
            case Column.STATE:
                return row.memory.status
            case Column.SINCE:
                return f"{row.of.since.astimezone():%Y-%m-%d}"
            case Column.USED:
                return memory_rows.ago(row.of.last_used, self._now)
            case Column.SOURCE:
                return row.of.origin
        return row.found_by
