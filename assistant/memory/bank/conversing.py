"""The conversations and messages of a bank, and which memories a reply used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from assistant.memory import branches, conversations, jobs
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

    def new_conversation(self, title: str = "", *, is_sample: bool = False) -> Conversation:
        """Begins a conversation. A sample came with the program, and is not the one to be continued."""
        with self._database.write() as connection:
            return conversations.new(connection, title, is_sample=is_sample)

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
        parent_id: int | None = None,
        instead_of: int | None = None,
    ) -> Message:
        """Saves a message; with `remember`, the manager's job to read it is queued along with it, unless there is a
        pause or the conversation is excluded.

        It follows `parent_id`, which is the last one shown unless it is given, and is the last one shown from then on.
        A reply is so only where its message is on the shown branch, at its end or answered otherwise. One `instead_of`
        another stands beside that, which keeps what follows it and is not read any more if it has not been yet.

        One whose `external_id` is known is returned as it was saved, and not queued again. Raises NotFoundError if
        there is no such conversation, InputError if the text is no Unicode.
        """
        new = NewMessage(
            conversation_id,
            MessageRole(role),
            text,
            speaker,
            created_at,
            MessageState(state),
            external_id,
            parent_id,
            instead_of,
        )
        with self._database.write() as connection:
            message, is_new = conversations.add_message(connection, new)
            if instead_of is not None and is_new:
                jobs.drop(connection, instead_of)
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
        """The newest messages of the shown branch, or the newest of those that lead to `before_id`; oldest first."""
        with self._database.read() as connection:
            return conversations.messages(connection, conversation_id, limit, before_id)

    def messages_after(self, conversation_id: int, after_id: int, limit: int) -> list[Message]:
        """The first messages after `after_id` on the shown branch, oldest first; none if it is not on it."""
        with self._database.read() as connection:
            return conversations.messages_after(connection, conversation_id, after_id, limit)

    def messages_around(self, message_id: int, before: int, after: int) -> list[Message]:
        """A message with up to `before` messages that lead to it and `after` that follow, oldest first.

        What follows it does so on the shown branch, or, if it is not on that, is each time the newest. Shows no other
        branch. Raises NotFoundError.
        """
        with self._database.read() as connection:
            return conversations.messages_around(connection, message_id, before, after)

    def count_replies(self, conversation_id: int) -> int:
        """How many replies are on the shown branch, those that say nothing aside."""
        with self._database.read() as connection:
            return branches.count_replies(connection, conversation_id)

    def siblings(self, message_id: int) -> list[int]:
        """The messages that stand in the same place, by their ids, oldest first: the other wordings of a message, the
        other replies to one, and itself. Empty if there is no such message."""
        with self._database.read() as connection:
            return branches.siblings(connection, message_id)

    def sibling_places(self, message_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Of those of the messages that have siblings, which of how many each one is, counted from 1."""
        with self._database.read() as connection:
            return branches.sibling_places(connection, message_ids)

    def is_shown(self, message_id: int) -> bool:
        """Whether the message is on the branch that is shown of its conversation. Raises NotFoundError."""
        with self._database.read() as connection:
            conversation_id = conversations.message(connection, message_id).conversation_id
            return branches.is_shown(connection, conversation_id, message_id)

    def show_branch(self, message_id: int) -> None:
        """Shows the branch that leads through a message, on to the newest that follows it. Raises NotFoundError."""
        with self._database.write() as connection:
            conversations.show_branch(connection, message_id)

    def cite(self, message_id: int, used: Sequence[Memory]) -> None:
        """Writes down which memories a reply used, in that order. Raises NotFoundError."""
        with self._database.write() as connection:
            conversations.cite(connection, message_id, used)

    def citations(self, message_id: int) -> list[Citation]:
        """The memories that a reply used, in the order it named them."""
        with self._database.read() as connection:
            return conversations.citations(connection, message_id)

    def replies_using(self, memory_id: int, limit: int) -> list[Message]:
        """The newest replies that used a memory, newest first."""
        with self._database.read() as connection:
            return conversations.replies_using(connection, memory_id, limit)
