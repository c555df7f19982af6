"""The tree that a conversation is: which messages stand before one and after it, beside it, and on the shown branch.

Promises that every walk ends, because a message has a lower id than those that follow it, and that nobody waits for the
length of a conversation where a few messages are asked for. Hands out ids. Runs inside its caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apsw

from assistant.memory.records import MessageRole

_UPWARDS = (
    "WITH RECURSIVE branch (id, parent_id) AS (SELECT id, parent_id FROM message WHERE id = :start"
    " UNION ALL SELECT message.id, message.parent_id FROM branch JOIN message ON message.id = branch.parent_id"
    " {while_} LIMIT :limit) "
)
_DOWNWARDS = (
    "WITH RECURSIVE branch (id) AS (SELECT :start"
    " UNION ALL SELECT (SELECT max(id) FROM message WHERE parent_id = branch.id) FROM branch"
    " WHERE branch.id IS NOT NULL LIMIT :limit) "
)
_ALL = -1
_FOLLOWS_A_STRANGER = (
    "EXISTS (SELECT 1 FROM message AS other WHERE other.id = message.parent_id"
    " AND other.conversation_id <> message.conversation_id)"
)
_SHOWS_A_STRANGER = (
    "NOT EXISTS (SELECT 1 FROM message WHERE message.id = head_id AND conversation_id = conversation.id)"
    " AND (head_id IS NOT NULL OR EXISTS (SELECT 1 FROM message WHERE conversation_id = conversation.id))"
)


def head(connection: apsw.Connection, conversation_id: int) -> int | None:
    """The last message of the shown branch; None while nothing was said."""
    found: int | None = connection.execute("SELECT head_id FROM conversation WHERE id = ?", (conversation_id,)).get
    return found


def before(connection: apsw.Connection, conversation_id: int, limit: int, before_id: int | None) -> list[int]:
    """The newest messages of the shown branch, or the newest of those before `before_id` on its own; oldest first."""
    start = head(connection, conversation_id) if before_id is None else None
    if before_id is not None:
        start = connection.execute(
            "SELECT parent_id FROM message WHERE id = ? AND conversation_id = ?", (before_id, conversation_id)
        ).get
    return _upwards(connection, start, limit)


def after(connection: apsw.Connection, conversation_id: int, after_id: int, limit: int) -> list[int]:
    """What follows `after_id` on the shown branch, oldest first; nothing if it is not on it."""
    values = {"start": head(connection, conversation_id), "after": after_id, "limit": _ALL}
    rows: Any = connection.execute(
        _UPWARDS.format(while_="WHERE branch.id > :after") + "SELECT id FROM branch", values
    ).fetchall()
    if not rows or rows[-1][0] != after_id:
        return []
    return [message_id for (message_id,) in rows[-2 : -2 - limit : -1]]


def around(connection: apsw.Connection, conversation_id: int, message_id: int, ahead: int, following: int) -> list[int]:
    """Up to `ahead` messages before that one, itself and up to `following` after it: on the shown branch, if it is
    there, or else the newest that follow."""
    earlier = _upwards(connection, message_id, ahead + 1)
    later = after(connection, conversation_id, message_id, following)
    return [*earlier, *(later or _downwards(connection, message_id, following + 1)[1:])]


def end(connection: apsw.Connection, message_id: int) -> int:
    """Where one gets to from a message by following the newest reply, each time."""
    return _downwards(connection, message_id, _ALL)[-1]


def count_replies(connection: apsw.Connection, conversation_id: int) -> int:
    """How many messages of the shown branch are replies that say something."""
    values = {"start": head(connection, conversation_id), "limit": _ALL}
    counted: int = connection.execute(
        _UPWARDS.format(while_="")
        + "SELECT count(*) FROM branch JOIN message USING (id) WHERE role = 'assistant' AND text <> ''",
        values,
    ).get
    return counted


def siblings(connection: apsw.Connection, message_id: int) -> list[int]:
    """The messages that follow the same one with the same role, itself included, oldest first."""
    rows = connection.execute(
        "SELECT other.id FROM message AS one JOIN message AS other ON other.parent_id IS one.parent_id"
        " AND other.conversation_id = one.conversation_id AND other.role = one.role WHERE one.id = ? ORDER BY other.id",
        (message_id,),
    )
    return [sibling for (sibling,) in rows]


def sibling_places(connection: apsw.Connection, message_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Which of how many siblings each of the messages is, counted from 1; only of those that have others."""
    rows = connection.execute(
        "SELECT one.id, sum(other.id <= one.id), count(*) FROM message AS one JOIN message AS other"
        " ON other.parent_id IS one.parent_id AND other.conversation_id = one.conversation_id"
        " AND other.role = one.role WHERE one.id IN (SELECT value FROM json_each(?))"
        " GROUP BY one.id HAVING count(*) > 1",
        (json.dumps(list(message_ids)),),
    )
    return {message_id: (place, count) for message_id, place, count in rows}


