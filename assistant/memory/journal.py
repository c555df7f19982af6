"""Deciding on proposed operations, carrying them out, and writing every one of them down.

Promises that whether an operation is applied, held or rejected follows from the bank and from what it is told of the
proposal, and that each has a row in the journal. Runs inside its caller's transaction. Knows nothing of who proposes,
and how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from assistant.errors import NotFoundError
from assistant.memory import memories, times
from assistant.memory.memories import State
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.records import Memory, MemoryStatus, Operation

MAX_TEXT = 2000
"""Longest text of a memory, in characters."""

_SETTLED = "EXISTS (SELECT 1 FROM operation AS later WHERE later.settles = operation.id)"
_COLUMNS = (
    "id, action, status, memory_id, text, text_before, reason, actor, created_at, source_message_id, completion, undone"
    f", {_SETTLED}"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who proposes, upon which message, the model's raw reply if there was one, the held operation that it settles."""

    actor: str
    source_message_id: int | None = None
    completion: str | None = None
    settles: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to be written to the journal. `version` is the version of the memory that it makes."""

    action: Action
    origin: Origin
    status: OperationStatus = OperationStatus.APPLIED
    memory_id: int | None = None
    version: int | None = None
    text: str | None = None
    text_before: str | None = None
    reason: str = ""
    undoes: int | None = None


def tidy(text: str) -> str:
    """`text` on one line: a memory holds no control characters and no others that nobody can see."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def objection(
    connection: apsw.Connection, operation: MemoryOperation, observed_at: datetime, *, by_user: bool = False
) -> str:
    """Why the operation cannot be applied, in plain words; "" if it can be. Its text is taken as tidied."""
    target = memories.find(connection, operation.memory_id)
    if operation.action in (Action.UPDATE, Action.DELETE):
        if target is None:
            return f"there is no memory {operation.memory_id}"
        if target.status is not MemoryStatus.ACTIVE:
            return f"memory {target.id} is {target.status}"
    if operation.action in (Action.ADD, Action.UPDATE):
        return _objection_to_text(connection, operation.text or "", target, observed_at, by_user=by_user)
    return ""


def _objection_to_text(
    connection: apsw.Connection, text: str, target: Memory | None, observed_at: datetime, *, by_user: bool
) -> str:
    if not text:
        return "the text is empty"
    if len(text) > MAX_TEXT:
        return f"the text has {len(text)} characters, and {MAX_TEXT} is the most"
    if target is not None and target.text == text:
        return f"memory {target.id} already says this"
    for memory_id, _ in memories.saying(connection, text, MemoryStatus.ACTIVE):
        if target is None or memory_id != target.id:
            return f"memory {memory_id} already says this"
    if by_user:
        return ""
    for memory_id, since in memories.saying(connection, text, MemoryStatus.FORGOTTEN):
        # Reading an old message again must not bring back what was forgotten after it was written.
        if observed_at <= since:
            return f"memory {memory_id} said this and was forgotten"
    return ""


def apply(
    connection: apsw.Connection,
    operations: Sequence[MemoryOperation],
    origin: Origin,
    observed_at: datetime,
    *,
    seen: Sequence[Memory] = (),
    held_for: str = "",
) -> list[Operation]:
    """Applies what can be applied, one after the other; the rest is journalled as rejected, with the reason.

    With `held_for`, what could be applied is journalled as held instead, for that reason. So is all of a reply that
    names one of the memories `seen` of which the text has changed since.
    """
    changed = _changed_since(connection, operations, seen)
    if changed is not None:
        held_for = f"memory {changed} has changed since it was read"
    return [_apply_one(connection, operation, origin, observed_at, held_for) for operation in operations]


def _changed_since(
    connection: apsw.Connection, operations: Sequence[MemoryOperation], seen: Sequence[Memory]
) -> int | None:
    """The first of the memories `seen` that an operation names and that says something else by now."""
    named = {operation.memory_id for operation in operations}
    for memory in seen:
        now = memories.find(connection, memory.id) if memory.id in named else None
        if now is not None and now.status is MemoryStatus.ACTIVE and now.text != memory.text:
            return memory.id
    return None


def _apply_one(
    connection: apsw.Connection, proposed: MemoryOperation, origin: Origin, observed_at: datetime, held_for: str
) -> Operation:
    writes_text = proposed.action in (Action.ADD, Action.UPDATE)
    text = tidy(proposed.text or "") if writes_text else None
    operation = MemoryOperation(proposed.action, proposed.memory_id, text)
    target = memories.find(connection, proposed.memory_id) if proposed.action is not Action.ADD else None
    status, reason = _verdict(connection, operation, observed_at, held_for)
    if status is not OperationStatus.APPLIED or operation.action is Action.NOOP:
        memory_id, before = (target.id, target.text) if target else (None, None)
        return write(connection, Entry(operation.action, origin, status, memory_id, None, text, before, reason))
    if target is None:
        assert text is not None
        return add(connection, text, origin, observed_at)
    if text is None:
        return close(connection, target, MemoryStatus.RETIRED, origin)
    return _update(connection, target, text, origin, observed_at)


