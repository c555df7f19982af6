"""Memories and their versions, and the one way to change a memory.

Promises that a change reaches the versions, the text index and the vectors together. Runs inside its caller's
transaction. Knows nothing of why a memory changes: that is the journal's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from assistant.errors import NotFoundError
from assistant.memory import indexes, times
from assistant.memory.periods import Period
from assistant.memory.records import ItemKind, Memory, MemoryStatus, MemoryVersion
from assistant.memory.vectors import ALL, Selection

COLUMNS = (
    "memory.id, state.text, state.status, state.observed_at, state.source_message_id, state.version, state.holds_from,"
    " state.holds_until, memory.pinned, memory.never_use"
)
"""What `from_row` reads, of `memory` joined with the version `state` of it."""
ALL_VERSIONS = "memory JOIN memory_version AS state ON state.memory_id = memory.id"
CURRENT = f"{ALL_VERSIONS} AND state.version = memory.version"


@dataclass(frozen=True, slots=True)
class State:
    """What one version of a memory says. `result_of` is the operation whose result it is."""

    text: str
    status: MemoryStatus
    observed_at: datetime
    source_message_id: int | None
    result_of: int | None
    holds_from: Period | None = None
    holds_until: Period | None = None


def memories(connection: apsw.Connection, *, include_all: bool) -> list[Memory]:
    """The active memories, or all there ever were, oldest first."""
    where = "" if include_all else "WHERE status = 'active'"
    return [from_row(row) for row in connection.execute(f"SELECT {COLUMNS} FROM {CURRENT} {where} ORDER BY memory.id")]


def newest(connection: apsw.Connection, limit: int, among: Selection = ALL) -> list[Memory]:
    """The active memories that came last, newest first; of those that `among` selects."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM {CURRENT} WHERE status = 'active' {among.restrict('memory.id')}"
        " ORDER BY memory.id DESC LIMIT :limit",
        {**among.values, "limit": limit},
    )
    return [from_row(row) for row in rows]


def memory(connection: apsw.Connection, memory_id: int) -> Memory:
    """The memory with that id, whatever its status. Raises NotFoundError."""
    found = find(connection, memory_id)
    if found is None:
        raise NotFoundError(f"There is no memory {memory_id}.", "`recollect memory list --all` shows all there are.")
    return found


def find(connection: apsw.Connection, memory_id: int | None) -> Memory | None:
    """The memory with that id, or None."""
    # An id beyond SQLite's integers names nothing, but would not get as far as the query.
    if memory_id is None or not 0 < memory_id < 2**63:
        return None
    row = connection.execute(f"SELECT {COLUMNS} FROM {CURRENT} WHERE memory.id = ?", (memory_id,)).fetchone()
    return from_row(row) if row is not None else None


def pinned(connection: apsw.Connection, limit: int) -> list[Memory]:
    """The active memories that are pinned, newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM {CURRENT} WHERE status = 'active' AND pinned ORDER BY memory.id DESC LIMIT ?", (limit,)
    )
    return [from_row(row) for row in rows]


def mark(
    connection: apsw.Connection, memory_id: int, *, pinned: bool | None = None, never_use: bool | None = None
) -> None:
    """Sets the marks that are named."""
    connection.execute(
        "UPDATE memory SET pinned = coalesce(?, pinned), never_use = coalesce(?, never_use) WHERE id = ?",
        (pinned, never_use, memory_id),
    )


def saying(connection: apsw.Connection, text: str, status: MemoryStatus) -> list[tuple[int, datetime]]:
    """The memories with that status that say `text`, as (id, since when); ASCII letters match in either case."""
    rows = connection.execute(
        "SELECT id, created_at FROM current_memory WHERE text = ? COLLATE NOCASE AND status = ? ORDER BY id",
        (text, status),
    )
    return [(memory_id, datetime.fromisoformat(since)) for memory_id, since in rows]


def as_of(connection: apsw.Connection, time: datetime) -> list[Memory]:
    """The memories that were active at `time`, as they stood then, oldest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS}, state.created_at FROM {ALL_VERSIONS}"
        " WHERE julianday(state.created_at) <= julianday(?) ORDER BY memory.id, state.version",
        (times.to_text(time),),
    )
    # SQLite's comparison is exact to a millisecond only.
    then = {row[0]: tuple(row) for *row, since in rows if datetime.fromisoformat(since) <= time}
    return [memory for row in then.values() if (memory := from_row(row)).status is MemoryStatus.ACTIVE]


