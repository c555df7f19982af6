"""The memories of a table as they are filtered, sorted and fitted into its columns.

Pure: rows in, rows out. Promises that to filter ten thousand of them takes less than a frame or two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from assistant.memory.hidden import made_visible
from assistant.memory.kinds import MemoryKind
from assistant.memory.records import MatchedBy, Memory, MemoryRow
from assistant.tui.shown import plain

_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
GAP = 2
"""Cells between two columns."""


class Column(StrEnum):
    """What a table may say of a memory; the value is the title."""

    TEXT = "Memory"
    KIND = "Kind"
    STATE = "State"
    SINCE = "Since"
    USED = "Used"
    SOURCE = "From"
    FOUND = "Found by"


WIDTHS = {
    Column.KIND: 10,
    Column.STATE: 9,
    Column.SINCE: 10,
    Column.USED: 9,
    Column.SOURCE: 8,
    Column.FOUND: 10,
}
_MEANT = {MatchedBy.TEXT: "words", MatchedBy.MEANING: "meaning", MatchedBy.BOTH: "both", MatchedBy.RECENT: "recent"}


@dataclass(frozen=True, slots=True)
class Row:
    """A memory of the table. `text` is what is shown of it, `folded` what is looked through."""

    of: MemoryRow
    text: str
    folded: str
    found_by: str = ""

    @property
    def memory(self) -> Memory:
        return self.of.memory


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and which way; by FOUND is as they were found, best first."""

    column: Column = Column.SINCE
    descending: bool = True


def on_one_line(text: str) -> str:
    """`text` as a line of a table may show it."""
    return text if text.isprintable() else made_visible(plain(text)).replace("\n", " ")


def prepared(rows: Sequence[MemoryRow], *, with_marks: bool) -> list[Row]:
    """The rows, ready to be looked through. Marks are those of now, so without them where another day is shown."""
    made = []
    for row in rows:
        if not with_marks and (row.memory.pinned or row.memory.never_use):
            row = replace(row, memory=replace(row.memory, pinned=False, never_use=False))  # noqa: PLW2901
        text = on_one_line(row.memory.text)
        made.append(Row(row, text, text.casefold()))
    return made


def matching(rows: Sequence[Row], words: str, kind: MemoryKind | None) -> list[Row]:
    """The rows of that kind in which each of the words stands, be it as a part of another."""
    found = rows if kind is None else [row for row in rows if row.of.kind is kind]
    for word in words.casefold().split():
        found = [row for row in found if word in row.folded]
    return list(found)


def found(rows: Sequence[Row], by_id: Mapping[int, MatchedBy]) -> list[Row]:
    """The rows that a search has found, in its order."""
    known = {row.memory.id: row for row in rows}
    return [
        Row(known[number].of, known[number].text, known[number].folded, _MEANT[by])
        for number, by in by_id.items()
        if number in known
    ]


def ordered(rows: Sequence[Row], order: Order) -> list[Row]:
    """The rows in that order; equal ones the newest first."""
    if order.column is Column.FOUND:
        return list(rows)
    newest_first = sorted(rows, key=lambda row: (row.of.since, row.memory.id), reverse=True)
    if order.column is Column.SINCE:
        return newest_first if order.descending else newest_first[::-1]
    return sorted(newest_first, key=lambda row: _key(row, order.column), reverse=order.descending)


def _key(row: Row, column: Column) -> Any:
    match column:
        case Column.TEXT:
            return row.folded
        case Column.KIND:
            return list(MemoryKind).index(row.of.kind)
        case Column.STATE:
            return row.memory.status
        case Column.USED:
            return row.of.last_used or _LONG_AGO
        case Column.SOURCE:
            return row.of.origin
    return 0


def by_kind(rows: Sequence[Row]) -> Counter[MemoryKind]:
    """How many there are of each kind."""
    return Counter(row.of.kind for row in rows)


def columns(width: int, *, with_state: bool, with_found: bool) -> list[tuple[Column, int]]:
    """The columns for which there is room, each with its width; the text gets 60 cells in 100, and the rest."""
    least = max(32, width * 6 // 10)
    wanted = [
        *([Column.FOUND] if with_found else []),
        *([Column.STATE] if with_state else []),
        Column.KIND,
        Column.SINCE,
        Column.USED,
        Column.SOURCE,
    ]
    chosen: list[Column] = []
    left = width
    for column in wanted:
        if left - WIDTHS[column] - GAP < least:
            break
        left -= WIDTHS[column] + GAP
        chosen.append(column)
    in_order = sorted(chosen, key=list(Column).index)
    return [(Column.TEXT, left), *((column, WIDTHS[column]) for column in in_order)]


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in 9 cells at most; "never" for None."""
    if moment is None:
        return "never"
    minutes = int((now - moment).total_seconds()) // 60
    if minutes < 1:
        return "just now"
    for size, unit in ((525_960, "yr"), (43_830, "mo"), (10_080, "wk"), (1_440, "d"), (60, "h")):
        if minutes >= size:
            return f"{minutes // size} {unit} ago"
    return f"{minutes} m ago"
