"""The memories as a table shows them: with what each speaks of, where it came from and how often it was used.

One query, whatever their number. Runs inside its caller's transaction.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

import apsw

from assistant.memory import memories, times
from assistant.memory.kinds import kind_of
from assistant.memory.records import MemoryOrigin, MemoryRow, MemoryStatus

_USES = (
    " LEFT JOIN (SELECT memory_id AS used_id, count(*) AS uses, max(message_id) AS last_id FROM citation{then}"
    " GROUP BY memory_id) ON used_id = memory.id LEFT JOIN message AS last ON last.id = last_id"
)
_UNTIL_THEN = " JOIN message ON message.id = message_id WHERE julianday(message.created_at) <= julianday(:time)"
_ORIGIN = (
    "CASE WHEN made.actor = 'import' OR source.external_id IS NOT NULL THEN 'imported'"
    " WHEN source.id IS NULL AND coalesce(made.actor, 'user') = 'user' THEN 'written' ELSE 'said' END"
)
_MADE = (
    " LEFT JOIN operation AS made ON made.id = state.result_of"
    " LEFT JOIN message AS source ON source.id = state.source_message_id"
)
_SELECT = f"SELECT {memories.COLUMNS}, state.created_at, {_ORIGIN}, last.created_at, coalesce(uses, 0) FROM "


def rows(connection: apsw.Connection, *, include_all: bool, as_of: datetime | None) -> list[MemoryRow]:
    """The active memories, or all there ever were, oldest first; with `as_of`, those that were active then.

    Those are as they stood then and were used until then. Their marks are those of now.
    """
    if as_of is not None:
        return _rows_as_of(connection, as_of)
    where = "" if include_all else " WHERE state.status = 'active'"
    query = f"{_SELECT}{memories.CURRENT}{_MADE}{_USES.format(then='')}{where} ORDER BY memory.id"
    return [_from_row(row) for row in connection.execute(query)]


def _rows_as_of(connection: apsw.Connection, time: datetime) -> list[MemoryRow]:
    found: Any = connection.execute(
        f"{_SELECT}{memories.ALL_VERSIONS}{_MADE}{_USES.format(then=_UNTIL_THEN)}"
        " WHERE julianday(state.created_at) <= julianday(:time) ORDER BY memory.id, state.version",
        {"time": times.to_text(time)},
    )
    # SQLite's comparison is exact to a millisecond only.
    then = {row[0]: row for row in found if datetime.fromisoformat(row[-4]) <= time}
    return [row for row in map(_from_row, then.values()) if row.memory.status is MemoryStatus.ACTIVE]


# A table of ten thousand memories is read anew after every change of one of them.
@lru_cache(maxsize=2**14)
def _from_row(row: tuple[Any, ...]) -> MemoryRow:
    memory = memories.from_row(row[:-4])
    since, origin, last_used, uses = row[-4:]
    return MemoryRow(
        memory,
        kind_of(memory.text, memory.observed_at.date(), memory.holds_from),
        datetime.fromisoformat(since),
        MemoryOrigin(origin),
        datetime.fromisoformat(last_used) if last_used is not None else None,
        uses,
    )
