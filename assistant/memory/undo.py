"""Taking an operation back, and taking that back again.

Promises that undoing writes a new version that says what the memory said before, that it is in the journal like any
operation, that nothing newer is overwritten by it, and that the rows of a merge are taken back together or not at all.
Runs inside its caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import apsw

from assistant.errors import InputError
from assistant.memory import journal, memories, merging, tombstones
from assistant.memory.journal import Entry, Origin
from assistant.memory.memories import State
from assistant.memory.operations import Action
from assistant.memory.records import Memory, MemoryStatus, Operation

ACTOR = "undo"
LOOKED_THROUGH = 100
"""How many operations may stand in each other's way before it is said that none can be undone."""


@dataclass(frozen=True, slots=True)
class _Target:
    """An operation that can be undone, the memory that it changed, and what that said before."""

    operation: Operation
    memory: Memory
    before: State


def undo(connection: apsw.Connection, operation_id: int | None) -> Operation:
    """Undoes that operation, or the newest that stands. Raises InputError saying why not, or NotFoundError.

    The newest that stands is never itself an undo, so that undoing again and again walks back to the empty bank;
    undoing an undo by its id is redo. Of a merge, all rows are undone; returned is the one that undoes the named one.
    """
    if operation_id is None:
        return _undo_first_possible(connection, _newest(connection), "There is nothing to undo.")
    return _undo_all(connection, operation_id)


def _undo_all(connection: apsw.Connection, operation_id: int) -> Operation:
    """Undoes the operation and those that stand and fall with it, the newest first."""
    named = journal.operation(connection, operation_id)
    members = [named.id] if named.undone else merging.together(connection, named.id)
    written = {member: _take_back(connection, _target(connection, member)) for member in reversed(members)}
    return written[named.id]


def _take_back(connection: apsw.Connection, target: _Target) -> Operation:
    before = target.before
    version = target.memory.version + 1
    after = before.text if before.status is MemoryStatus.ACTIVE else None
    was = target.memory.text if target.memory.status is MemoryStatus.ACTIVE else None
    action = Action.DELETE if after is None else Action.ADD if was is None else Action.UPDATE
    entry = Entry(
        action,
        Origin(ACTOR),
        memory_id=target.memory.id,
        version=version,
        text=after,
        text_before=was,
        undoes=target.operation.id,
    )
    written = journal.write(connection, entry)
    memories.write_version(connection, target.memory.id, version, before)
    _mark(connection, target.operation.id, undone=True)
    tombstones.lift(connection, target.memory.id)
    tombstones.put_back(connection, target.operation.id)
    if before.status is MemoryStatus.ACTIVE:
        tombstones.lift_for(connection, before.text, written.id)
    if before.status is MemoryStatus.FORGOTTEN:
        tombstones.lay(connection, target.memory.id, written.id, before.text)
    return written


def redo(connection: apsw.Connection, operation_id: int | None) -> Operation:
    """Does an operation that was undone again, or the one undone last whose memory is as that undo left it.

    Raises InputError saying why not, or NotFoundError.
    """
    if operation_id is None:
        return _undo_first_possible(connection, _newest_undo(connection), "There is nothing to redo.")
    operation = journal.operation(connection, operation_id)
    undone_by: int | None = connection.execute(
        "SELECT max(id) FROM operation WHERE undoes = ? AND NOT undone", (operation_id,)
    ).get
    if undone_by is None:
        raise InputError(f"Operation {operation.id} is not undone, so there is nothing to redo.")
    return undo(connection, undone_by)


def _newest_undo(connection: apsw.Connection) -> list[int]:
    """The newest undos, not of an undo, that can be taken back, as what each did is how its memory now stands."""
    rows: Any = connection.execute(
        "SELECT later.id FROM operation AS later CROSS JOIN operation AS undone_one ON undone_one.id = later.undoes"
        " CROSS JOIN current_memory AS now ON now.id = later.memory_id"
        " CROSS JOIN memory_version AS left ON left.memory_id = later.memory_id AND left.version = later.version"
        " WHERE later.undoes IS NOT NULL AND undone_one.undoes IS NULL AND NOT later.undone"
        " AND left.result_of IS now.result_of AND now.status <> 'purged' ORDER BY later.id DESC LIMIT ?",
        (LOOKED_THROUGH,),
    ).fetchall()
    return [operation_id for (operation_id,) in rows]


