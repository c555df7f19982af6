"""Removing a conversation for good: its messages, and whatever else has words of theirs.

Memories stay unless they are to go as well. What became of them is still in the journal, but not by which message, nor
what a model wrote upon one or proposed in vain. Runs inside its caller's transaction.
"""

from __future__ import annotations

from typing import Any

import apsw

from assistant.memory import conversations, forgetting, settings

REMOVED_TEXT = "(removed)"
"""Stands where a text stood that came from a removed message."""
REASON = "the conversation that it came from was removed"
_MESSAGES = "(SELECT id FROM message WHERE conversation_id = :conversation)"
_LETTING_GO = (
    f"UPDATE operation SET completion = '{REMOVED_TEXT}'"
    f" WHERE completion IS NOT NULL AND source_message_id IN {_MESSAGES}",
    f"UPDATE operation SET reason = '{REASON}', text = CASE WHEN text IS NOT NULL THEN '{REMOVED_TEXT}' END,"
    f" status = 'rejected' WHERE status <> 'applied' AND source_message_id IN {_MESSAGES}",
    "UPDATE operation SET source_message_id = NULL, quote_begin = NULL, quote_end = NULL"
    f" WHERE source_message_id IN {_MESSAGES}",
    f"UPDATE memory_version SET source_message_id = NULL WHERE source_message_id IN {_MESSAGES}",
    f"UPDATE feedback SET message_id = NULL WHERE message_id IN {_MESSAGES}",
    "UPDATE conversation SET head_id = NULL, seen_from = NULL WHERE id = :conversation",
    f"DELETE FROM citation WHERE message_id IN {_MESSAGES}",
    f"DELETE FROM job WHERE message_id IN {_MESSAGES}",
    f"DELETE FROM message_text WHERE rowid IN {_MESSAGES}",
    f"DELETE FROM message_vector WHERE item_id IN {_MESSAGES}",
    f"DELETE FROM to_embed WHERE kind = 'message' AND item_id IN {_MESSAGES}",
    "DELETE FROM draft WHERE conversation_id = :conversation",
    "DELETE FROM message WHERE conversation_id = :conversation",
    "DELETE FROM conversation WHERE id = :conversation",
)
"""In an order in which nothing refers to what is gone."""


def remove(connection: apsw.Connection, conversation_id: int, *, with_memories: bool) -> list[int]:
    """Removes the conversation and says which memories went with it: those that came from it alone, if they are to.

    Raises NotFoundError.
    """
    conversations.conversation(connection, conversation_id)
    settings.keep_ids(connection)
    purged = memories_of(connection, conversation_id) if with_memories else []
    for statement in _LETTING_GO:
        connection.execute(statement, {"conversation": conversation_id})
    # After that: what is gone need not be looked through for each of them.
    for memory_id in purged:
        forgetting.purge(connection, memory_id)
    return purged


def memories_of(connection: apsw.Connection, conversation_id: int) -> list[int]:
    """The memories of which every version came from the conversation, those wiped already aside."""
    rows: Any = connection.execute(
        f"SELECT DISTINCT memory_id FROM memory_version WHERE source_message_id IN {_MESSAGES} AND status <> 'purged'"
        " AND NOT EXISTS (SELECT 1 FROM memory_version AS other WHERE other.memory_id = memory_version.memory_id"
        f" AND (other.source_message_id IS NULL OR other.source_message_id NOT IN {_MESSAGES})) ORDER BY memory_id",
        {"conversation": conversation_id},
    )
    return [memory_id for (memory_id,) in rows]
