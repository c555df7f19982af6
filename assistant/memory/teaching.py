"""Reading out what a model could learn from: for each conversation, what was said and what the user made of proposals.

A handful of queries, however many conversations there are. Runs inside its caller's transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import apsw

from assistant.memory.conversations import STRUCK
from assistant.memory.lessons import Lessons

PRIVATE_WORDS = "private_words"
_MESSAGES = (
    "SELECT conversation_id, sum(role = 'user'), max(external_id IS NOT NULL), max(instr(text, ?) > 0)"
    " FROM message GROUP BY conversation_id"
)
_TURNS = (
    "SELECT DISTINCT said.conversation_id, coalesce(said.parent_id, 0) FROM message AS said"
    " WHERE said.role = 'user' AND EXISTS (SELECT 1 FROM message AS reply"
    " WHERE reply.parent_id = said.id AND reply.role = 'assistant' AND reply.state = 'complete')"
    " ORDER BY said.id"
)
_OPERATIONS = (
    "SELECT message.conversation_id,"
    " sum(settles IS NOT NULL AND action <> 'NOOP' AND operation.text IS"
    "  (SELECT held.text FROM operation AS held WHERE held.id = operation.settles)),"
    " sum(settles IS NOT NULL AND action = 'NOOP' AND reason = ''),"
    " sum(actor = 'manager' AND undone)"
    " FROM operation JOIN message ON message.id = source_message_id GROUP BY message.conversation_id"
)
# Of a reply that used the memory, or else of what the memory came from.
_FEEDBACK = (
    "SELECT message.conversation_id, sum(kind = 'edited'), sum(kind <> 'edited') FROM feedback"
    " JOIN message ON message.id = coalesce(feedback.message_id, (SELECT source_message_id FROM memory_version AS first"
    "  WHERE first.memory_id = feedback.memory_id AND source_message_id IS NOT NULL ORDER BY version LIMIT 1))"
    " GROUP BY message.conversation_id"
)


def lessons(connection: apsw.Connection) -> list[Lessons]:
    """What there is in each conversation in which something was said, the one begun last first."""
    counted = {row[0]: row[1:] for row in _rows(connection, _MESSAGES, STRUCK)}
    done = {row[0]: row[1:] for row in _rows(connection, _OPERATIONS)}
    said = {row[0]: row[1:] for row in _rows(connection, _FEEDBACK)}
    turns: dict[int, list[int]] = {}
    for conversation_id, after_id in _rows(connection, _TURNS):
        turns.setdefault(conversation_id, []).append(after_id)
    # Bars are drawn by others too; only where something was wiped do they stand for what is gone.
    was_wiped = connection.execute("SELECT EXISTS (SELECT 1 FROM memory_version WHERE status = 'purged')").get
    found = []
    for number, title, created_at, is_sample, excluded in connection.execute(
        "SELECT id, title, created_at, is_sample, excluded FROM conversation ORDER BY id DESC"
    ):
        if number not in counted:
            continue
        user_messages, is_imported, has_bars = counted[number]
        accepted, declined, undone = done.get(number, (0, 0, 0))
        edited, feedback = said.get(number, (0, 0))
        found.append(
            Lessons(
                number,
                title,
                datetime.fromisoformat(created_at),
                user_messages,
                accepted,
                declined,
                edited,
                undone,
                feedback,
                tuple(turns.get(number, ())),
                is_imported=bool(is_imported),
                is_sample=bool(is_sample),
                is_struck=bool(has_bars and was_wiped),
                is_excluded=bool(excluded),
            )
        )
    return found


def private_words(connection: apsw.Connection) -> tuple[str, ...]:
    """The words and names that the user wants nothing to learn, in the order they were named."""
    value: str | None = connection.execute("SELECT value FROM setting WHERE name = ?", (PRIVATE_WORDS,)).get
    return tuple(value.split("\n")) if value else ()


def set_private_words(connection: apsw.Connection, words: tuple[str, ...]) -> None:
    """Keeps them, in the bank, which may be encrypted, and is what goes along with it."""
    connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (PRIVATE_WORDS, "\n".join(words)))


def _rows(connection: apsw.Connection, query: str, *values: str) -> list[Any]:
    return connection.execute(query, values).fetchall()