def _verdict(
    connection: apsw.Connection, operation: MemoryOperation, observed_at: datetime, held_for: str
) -> tuple[OperationStatus, str]:
    """What becomes of a proposal whose text is tidied, and why."""
    if reason := objection(connection, operation, observed_at):
        return OperationStatus.REJECTED, reason
    if not held_for or operation.action is Action.NOOP:
        return OperationStatus.APPLIED, ""
    twin = connection.execute(
        f"SELECT id FROM operation WHERE status = 'held' AND action = ? AND memory_id IS ?"
        f" AND text IS ? COLLATE NOCASE AND NOT {_SETTLED}",
        (operation.action, operation.memory_id, operation.text),
    ).get
    if twin is not None:
        return OperationStatus.REJECTED, f"operation {twin}, which is held, proposes this already"
    return OperationStatus.HELD, held_for


def add(connection: apsw.Connection, text: str, origin: Origin, observed_at: datetime) -> Operation:
    """A new memory that says `text`, which nothing stands against."""
    memory_id = memories.create(connection)
    operation = write(connection, Entry(Action.ADD, origin, memory_id=memory_id, version=1, text=text))
    state = State(text, MemoryStatus.ACTIVE, observed_at, origin.source_message_id, operation.id)
    memories.write_version(connection, memory_id, 1, state)
    return operation


def _update(connection: apsw.Connection, target: Memory, text: str, origin: Origin, observed_at: datetime) -> Operation:
    version = target.version + 1
    operation = write(
        connection, Entry(Action.UPDATE, origin, OperationStatus.APPLIED, target.id, version, text, target.text)
    )
    state = State(text, MemoryStatus.ACTIVE, observed_at, origin.source_message_id, operation.id)
    memories.write_version(connection, target.id, version, state)
    return operation


def close(connection: apsw.Connection, target: Memory, status: MemoryStatus, origin: Origin) -> Operation:
    """Ends a memory as RETIRED or FORGOTTEN; its text stays reachable."""
    version = target.version + 1
    entry = Entry(Action.DELETE, origin, memory_id=target.id, version=version, text_before=target.text)
    operation = write(connection, entry)
    state = State(target.text, status, target.observed_at, target.source_message_id, operation.id)
    memories.write_version(connection, target.id, version, state)
    return operation


def write(connection: apsw.Connection, entry: Entry) -> Operation:
    """Appends a row to the journal."""
    connection.execute(
        "INSERT INTO operation (action, status, memory_id, version, text, text_before, reason, actor, created_at,"
        " source_message_id, completion, settles, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.action,
            entry.status,
            entry.memory_id,
            entry.version,
            entry.text,
            entry.text_before,
            entry.reason,
            entry.origin.actor,
            times.to_text(times.now()),
            entry.origin.source_message_id,
            entry.origin.completion,
            entry.origin.settles,
            entry.undoes,
        ),
    )
    return operation(connection, connection.last_insert_rowid())


def operation(connection: apsw.Connection, operation_id: int) -> Operation:
    """The row of the journal with that id. Raises NotFoundError."""
    row = None
    if 0 < operation_id < 2**63:
        row = connection.execute(f"SELECT {_COLUMNS} FROM operation WHERE id = ?", (operation_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no operation {operation_id}.", "`recollect memory review` shows the journal.")
    return _from_row(row)


def operations(
    connection: apsw.Connection, limit: int, source_message_id: int | None, status: OperationStatus | None
) -> list[Operation]:
    """The newest rows of the journal, newest first; of one message or of one status if asked."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM operation WHERE (?1 IS NULL OR source_message_id = ?1)"
        " AND (?2 IS NULL OR status = ?2) ORDER BY id DESC LIMIT ?3",
        (source_message_id, status, limit),
    )
    return [_from_row(row) for row in rows]


def to_review(connection: apsw.Connection, limit: int) -> list[Operation]:
    """The newest proposals that were rejected, or are held and not settled yet; newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM operation WHERE status <> 'applied' AND NOT {_SETTLED} ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [_from_row(row) for row in rows]


def _from_row(row: tuple[Any, ...]) -> Operation:
    (
        number, action, status, memory_id, text, text_before, reason, actor, created_at, source, completion, undone,
        settled,
    ) = row  # fmt: skip
    return Operation(
        number,
        Action(action),
        OperationStatus(status),
        memory_id,
        text,
        text_before,
        reason,
        actor,
        datetime.fromisoformat(created_at),
        source,
        completion,
        bool(undone),
        bool(settled),
    )
