"""The conversations and messages of a bank, and which memories a reply used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from assistant.memory import conversations, jobs
from assistant.memory.bank.opened import OpenedBank
from assistant.memory.conversations import NewMessage
from assistant.memory.records import Citation, Conversation, Memory, Message, MessageRole, MessageState


class Conversing(OpenedBank):
    """The part of the MemoryBank for what was said."""

    def conversations(self) -> list[Conversation]:
        """All conversations, the one begun last first."""
        with self._database.read() as connection:
            return conversations.conversations(connection)

    def latest_conversation(self) -> Conversation | None:
        """The conversation that was last written in, imported ones aside."""
        with self._database.read() as connection:
            return conversations.latest(connection)

    def conversation(self, conversation_id: int) -> Conversation:
        """One conversation. Raises NotFoundError."""
        with self._database.read() as connection:
            return conversations.conversation(connection, conversation_id)

    def see_from(self, conversation_id: int, message_id: int | None) -> None:
        """Keeps from which message on a model reads the conversation; None: all of it."""
        with self._database.write() as connection:
            conversations.see_from(connection, conversation_id, message_id)

    def new_conversation(self, title: str = "") -> Conversation:
        """Begins a conversation."""
        with self._database.write() as connection:
            return conversations.new(connection, title)

    def add_message(
        self,
        conversation_id: int,
        role: str,
        text: str,
        *,
        speaker: str | None = None,
        created_at: datetime | None = None,
        state: str = MessageState.COMPLETE,
        external_id: str | None = None,
        remember: bool = False,
    ) -> Message:
        """Saves a message; with `remember`, the manager's job to read it is queued along with it.

        One whose `external_id` is known is returned as it was saved, and not queued again. Raises NotFoundError if
        there is no such conversation, InputError if the text is no Unicode.
        """
        new = NewMessage(
            conversation_id, MessageRole(role), text, speaker, created_at, MessageState(state), external_id
        )
        with self._database.write() as connection:
            message, is_new = conversations.add_message(connection, new)
            if remember and is_new:
                jobs.add(connection, message.id)
            return message

    def update_message(self, message_id: int, text: str, state: str) -> None:
        """Replaces a message's text and state, as a reply does while it is written. Raises NotFoundError."""
        with self._database.write() as connection:
            conversations.update_message(connection, message_id, text, MessageState(state))

    def message(self, message_id: int) -> Message:
        """The message with that id. Raises NotFoundError."""
        with self._database.read() as connection:
            return conversations.message(connection, message_id)

    def messages(self, conversation_id: int, limit: int, before_id: int | None = None) -> list[Message]:
        """The newest messages of a conversation, or the newest before `before_id`; oldest first."""
        with self._database.read() as connection:
            return conversations.messages(connection, conversation_id, limit, before_id)

    def cite(self, message_id: int, used: Sequence[Memory]) -> None:
        """Writes down which memories a reply used, in that order. Raises NotFoundError."""
        with self._database.write() as connection:
            conversations.cite(connection, message_id, used)

    def citations(self, message_id: int) -> list[Citation]:
        """The memories that a reply used, in the order it named them."""
        with self._database.read() as connection:
            return conversations.citations(connection, message_id)
