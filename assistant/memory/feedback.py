"""What the user says of memories, kept for what may be learned from it.

Rows are only appended, and hold no text. Runs inside its caller's transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import apsw

from assistant.memory import times
from assistant.memory.records import Feedback, FeedbackKind


def give(
    connection: apsw.Connection,
    kind: FeedbackKind,
    memory_id: int,
    *,
    operation_id: int | None = None,
    message_id: int | None = None,
) -> None:
    """Writes down what the user said of a memory."""
    connection.execute(
        "INSERT INTO feedback (memory_id, message_id, operation_id, kind, created_at) VALUES (?, ?, ?, ?, ?)",
        (memory_id, message_id, operation_id, kind, times.to_text(times.now())),
    )


def newest(connection: apsw.Connection, limit: int) -> list[Feedback]:
    """What was said last, newest first."""
    rows = connection.execute(
        "SELECT id, memory_id, message_id, operation_id, kind, created_at FROM feedback ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [_from_row(row) for row in rows]


def _from_row(row: tuple[Any, ...]) -> Feedback:
    number, memory_id, message_id, operation_id, kind, created_at = row
    return Feedback(number, memory_id, message_id, operation_id, FeedbackKind(kind), datetime.fromisoformat(created_at))
