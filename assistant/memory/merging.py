"""Several memories made into one, and which rows of the journal belong together by that.

Promises that the rows of a merge stand and fall together: each can be found from any other, also those that undo them,
and those that undo that. Feedback rows tie them: one for each memory that a merge has changed names the merge's first
row, and the memory's own row is its first from there on, as nothing comes between them in one transaction. Runs inside
its caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from assistant.errors import InputError
from assistant.memory import applying, feedback, memories, times
from assistant.memory.journal import Origin
from assistant.memory.operations import Action, MemoryOperation
from assistant.memory.records import FeedbackKind, Memory, MemoryStatus, Operation

_USER = Origin(applying.BY_USER)


def merge(connection: apsw.Connection, memory_ids: Sequence[int], text: str) -> list[Operation]:
    """Makes the first of the memories say `text`, and ends the others. Raises NotFoundError, or InputError.

    The marks of the first one stay, those of the others count no more.
    """
    merged = [memories.memory(connection, memory_id) for memory_id in dict.fromkeys(memory_ids)]
    if len(merged) < 2:
        raise InputError("Nothing was merged: that takes two memories at least.")
    for memory in merged:
        if memory.status is not MemoryStatus.ACTIVE:
            raise InputError(f"Nothing was merged: memory {memory.id} is {memory.status}.")
    first, *others = merged
    # The others are ended first, as the text may be one of theirs.
    reason = f"merged into memory {first.id}"
    done = [applying.close(connection, memory, MemoryStatus.RETIRED, _USER, reason=reason) for memory in others]
    tidied = applying.tidy(text)
    if tidied != first.text:
        done.append(_say(connection, first, tidied))
    for operation in done:
        assert operation.memory_id is not None
        feedback.give(connection, FeedbackKind.MERGED, operation.memory_id, operation_id=done[0].id)
    return done


def _say(connection: apsw.Connection, first: Memory, text: str) -> Operation:
    now = times.now()
    if reason := applying.objection(connection, MemoryOperation(Action.UPDATE, first.id, text), now):
        raise InputError(f"Nothing was merged: {reason}.")
    return applying.say(connection, text, _USER, now, target=first)


def together(connection: apsw.Connection, operation_id: int) -> list[int]:
    """The rows that stand and fall with that one, itself among them, oldest first."""
    row: Any = connection.execute("SELECT memory_id, undoes FROM operation WHERE id = ?", (operation_id,)).fetchone()
    memory_id, undoes = row
    if undoes is None:
        return _merged_with(connection, operation_id, memory_id)
    undone = together(connection, undoes)
    if undone == [undoes]:
        return [operation_id]
    # They were written at once; other rows that undo the same have at least as many rows between.
    marks = ", ".join("?" * len(undone))
    rows: list[Any] = connection.execute(
        f"SELECT id FROM operation WHERE undoes IN ({marks}) ORDER BY abs(id - ?) LIMIT ?",
        (*undone, operation_id, len(undone)),
    ).fetchall()
    return sorted(number for (number,) in rows)


def _merged_with(connection: apsw.Connection, operation_id: int, memory_id: int | None) -> list[int]:
    """The rows of the merge that the row is one of, or itself alone."""
    first: int | None = connection.execute(
        "SELECT max(operation_id) FROM feedback WHERE kind = 'merged' AND memory_id = ? AND operation_id <= ?",
        (memory_id, operation_id),
    ).get
    rows: list[Any] = connection.execute(
        "SELECT (SELECT min(id) FROM operation WHERE operation.memory_id = feedback.memory_id AND id >= ?1)"
        " FROM feedback WHERE kind = 'merged' AND operation_id = ?1",
        (first,),
    ).fetchall()
    merged = sorted(number for (number,) in rows)
    return merged if operation_id in merged else [operation_id]
