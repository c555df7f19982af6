"""Conversations, their messages, and which memories a reply used.

Runs inside its caller's transaction. Knows nothing of how a reply comes about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from assistant.errors import InputError, NotFoundError
from assistant.memory import indexes, times, words
from assistant.memory.quoting import quoted
from assistant.memory.records import Citation, Conversation, ItemKind, Memory, Message, MessageRole, MessageState

COLUMNS = "id, conversation_id, role, speaker, text, created_at, state, external_id"
STRUCK = "\u2588"
"""Stands for each character that was struck out."""
_COLUMNS = "id, title, created_at, seen_from"
_LAST_MESSAGE = "(SELECT max(message.id) FROM message WHERE conversation_id = conversation.id)"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that has no id yet."""

    conversation_id: int
    role: MessageRole
    text: str
    speaker: str | None = None
    created_at: datetime | None = None
    state: MessageState = MessageState.COMPLETE
    external_id: str | None = None


def conversations(connection: apsw.Connection) -> list[Conversation]:
    """All conversations, the one begun last first."""
    return [_conversation(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM conversation ORDER BY id DESC")]


def latest(connection: apsw.Connection) -> Conversation | None:
    """The conversation that was last written in; None if there is none. An imported one is not continued."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM conversation WHERE NOT EXISTS"
        " (SELECT 1 FROM message WHERE conversation_id = conversation.id AND external_id IS NOT NULL)"
        f" ORDER BY coalesce({_LAST_MESSAGE}, 0) DESC, id DESC LIMIT 1"
    ).fetchone()
    return _conversation(row) if row is not None else None


def conversation(connection: apsw.Connection, conversation_id: int) -> Conversation:
    """One conversation. Raises NotFoundError."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no conversation {conversation_id}.", "Begin a new one.")
    return _conversation(row)


def see_from(connection: apsw.Connection, conversation_id: int, message_id: int | None) -> None:
    """Keeps from which message on a model reads the conversation; None: all of it."""
    connection.execute("UPDATE conversation SET seen_from = ? WHERE id = ?", (message_id, conversation_id))


def new(connection: apsw.Connection, title: str) -> Conversation:
    """Begins a conversation."""
    created_at = times.now()
    connection.execute(
        "INSERT INTO conversation (title, created_at) VALUES (?, ?)", (_unicode(title), times.to_text(created_at))
    )
    return Conversation(connection.last_insert_rowid(), title, created_at)


def add_message(connection: apsw.Connection, new_message: NewMessage) -> tuple[Message, bool]:
    """Saves a message and says whether it is new: one whose external id is known already is returned as it is.

    Raises NotFoundError if there is no such conversation, InputError if the text is no Unicode.
    """
    if not connection.execute("SELECT 1 FROM conversation WHERE id = ?", (new_message.conversation_id,)).fetchall():
        raise NotFoundError(f"There is no conversation {new_message.conversation_id}.", "Begin a new one.")
    if new_message.external_id is not None:
        known = connection.execute(
            f"SELECT {COLUMNS} FROM message WHERE external_id = ?", (new_message.external_id,)
        ).fetchone()
        if known is not None:
            return from_row(known), False
    connection.execute(
        "INSERT INTO message (conversation_id, role, speaker, text, created_at, state, external_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            new_message.conversation_id,
            new_message.role,
            new_message.speaker,
            _unicode(new_message.text),
            times.to_text(new_message.created_at or times.now()),
            new_message.state,
            new_message.external_id,
        ),
    )
    saved = message(connection, connection.last_insert_rowid())
    _index(connection, saved)
    return saved, True


def update_message(connection: apsw.Connection, message_id: int, text: str, state: MessageState) -> None:
    """Replaces a message's text, as a reply does while it is written. Raises NotFoundError."""
    message(connection, message_id)
    connection.execute("UPDATE message SET text = ?, state = ? WHERE id = ?", (_unicode(text), state, message_id))
    _index(connection, message(connection, message_id))


