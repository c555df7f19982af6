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
from assistant.memory import times
from assistant.memory.records import Memory, MemoryStatus

_COLUMNS = "id, text, status, observed_at, source_message_id, version"


@dataclass(frozen=True, slots=True)
class State:
    """What one version of a memory says. `result_of` is the operation whose result it is."""

    text: str
    status: MemoryStatus
    observed_at: datetime
    source_message_id: int | None
    result_of: int | None


def memories(connection: apsw.Connection, *, include_all: bool) -> list[Memory]:
    """The active memories, or all there ever were, oldest first."""
    where = "" if include_all else "WHERE status = 'active'"
    return [from_row(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM current_memory {where} ORDER BY id")]


def newest(connection: apsw.Connection, limit: int) -> list[Memory]:
    """The active memories that came last, newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM current_memory WHERE status = 'active' ORDER BY id DESC LIMIT ?", (limit,)
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
    row = connection.execute(f"SELECT {_COLUMNS} FROM current_memory WHERE id = ?", (memory_id,)).fetchone()
    return from_row(row) if row is not None else None


def saying(connection: apsw.Connection, text: str, status: MemoryStatus) -> list[tuple[int, datetime]]:
    """The memories with that status that say `text`, as (id, since when); ASCII letters match in either case."""
    rows = connection.execute(
        "SELECT id, created_at FROM current_memory WHERE text = ? COLLATE NOCASE AND status = ? ORDER BY id",
        (text, status),
    )
    return [(memory_id, datetime.fromisoformat(since)) for memory_id, since in rows]


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
        "SELECT text, status, observed_at, source_message_id, result_of FROM memory_version"
        " WHERE memory_id = ? AND version = ?",
        (memory_id, version),
    ).fetchone()
    if row is None:
        return None
    text, status, observed_at, source_message_id, result_of = row
    return State(text, MemoryStatus(status), datetime.fromisoformat(observed_at), source_message_id, result_of)


def write_version(connection: apsw.Connection, memory_id: int, version: int, state: State) -> None:
    """Makes `state` the memory's version `version`, and the current one, everywhere that memories are looked up."""
    connection.execute(
        "INSERT INTO memory_version"
        " (memory_id, version, text, status, observed_at, source_message_id, created_at, result_of)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            memory_id,
            version,
            state.text,
            state.status,
            times.to_text(state.observed_at),
            state.source_message_id,
            times.to_text(times.now()),
            state.result_of,
        ),
    )
    connection.execute("UPDATE memory SET version = ? WHERE id = ?", (version, memory_id))
    drop_from_indexes(connection, memory_id)
    if state.status is MemoryStatus.ACTIVE:
        connection.execute("INSERT INTO memory_text (rowid, text) VALUES (?, ?)", (memory_id, state.text))


def drop_from_indexes(connection: apsw.Connection, memory_id: int) -> None:
    """Makes the memory unfindable; its vector is made anew when it is indexed again."""
    connection.execute("DELETE FROM memory_text WHERE rowid = ?", (memory_id,))
    connection.execute("DELETE FROM memory_vector WHERE memory_id = ?", (memory_id,))


def from_row(row: tuple[Any, ...]) -> Memory:
    """A row of current_memory: id, text, status, observed_at, source_message_id, version."""
    memory_id, text, status, observed_at, source_message_id, version = row
    return Memory(
        memory_id, text, MemoryStatus(status), datetime.fromisoformat(observed_at), source_message_id, version
    )
