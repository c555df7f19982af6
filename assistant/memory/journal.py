"""The journal: every operation that was proposed, and what became of it.

Rows are only appended; afterwards only whether one is undone changes, and a purge wipes texts. Runs inside its caller's
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from assistant.errors import NotFoundError
from assistant.memory import times
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.quoting import Span
from assistant.memory.records import Operation

_SETTLED = "EXISTS (SELECT 1 FROM operation AS later WHERE later.settles = operation.id)"
_QUOTE = (
    "(SELECT substr(message.text, quote_begin + 1, quote_end - quote_begin) FROM message"
    " WHERE message.id = source_message_id)"
)
_COLUMNS = (
    "id, action, status, memory_id, text, text_before, reason, actor, created_at, source_message_id, completion, undone"
    f", {_SETTLED}, model, {_QUOTE}"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who proposes, upon which message, the model and its raw reply if it was one, the held operation it settles."""

    actor: str
    source_message_id: int | None = None
    completion: str | None = None
    settles: int | None = None
    model: str | None = None


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
    quote: Span | None = None


def write(connection: apsw.Connection, entry: Entry) -> Operation:
    """Appends a row to the journal, dated no earlier than the one before it."""
    last = connection.execute("SELECT created_at FROM operation ORDER BY id DESC LIMIT 1").get
    created_at = times.not_before(datetime.fromisoformat(last) if last is not None else None)
    connection.execute(
        "INSERT INTO operation (action, status, memory_id, version, text, text_before, reason, actor, created_at,"
        " source_message_id, completion, settles, undoes, model, quote_begin, quote_end)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.action,
            entry.status,
            entry.memory_id,
            entry.version,
            entry.text,
            entry.text_before,
            entry.reason,
            entry.origin.actor,
            times.to_text(created_at),
            entry.origin.source_message_id,
            entry.origin.completion,
            entry.origin.settles,
            entry.undoes,
            entry.origin.model,
            entry.quote.begin if entry.quote is not None else None,
            entry.quote.end if entry.quote is not None else None,
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


def held_alike(connection: apsw.Connection, proposal: MemoryOperation) -> int | None:
    """The operation that is held, not settled yet, and proposes the same; None if none does."""
    found: int | None = connection.execute(
        f"SELECT id FROM operation WHERE status = 'held' AND action = ? AND memory_id IS ?"
        f" AND text IS ? COLLATE NOCASE AND NOT {_SETTLED}",
        (proposal.action, proposal.memory_id, proposal.text),
    ).get
    return found


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


def timeline(connection: apsw.Connection, limit: int, before_id: int | None) -> list[Operation]:
    """The newest rows that changed something, or the newest before `before_id`; newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM operation WHERE status = 'applied' AND action <> 'NOOP' AND id < ?"
        " ORDER BY id DESC LIMIT ?",
        (2**63 - 1 if before_id is None else before_id, limit),
    )
    return [_from_row(row) for row in rows]


def to_review(connection: apsw.Connection, limit: int) -> list[Operation]:
    """The newest proposals that were rejected, or are held and not settled yet; newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM operation WHERE status <> 'applied' AND NOT {_SETTLED} ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [_from_row(row) for row in rows]


def held(connection: apsw.Connection, limit: int) -> list[Operation]:
    """The newest proposals that are held and not settled yet; newest first."""
    rows = connection.execute(
        # Said twice, so that the index of what is not applied is used.
        f"SELECT {_COLUMNS} FROM operation WHERE status = 'held' AND status <> 'applied' AND NOT {_SETTLED}"
        " ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [_from_row(row) for row in rows]


def _from_row(row: tuple[Any, ...]) -> Operation:
    (
        number, action, status, memory_id, text, text_before, reason, actor, created_at, source, completion, undone,
        settled, model, quote,
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
        model,
        quote,
    )