def is_shown(connection: apsw.Connection, conversation_id: int, message_id: int) -> bool:
    """Whether the message is on the shown branch."""
    values = {"start": head(connection, conversation_id), "limit": _ALL, "wanted": message_id}
    found = connection.execute(
        _UPWARDS.format(while_="WHERE branch.id > :wanted") + "SELECT EXISTS (SELECT 1 FROM branch WHERE id = :wanted)",
        values,
    ).get
    return bool(found)


def show_up_to(connection: apsw.Connection, conversation_id: int, message_id: int) -> None:
    """Makes the message the last one that is shown."""
    connection.execute("UPDATE conversation SET head_id = ? WHERE id = ?", (message_id, conversation_id))


def is_next(connection: apsw.Connection, conversation_id: int, parent_id: int | None, role: MessageRole) -> bool:
    """Whether a new message of `role` after `parent_id` belongs on the shown branch: at its end, or in the place of one
    of the same role. A reply to a message that was left for another branch does not, nor one that comes too late."""
    start = head(connection, conversation_id)
    if start == parent_id:
        return True
    values = {"start": start, "limit": _ALL, "parent": parent_id}
    shown: str | None = connection.execute(
        _UPWARDS.format(while_="WHERE branch.parent_id > coalesce(:parent, 0)")
        + "SELECT role FROM branch JOIN message USING (id) WHERE branch.parent_id IS :parent",
        values,
    ).get
    return shown == role


def strangers(connection: apsw.Connection) -> int:
    """How many messages follow one of another conversation, and how many conversations show no branch of their own."""
    counted: int = connection.execute(
        f"SELECT (SELECT count(*) FROM message WHERE {_FOLLOWS_A_STRANGER})"
        f" + (SELECT count(*) FROM conversation WHERE {_SHOWS_A_STRANGER})"
    ).get
    return counted


def mend(connection: apsw.Connection) -> None:
    """Lets each of these follow, or show, the message that was written last before it in its own conversation."""
    connection.execute(
        "UPDATE message SET parent_id = (SELECT max(earlier.id) FROM message AS earlier"
        " WHERE earlier.conversation_id = message.conversation_id AND earlier.id < message.id)"
        f" WHERE {_FOLLOWS_A_STRANGER}"
    )
    connection.execute(
        "UPDATE conversation SET head_id ="
        " (SELECT max(message.id) FROM message WHERE conversation_id = conversation.id)"
        f" WHERE {_SHOWS_A_STRANGER}"
    )


def _upwards(connection: apsw.Connection, start: int | None, limit: int) -> list[int]:
    """The message `start` and up to `limit` - 1 before it, oldest first."""
    rows = connection.execute(
        _UPWARDS.format(while_="") + "SELECT id FROM branch ORDER BY id", {"start": start, "limit": limit}
    )
    return [message_id for (message_id,) in rows]


def _downwards(connection: apsw.Connection, start: int, limit: int) -> list[int]:
    """The message `start` and up to `limit` - 1 that follow it, each time the newest, oldest first."""
    rows = connection.execute(
        _DOWNWARDS + "SELECT id FROM branch WHERE id IS NOT NULL ORDER BY id", {"start": start, "limit": limit}
    )
    return [message_id for (message_id,) in rows]
