"""The conversations as a list, the one last written in first.

Promises to look at no more messages than the part of the list that is asked for has. Runs inside its caller's
transaction.
"""

from __future__ import annotations

from datetime import datetime

import apsw

from assistant.memory.conversations import CONVERSATION_COLUMNS, IS_IMPORTED, LAST_MESSAGE, conversation_of
from assistant.memory.records import ConversationSummary

OPENING_CHARACTERS = 80
_READ_CHARACTERS = 4 * OPENING_CHARACTERS
"""A message may begin with white space, of which nothing is shown."""


def recent(connection: apsw.Connection, limit: int, offset: int) -> list[ConversationSummary]:
    """The conversations last written in after the first `offset`; those in which nothing was said come last."""
    rows = connection.execute(
        f"WITH listed AS (SELECT id, {LAST_MESSAGE} AS last_id FROM conversation"
        " ORDER BY coalesce(last_id, 0) DESC, id DESC LIMIT :limit OFFSET :offset)"
        f" SELECT {CONVERSATION_COLUMNS},"
        " (SELECT count(*) FROM message WHERE conversation_id = conversation.id),"
        " (SELECT message.created_at FROM message WHERE message.id = last_id),"
        " (SELECT substr(text, 1, :read) FROM message WHERE message.id = head_id),"
        f" {IS_IMPORTED}"
        " FROM listed JOIN conversation USING (id) ORDER BY coalesce(last_id, 0) DESC, id DESC",
        {"limit": limit, "offset": offset, "read": _READ_CHARACTERS},
    )
    found = []
    for *columns, count, last_at, text, is_imported in rows:
        conversation = conversation_of(tuple(columns))
        last = datetime.fromisoformat(last_at) if last_at is not None else conversation.created_at
        found.append(ConversationSummary(conversation, count, last, opening(text or ""), bool(is_imported)))
    return found


def opening(text: str) -> str:
    """How `text` begins, on one line without anything that nobody can see."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= OPENING_CHARACTERS else line[: OPENING_CHARACTERS - 1].rstrip() + "…"