def strike(connection: apsw.Connection, message_id: int, texts: Sequence[str]) -> None:
    """Strikes out the sentences that say each of `texts`, and what the conversation's title has of them."""
    before = message(connection, message_id)
    said = before.text
    for text in texts:
        said = _struck(said, text)
    title: str = connection.execute("SELECT title FROM conversation WHERE id = ?", (before.conversation_id,)).get
    shown = title.removesuffix("…")
    at = before.text.find(shown)  # A title is the beginning of what was said.
    if shown and at >= 0:
        title = said[at : at + len(shown)] + title[len(shown) :]
        connection.execute("UPDATE conversation SET title = ? WHERE id = ?", (title, before.conversation_id))
    update_message(connection, message_id, said, before.state)


def _struck(said: str, text: str) -> str:
    """`said` without the sentence that says most of `text`, and without others that say more than half of it."""
    meant = words.content(text)
    least = 1.0
    while (span := quoted(said, text)) is not None:
        sentence = span.of(said)
        if len(meant & words.content(sentence)) < least:
            break
        # As long as before, so that quotes of what stands beside it stay where they are.
        bars = "".join(" " if character.isspace() else STRUCK for character in sentence)
        said = said[: span.begin] + bars + said[span.end :]
        least = len(meant) / 2
    return said


def message(connection: apsw.Connection, message_id: int) -> Message:
    """The message with that id. Raises NotFoundError."""
    row = connection.execute(f"SELECT {COLUMNS} FROM message WHERE id = ?", (message_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no message {message_id}.")
    return from_row(row)


def messages(connection: apsw.Connection, conversation_id: int, limit: int, before_id: int | None) -> list[Message]:
    """The newest messages of a conversation, or the newest before `before_id`; oldest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM message WHERE conversation_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
        (conversation_id, 2**63 - 1 if before_id is None else before_id, limit),
    ).fetchall()
    return [from_row(row) for row in reversed(rows)]


def cite(connection: apsw.Connection, message_id: int, memories: Sequence[Memory]) -> None:
    """Writes down which memories a reply used, in that order, in place of what was written before."""
    message(connection, message_id)
    connection.execute("DELETE FROM citation WHERE message_id = ?", (message_id,))
    for rank, memory in enumerate(memories, 1):
        # A memory may have been purged since the reply was begun: then its text must not come back by this way.
        connection.execute(
            "INSERT INTO citation (message_id, rank, memory_id, text)"
            " SELECT ?, ?, id, CASE status WHEN 'purged' THEN text ELSE ? END FROM current_memory WHERE id = ?",
            (message_id, rank, memory.text, memory.id),
        )


def citations(connection: apsw.Connection, message_id: int) -> list[Citation]:
    """The memories that a reply used, in the order it named them."""
    rows = connection.execute(
        "SELECT memory_id, text, rank FROM citation WHERE message_id = ? ORDER BY rank", (message_id,)
    )
    return [Citation(*row) for row in rows]


def _index(connection: apsw.Connection, saved: Message) -> None:
    """Makes a message findable once it is written: the pieces of a growing reply would be indexed over and over."""
    if saved.state is MessageState.PARTIAL or not saved.text:
        indexes.drop(connection, ItemKind.MESSAGE, saved.id)
    else:
        indexes.put(connection, ItemKind.MESSAGE, saved.id, saved.text)


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("The text holds bytes that are no UTF-8.", "Save it as UTF-8 and try again.") from error
    return text


def _conversation(row: tuple[Any, ...]) -> Conversation:
    conversation_id, title, created_at, seen_from = row
    return Conversation(conversation_id, title, datetime.fromisoformat(created_at), seen_from)


def from_row(row: tuple[Any, ...]) -> Message:
    """A row of message: id, conversation_id, role, speaker, text, created_at, state, external_id."""
    message_id, conversation_id, role, speaker, text, created_at, state, external_id = row
    return Message(
        message_id,
        conversation_id,
        MessageRole(role),
        speaker,
        text,
        datetime.fromisoformat(created_at),
        MessageState(state),
        external_id,
    )
