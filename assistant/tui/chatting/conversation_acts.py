"""The list of all conversations beside the chat: looking through it, going to one, renaming and removing.

Promises that what is typed is answered by the newest search alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from assistant.memory import times
from assistant.tui.screens.asking import AskLine, Choose
from assistant.tui.widgets.chat.conversations import Conversations

if TYPE_CHECKING:
    from assistant.tui.screens.chat import ChatScreen

FOUND = 50
WIDE = 110
"""Columns from which on the list stays beside the chat."""


class ConversationActs:
    """The acts, on the list of one chat."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._backstage = screen.backstage
        self.panel: Conversations | None = None
        """The list, if it was ever asked for."""

    async def open_panel(self, query: str = "") -> None:
        """Brings the list to the front."""
        from assistant.tui.widgets.chat.conversations import Conversations

        if self.panel is None:
            self.panel = Conversations(self)
            await self._screen.query_one("#body").mount(self.panel, before=0)
        self._screen.add_class("-panel")
        self.panel.begin(query)

    def close_panel(self) -> None:
        """Puts the list away."""
        if self.panel is not None:
            self.panel.display = False
        self._screen.remove_class("-panel")
        self._screen.composer.focus()

    @property
    def is_open(self) -> bool:
        """Whether the list is on the screen."""
        return self.panel is not None and self.panel.display

    @property
    def has_focus(self) -> bool:
        """Whether what is typed is meant for the list."""
        return self.panel is not None and self.panel.has_focus_within

    def asked(self, query: str) -> None:
        """The user looks for something; "" asks for all."""
        self._screen.do(partial(self.look, query), group="look")

    def acted(self, act: str, conversation_id: int) -> None:
        """`act` ("rename", "remove", "exclude") is to be done with a conversation."""
        self._screen.do(partial(self.act, act, conversation_id))

    async def look(self, query: str) -> None:
        """Lists what `query` finds, or all."""
        panel, today = self.panel, times.now().date()
        if panel is None:
            return
        if query:
            found = await self._backstage.bank(lambda bank: bank.find_in_conversations(query, FOUND))
            panel.show_found(found, today)
        else:
            recent = await self._backstage.bank(lambda bank: bank.recent_conversations(panel.shown))
            panel.show(recent, self._screen.session.conversation_id, today)

    def choose(self, conversation_id: int, message_id: int | None) -> None:
        """Goes to a conversation, or to a message in it."""
        if not self._screen.is_free():
            return
        if self._screen.size.width < WIDE:
            self.close_panel()
        if message_id is not None:
            self._screen.session.open_message(message_id)
        else:
            self._screen.session.open_conversation(conversation_id)

    async def act(self, act: str, conversation_id: int) -> None:
        """Renames, removes, or leaves out of what is learned from."""

        conversation = await self._backstage.bank(lambda bank: bank.conversation(conversation_id))
        match act:
            case "rename":
                title = await self._screen.app.push_screen_wait(AskLine("Rename", value=conversation.title))
                if title:
                    await self._backstage.bank(lambda bank: bank.rename_conversation(conversation_id, title))
                    self._screen.follow_title(conversation_id, title)
            case "exclude":
                excluded = not conversation.excluded
                await self._backstage.bank(lambda bank: bank.exclude_conversation(conversation_id, excluded))
                self._screen.say("Nothing is learned from it." if excluded else "It may be learned from.")
            case "remove":
                await self._remove(conversation_id, conversation.title)
        if self.is_open:
            await self.look("")

    async def _remove(self, conversation_id: int, title: str) -> None:
        if not self._screen.is_free():
            return

        text = f"“{title}” is wiped from the disk with all its messages. This cannot be undone."
        options = [(0, "Remove the conversation; keep what was remembered of it"), (1, "Remove both")]
        chosen = await self._screen.app.push_screen_wait(
            Choose("Remove this conversation?", text, options, several=False)
        )
        if not chosen:
            return
        both = 1 in chosen
        await self._backstage.bank(lambda bank: bank.remove_conversation(conversation_id, with_memories=both))
        self._screen.tell_memory_changed()
        self._screen.say("Removed.")
        if self._screen.session.conversation_id == conversation_id:
            self._screen.session.begin_conversation()
