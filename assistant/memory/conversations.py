"""Conversations, their messages, and which memories a reply used.

Runs inside its caller's transaction. Knows nothing of how a reply comes about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from assistant.errors import InputError, NotFoundError
from assistant.memory import branches, indexes, settings, times, words
from assistant.memory.quoting import quoted
from assistant.memory.records import Citation, Conversation, ItemKind, Memory, Message, MessageRole, MessageState

COLUMNS = "id, conversation_id, role, speaker, text, created_at, state, external_id, parent_id"
STRUCK = "\u2588"
"""Stands for each character that was struck out."""
_HINT = "`recollect conversations list` shows all there are."
CONVERSATION_COLUMNS = "conversation.id, title, conversation.created_at, seen_from, head_id, is_sample, excluded"
LAST_MESSAGE = "(SELECT max(message.id) FROM message WHERE conversation_id = conversation.id)"
IS_IMPORTED = (
    "coalesce((SELECT external_id IS NOT NULL FROM message WHERE message.id ="
    " (SELECT min(message.id) FROM message WHERE conversation_id = conversation.id)), 0)"
)
"""What was brought in begins with a message that has an id elsewhere."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that has no id yet.

    It follows `parent_id`, or what the message follows that it is `instead_of`, or else the last one that is shown.
    """

    conversation_id: int
    role: MessageRole
    text: str
    speaker: str | None = None
    created_at: datetime | None = None
    state: MessageState = MessageState.COMPLETE
    external_id: str | None = None
    parent_id: int | None = None
    instead_of: int | None = None


def conversations(connection: apsw.Connection) -> list[Conversation]:
    """All conversations, the one begun last first."""
    rows = connection.execute(f"SELECT {CONVERSATION_COLUMNS} FROM conversation ORDER BY id DESC")
    return [conversation_of(row) for row in rows]


def latest(connection: apsw.Connection) -> Conversation | None:
    """The conversation that was last written in, None if there is none. Imported ones and samples are not continued."""
    row = connection.execute(
        f"SELECT {CONVERSATION_COLUMNS} FROM conversation WHERE NOT is_sample AND NOT {IS_IMPORTED}"
        f" ORDER BY coalesce({LAST_MESSAGE}, 0) DESC, id DESC LIMIT 1"
    ).fetchone()
    return conversation_of(row) if row is not None else None


def conversation(connection: apsw.Connection, conversation_id: int) -> Conversation:
    """One conversation. Raises NotFoundError."""
    row = None
    if 0 < conversation_id < 2**63:
        row = connection.execute(
            f"SELECT {CONVERSATION_COLUMNS} FROM conversation WHERE id = ?", (conversation_id,)
        ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no conversation {conversation_id}.", _HINT)
    return conversation_of(row)


def see_from(connection: apsw.Connection, conversation_id: int, message_id: int | None) -> None:
    """Keeps from which message on a model reads the conversation; None: all of it."""
    connection.execute("UPDATE conversation SET seen_from = ? WHERE id = ?", (message_id, conversation_id))


def new(connection: apsw.Connection, title: str, *, is_sample: bool = False) -> Conversation:
    """Begins a conversation."""
    created_at = times.now()
    number = settings.next_id(connection, "conversation")
    connection.execute(
        "INSERT INTO conversation (id, title, created_at, is_sample) VALUES (?, ?, ?, ?)",
        (number, sound(title), times.to_text(created_at), is_sample),
    )
    return Conversation(number, title, created_at, is_sample=is_sample)


def rename(connection: apsw.Connection, conversation_id: int, title: str) -> None:
    """Gives a conversation another title. Raises NotFoundError, or InputError if the title is no Unicode."""
    conversation(connection, conversation_id)
    connection.execute("UPDATE conversation SET title = ? WHERE id = ?", (sound(title), conversation_id))


def exclude(connection: apsw.Connection, conversation_id: int, excluded: bool) -> None:
    """Lets nothing be learned from the conversation from now on, or lets it again. Raises NotFoundError."""
    conversation(connection, conversation_id)
    connection.execute("UPDATE conversation SET excluded = ? WHERE id = ?", (excluded, conversation_id))


def add_message(connection: apsw.Connection, new_message: NewMessage) -> tuple[Message, bool]:
    """Saves a message and says whether it is new: one whose external id is known already is returned as it is.

    Raises NotFoundError if there is no such conversation, InputError if the text is no Unicode.
    """
    conversation(connection, new_message.conversation_id)
    if new_message.external_id is not None:
        known = connection.execute(
            f"SELECT {COLUMNS} FROM message WHERE external_id = ?", (new_message.external_id,)
        ).fetchone()
        if known is not None:
            return from_row(known), False
    parent_id = _parent(connection, new_message)
    is_shown = new_message.role is MessageRole.USER or branches.is_next(
        connection, new_message.conversation_id, parent_id, new_message.role
    )
    connection.execute(
        "INSERT INTO message (id, conversation_id, role, speaker, text, created_at, state, external_id, parent_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            settings.next_id(connection, "message"),
            new_message.conversation_id,
            new_message.role,
            new_message.speaker,
            sound(new_message.text),
            times.to_text(new_message.created_at or times.now()),
            new_message.state,
            new_message.external_id,
            parent_id,
        ),
    )
    saved = message(connection, connection.last_insert_rowid())
    if is_shown:
        branches.show_up_to(connection, saved.conversation_id, saved.id)
    _index(connection, saved)
    return saved, True


def _parent(connection: apsw.Connection, new_message: NewMessage) -> int | None:
    """What a new message follows. Raises NotFoundError, or InputError if that is in another conversation."""
    if new_message.instead_of is None and new_message.parent_id is None:
        return branches.head(connection, new_message.conversation_id)
    other = message(connection, new_message.instead_of or new_message.parent_id or 0)
    if other.conversation_id != new_message.conversation_id:
        raise InputError(f"Message {other.id} is not in conversation {new_message.conversation_id}.")
    return other.parent_id if new_message.instead_of is not None else other.id


def update_message(connection: apsw.Connection, message_id: int, text: str, state: MessageState) -> None:
    """Replaces a message's text, as a reply does while it is written. Raises NotFoundError."""
    message(connection, message_id)
    connection.execute("UPDATE message SET text = ?, state = ? WHERE id = ?", (sound(text), state, message_id))
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
    row = None
    if 0 < message_id < 2**63:
        row = connection.execute(f"SELECT {COLUMNS} FROM message WHERE id = ?", (message_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no message {message_id}.")
    return from_row(row)


def messages(connection: apsw.Connection, conversation_id: int, limit: int, before_id: int | None) -> list[Message]:
    """The newest messages of the shown branch, or the newest that lead to `before_id`; oldest first."""
    return _with_ids(connection, branches.before(connection, conversation_id, limit, before_id))


def messages_after(connection: apsw.Connection, conversation_id: int, after_id: int, limit: int) -> list[Message]:
    """What follows `after_id` on the shown branch, oldest first; nothing if it is not on it."""
    return _with_ids(connection, branches.after(connection, conversation_id, after_id, limit))


def messages_around(connection: apsw.Connection, message_id: int, before: int, after: int) -> list[Message]:
    """A message with up to `before` others that lead to it and `after` that follow it. Raises NotFoundError."""
    middle = message(connection, message_id)
    return _with_ids(connection, branches.around(connection, middle.conversation_id, message_id, before, after))


def show_branch(connection: apsw.Connection, message_id: int) -> None:
    """Shows the branch on which that message is, down to the newest one that follows it. Raises NotFoundError."""
    shown = message(connection, message_id)
    branches.show_up_to(connection, shown.conversation_id, branches.end(connection, message_id))


def replies_using(connection: apsw.Connection, memory_id: int, limit: int) -> list[Message]:
    """The newest replies that used a memory, newest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM message JOIN (SELECT message_id FROM citation WHERE memory_id = ?"
        " ORDER BY message_id DESC LIMIT ?) ON id = message_id ORDER BY id DESC",
        (memory_id, limit),
    )
    return [from_row(row) for row in rows]


def _with_ids(connection: apsw.Connection, message_ids: Sequence[int]) -> list[Message]:
    """Those messages, in the order of their ids, which along a branch is that in which they were written."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM message WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(message_ids),),
    )
    return [from_row(row) for row in rows]


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


def sound(text: str) -> str:
    """`text`, if it can be stored. Raises InputError if it is no Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("The text holds bytes that are no UTF-8.", "Save it as UTF-8 and try again.") from error
    return text


def conversation_of(row: tuple[Any, ...]) -> Conversation:
    """A row of CONVERSATION_COLUMNS."""
    conversation_id, title, created_at, seen_from, head_id, is_sample, excluded = row
    return Conversation(
        conversation_id,
        title,
        datetime.fromisoformat(created_at),
        seen_from,
        head_id,
        bool(is_sample),
        bool(excluded),
    )


def from_row(row: tuple[Any, ...]) -> Message:
    """A row of COLUMNS."""
    message_id, conversation_id, role, speaker, text, created_at, state, external_id, parent_id = row
    return Message(
        message_id,
        conversation_id,
        MessageRole(role),
        speaker,
        text,
        datetime.fromisoformat(created_at),
        MessageState(state),
        external_id,
        parent_id,
    )