def _newest(connection: apsw.Connection) -> list[int]:
    """The newest operations that can be undone, as what each did is how its memory now stands."""
    rows: Any = connection.execute(
        # Joined crosswise, so that the newest operations are looked at first, and seldom more than one of them.
        "SELECT operation.id FROM operation CROSS JOIN current_memory"
        " ON current_memory.id = operation.memory_id AND current_memory.result_of = operation.id"
        " LEFT JOIN memory_version AS before"
        " ON before.memory_id = operation.memory_id AND before.version = operation.version - 1"
        " WHERE NOT undone AND current_memory.status <> 'purged' AND coalesce(before.status, '') <> 'purged'"
        " ORDER BY operation.id DESC LIMIT ?",
        (LOOKED_THROUGH,),
    ).fetchall()
    return [operation_id for (operation_id,) in rows]


def _undo_first_possible(connection: apsw.Connection, candidates: Iterable[int], nothing: str) -> Operation:
    """Undoes the first of these operations that nothing stands against; if there is none, says why not the first."""
    refusal = InputError(nothing)
    for number, operation_id in enumerate(candidates):
        try:
            with _wholly(connection):  # What of a merge was undone before the refusal is not.
                return _undo_all(connection, operation_id)
        except InputError as error:
            refusal = error if number == 0 else refusal
    raise refusal


@contextmanager
def _wholly(connection: apsw.Connection) -> Iterator[None]:
    """Takes back what the block has changed if it raises; apsw's own way hides that a full disk has ended it all."""
    connection.execute("SAVEPOINT wholly")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO wholly; RELEASE wholly")
        raise
    connection.execute("RELEASE wholly")


def _target(connection: apsw.Connection, operation_id: int) -> _Target:
    """The operation with that id, once it is known that it can be undone."""
    operation = journal.operation(connection, operation_id)
    memory = memories.find(connection, operation.memory_id)
    if memory is not None and memory.status is MemoryStatus.PURGED:
        raise InputError(f"Operation {operation_id} cannot be undone: memory {memory.id} was purged.")
    made: Any = connection.execute("SELECT version, undoes FROM operation WHERE id = ?", (operation_id,)).fetchone()
    version, undoes = made
    if memory is None or version is None:
        raise InputError(f"Operation {operation_id} changed nothing, so there is nothing to undo.")
    if operation.undone:
        raise InputError(f"Operation {operation_id} is undone already.")
    # It may be undone as long as the memory's state is its result, be it by way of later undos; what an undo brings
    # back is the result of an earlier operation.
    brought_back = memories.state_at(connection, memory.id, version) if undoes is not None else None
    result_of = brought_back.result_of if brought_back is not None else operation_id
    if memories.current_result_of(connection, memory.id) != result_of:
        raise InputError(
            f"Operation {operation_id} cannot be undone: memory {memory.id} has changed since.",
            "Undo the later change first.",
        )
    before = _state_before(connection, operation_id, memory.id, version)
    _check_no_twin(connection, operation_id, memory.id, before)
    return _Target(operation, memory, before)


def _state_before(connection: apsw.Connection, operation_id: int, memory_id: int, version: int) -> State:
    before = memories.state_at(connection, memory_id, version - 1)
    if before is None:
        now = memories.state_at(connection, memory_id, version)
        assert now is not None
        return replace(now, status=MemoryStatus.RETIRED, result_of=None)
    if before.status is MemoryStatus.PURGED:
        raise InputError(f"Operation {operation_id} cannot be undone: what was said before it was purged.")
    return before


def _check_no_twin(connection: apsw.Connection, operation_id: int, memory_id: int, before: State) -> None:
    if before.status is not MemoryStatus.ACTIVE:
        return
    for twin, _ in memories.saying(connection, before.text, MemoryStatus.ACTIVE):
        if twin != memory_id:
            raise InputError(
                f"Operation {operation_id} cannot be undone: memory {twin} says the same by now.",
                f"Forget memory {twin} first if you want the other one back.",
            )


def _mark(connection: apsw.Connection, operation_id: int, *, undone: bool) -> None:
    """Marks the operation; if it was itself an undo, what it had undone stands again, and so on down."""
    connection.execute("UPDATE operation SET undone = ? WHERE id = ?", (undone, operation_id))
    undoes = connection.execute("SELECT undoes FROM operation WHERE id = ?", (operation_id,)).get
    if undoes is not None:
        _mark(connection, undoes, undone=not undone)
