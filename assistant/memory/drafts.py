"""What was typed and not sent, one text for each conversation and one for the conversation that has not begun.

Runs inside its caller's transaction.
"""

from __future__ import annotations

import apsw

from assistant.memory import conversations


def draft(connection: apsw.Connection, conversation_id: int | None) -> str:
    """What was typed there and not sent; "" if nothing was."""
    text: str | None = connection.execute("SELECT text FROM draft WHERE conversation_id IS ?", (conversation_id,)).get
    return text or ""


def keep(connection: apsw.Connection, conversation_id: int | None, text: str) -> None:
    """Keeps `text` in place of what was kept there; an empty one is not kept. Raises NotFoundError, InputError."""
    if conversation_id is not None:
        conversations.conversation(connection, conversation_id)
    connection.execute("DELETE FROM draft WHERE conversation_id IS ?", (conversation_id,))
    if text:
        connection.execute("INSERT INTO draft VALUES (?, ?)", (conversation_id, conversations.sound(text)))