def history(connection: apsw.Connection, memory_id: int) -> list[MemoryVersion]:
    """All that the memory ever said, oldest first. Raises NotFoundError."""
    memory(connection, memory_id)
    rows = connection.execute(
        f"SELECT {COLUMNS}, state.created_at, (SELECT operation.id FROM operation WHERE"
        " operation.memory_id = memory.id AND operation.version = state.version)"
        f" FROM {ALL_VERSIONS} WHERE memory.id = ? ORDER BY state.version",
        (memory_id,),
    )
    return [MemoryVersion(from_row(tuple(row)), datetime.fromisoformat(since), by) for *row, since, by in rows]


def create(connection: apsw.Connection) -> int:
    """A new memory that says nothing until its first version is written."""
    connection.execute("INSERT INTO memory (version) VALUES (0)")
    return connection.last_insert_rowid()


def current_result_of(connection: apsw.Connection, memory_id: int) -> int | None:
    """The operation whose result the memory's present state is."""
    row = connection.execute("SELECT result_of FROM current_memory WHERE id = ?", (memory_id,)).fetchone()
    return row[0] if row is not None else None


def state_at(connection: apsw.Connection, memory_id: int, version: int) -> State | None:
    """What the memory said in `version`; None for version 0, before it was added."""
    row = connection.execute(
        "SELECT text, status, observed_at, source_message_id, result_of, holds_from, holds_until FROM memory_version"
        " WHERE memory_id = ? AND version = ?",
        (memory_id, version),
    ).fetchone()
    if row is None:
        return None
    text, status, observed_at, source_message_id, result_of, holds_from, holds_until = row
    return State(
        text,
        MemoryStatus(status),
        datetime.fromisoformat(observed_at),
        source_message_id,
        result_of,
        _period(holds_from),
        _period(holds_until),
    )


def write_version(connection: apsw.Connection, memory_id: int, version: int, state: State) -> None:
    """Makes `state` the memory's version `version`, and the current one, everywhere that memories are looked up.

    It is dated as the newest row of the journal, which is the operation that makes it.
    """
    written_at = connection.execute("SELECT created_at FROM operation ORDER BY id DESC LIMIT 1").get
    connection.execute(
        "INSERT INTO memory_version"
        " (memory_id, version, text, status, observed_at, source_message_id, created_at, result_of, holds_from,"
        " holds_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            memory_id,
            version,
            state.text,
            state.status,
            times.to_text(state.observed_at),
            state.source_message_id,
            written_at,
            state.result_of,
            str(state.holds_from) if state.holds_from is not None else None,
            str(state.holds_until) if state.holds_until is not None else None,
        ),
    )
    connection.execute("UPDATE memory SET version = ? WHERE id = ?", (version, memory_id))
    if state.status is MemoryStatus.ACTIVE:
        indexes.put(connection, ItemKind.MEMORY, memory_id, state.text)
    else:
        indexes.drop(connection, ItemKind.MEMORY, memory_id)


def from_row(row: tuple[Any, ...]) -> Memory:
    """A row of `COLUMNS`."""
    memory_id, text, status, observed_at, source_message_id, version, holds_from, holds_until, pinned, never_use = row
    return Memory(
        memory_id,
        text,
        MemoryStatus(status),
        datetime.fromisoformat(observed_at),
        source_message_id,
        version,
        _period(holds_from),
        _period(holds_until),
        bool(pinned),
        bool(never_use),
    )


def _period(text: str | None) -> Period | None:
    return Period.parse(text) if text is not None else None
