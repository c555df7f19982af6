"""The chat: the conversation, the box one writes in, a line that says how things stand, and what the user does there.

Promises that the loop never waits: what takes time is asked of the session, and arrives as an event. Knows nothing of
the bank, the engine or their threads.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from functools import partial
from time import monotonic
from typing import ClassVar

from textual import on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.widgets import Static

from assistant.errors import InputError
from assistant.memory.records import Message
from assistant.tui import events, slash
from assistant.tui.backstage import Backstage
from assistant.tui.chatting.composing import Composing, Hints
from assistant.tui.chatting.conversation_acts import WIDE, ConversationActs
from assistant.tui.chatting.memory_acts import MemoryActs
from assistant.tui.chatting.message_acts import MessageActs
from assistant.tui.chatting.slash_acts import SlashActs
from assistant.tui.modes import Mode
from assistant.tui.screens.chat_following import FollowingScreen
from assistant.tui.widgets.action_line import ActionLine
from assistant.tui.widgets.chat.composer import Composer
from assistant.tui.widgets.chat.messages import Said
from assistant.tui.widgets.chat.receipt import Receipt
from assistant.tui.widgets.chat.status import StatusLine
from assistant.tui.widgets.chat.transcript import Transcript
from assistant.tui.widgets.chat.transcript_lines import EarlierLine, LaterLine, NoticeLine
from assistant.tui.widgets.chat.used import Cited, UsedMemory
from assistant.tui.widgets.mode_tabs import ModeTabs


class ChatScreen(FollowingScreen):
    """One conversation, and the list of all."""

    CSS_PATH = "chat.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual declares no ClassVar
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop the answer"),
        Binding("ctrl+n", "new_conversation", "New conversation"),
        Binding("ctrl+b", "conversations", "Conversations"),
        Binding("ctrl+z", "undo", "Undo what was remembered last"),
        Binding("ctrl+y", "redo", "Redo"),
        Binding("ctrl+o", "show_memories", "Memories used"),
        Binding("pageup", "page(-1)", "Scroll up", show=False),
        Binding("pagedown", "page(1)", "Scroll down", show=False),
    ]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage)
        self.composing = Composing(self)
        self.message_acts = MessageActs(self)
        self.memory_acts = MemoryActs(self)
        self.conversation_acts = ConversationActs(self)
        self._slash_acts = SlashActs(self)

    def compose(self) -> ComposeResult:
        yield ModeTabs(Mode.CHAT)
        with Horizontal(id="body"), Vertical(id="column"):
            yield Static(id="title")
            yield Transcript()
            yield Hints()
            yield Composer()
            yield StatusLine()

    def on_mount(self) -> None:
        self.composer.focus()
        self.query_one(Hints).display = False

        # Opening takes far longer than painting, so the screen is there first.
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        gc.freeze()  # What was imported stays; to look through it again and again would be for nothing.
        gc.enable()
        self.session.open(self.post_message)

    def on_key(self, event: Key) -> None:
        """Whoever types means the box, wherever the focus is, but on a message, where letters are acts."""
        focused = self.focused
        if isinstance(focused, Said) or self.conversation_acts.has_focus:
            return
        if event.is_printable and event.key != "space" and event.character and not self.composer.has_focus:
            event.stop()
            self.composer.focus()
            self.composer.put_in(event.character)

    def leave(self) -> None:
        """Stops the answer, and keeps what was typed."""
        self.composing.keep()
        self.session.stop()

    # For what is done in the chat beside talking

    def open_message(self, message_id: int) -> None:
        """Shows a message in its place."""
        if self.is_free():
            self.session.open_message(message_id)

    async def answer(self, message: Message, *, anew: bool = False) -> None:
        """Answers a message that is saved; `anew` differently from the answer that it has, beside that."""
        if self.is_free():
            self.set_answering(True)
            self.begin_answer(await self.transcript.answer_anew(message))
            self.session.answer(message, anew=anew)
            self.composer.focus()

    def begin_editing(self, message: Message) -> None:
        """Puts a message into the box, to be said differently."""
        if self.is_free():
            self.composing.edit(message)

    async def explain(self, reply: Message) -> None:
        """Shows where an answer comes from."""
        from assistant.tui.screens.why import WhyScreen

        if self.session.is_temporary:
            raise InputError("Nothing that is remembered is used in a temporary conversation.")
        self.app.push_screen(WhyScreen(self.backstage, reply), self._go_to)

    def _go_to(self, message_id: int | None) -> None:
        if message_id is not None:
            self.open_message(message_id)

    def follow_title(self, conversation_id: int, title: str) -> None:
        """A conversation is called something else by now."""
        if conversation_id == self.session.conversation_id:
            self.set_title(title)

    # What the user does

    @on(Composer.Sent)
    def _send(self, event: Composer.Sent) -> None:
        asked = slash.parse(event.text)
        if isinstance(asked, str):
            self.say(f"There is no /{asked}. /help shows all; // begins a message with a slash.")
        elif asked is not None:
            self.composer.begin_anew()
            self.do(partial(self._slash_acts.run, asked))
        elif self.is_free():
            self.set_answering(True)
            self.session.send(slash.as_message(event.text), self.composing.sent())

    @on(Composer.Refused)
    def _refuse(self, event: Composer.Refused) -> None:
        self.say(event.reason)

    @on(Composer.Changed)
    def _typed(self) -> None:
        self.typed_at = monotonic()
        self.composing.typed()

    @on(Composer.Left)
    def _leave_composer(self) -> None:
        if said := self.transcript.said():
            said[-1].focus()

    @on(Composer.NothingToUndo)
    def _undo_memory(self, event: Composer.NothingToUndo) -> None:
        if event.redo:
            self.action_redo()
        else:
            self.action_undo()

    @on(ActionLine.Pressed)
    async def _press(self, event: ActionLine.Pressed) -> None:
        match event.line:
            case Receipt() as receipt:
                self.do(partial(self.memory_acts.act_on_receipt, receipt, event.action))
            case UsedMemory() as used:
                self.do(partial(self.memory_acts.act_on_used, used, event.action))
            case EarlierLine():
                self.action_earlier()
            case LaterLine():
                self.action_later()
            case NoticeLine(retry=Message() as message):
                await self.answer(message)
            case ActionLine(parent=Cited() as cited):
                await cited.toggle()

    @on(Said.Chosen)
    def _choose(self, event: Said.Chosen) -> None:
        self.status.show_keys(self.message_acts.keys(event.said))

    def action_follow_link(self, address: str) -> None:
        self.do(partial(self.message_acts.follow_link, address))

    @on(Transcript.Reached)
    def _reached(self, event: Transcript.Reached) -> None:
        if not self.transcript.is_where_more_is(earlier=event.earlier):
            return  # More has come since.
        if event.earlier:
            self.action_earlier()
        else:
            self.action_later()

    def on_descendant_focus(self) -> None:
        if not isinstance(self.focused, Said):
            self.status.show_keys(())

    def commands(self) -> Iterable[SystemCommand]:
        """What the palette offers of the chat."""
        yield SystemCommand("New conversation", "What is remembered stays", self.action_new_conversation)
        yield SystemCommand("Conversations", "Look through all, and go to one", self.action_conversations)
        yield SystemCommand("Temporary conversation", "Nothing of it is kept", self.action_temporary)
        yield SystemCommand("Pause remembering", "Or go on with it", self.action_pause)
        yield SystemCommand("Undo", "Take back what was remembered last", self.action_undo)
        yield SystemCommand("Redo", "Take back the last undo", self.action_redo)
        yield SystemCommand("Memories used", "Show or hide those of the last answer", self.action_show_memories)
        for command in (slash.Command.WHY, slash.Command.EXPORT, slash.Command.FORGET):
            asked = slash.Slash(command, "")
            does = slash.WHAT[command][1]
            yield SystemCommand(f"/{command}", does[0].upper() + does[1:], lambda asked=asked: self._run_slash(asked))

    def _run_slash(self, asked: slash.Slash) -> None:
        self.do(partial(self._slash_acts.run, asked))

    def action_act_on(self, act: str) -> None:
        if isinstance(self.focused, Said):
            self.do(partial(self.message_acts.act, act, self.focused))

    def action_go(self, step: int) -> None:
        """To the message before or after the one at hand; after the last one is the box."""
        said = self.transcript.said()
        if not isinstance(self.focused, Said) or self.focused not in said:
            return
        place = said.index(self.focused) + step
        if place >= len(said):
            self.composer.focus()
        elif place >= 0:
            said[place].focus()
        else:
            self.action_earlier()

    def action_stop(self) -> None:
        if not self.composer.has_focus:
            self.composer.focus()
        elif self.composing.leave_edit():
            pass
        elif self._answering:
            self.session.stop()
            if self._answer is not None:
                self._answer.wait("stopping…")

    def action_new_conversation(self) -> None:
        if self.is_free():
            self.session.begin_conversation()

    def action_temporary(self) -> None:
        self._run_slash(slash.Slash(slash.Command.TEMP, ""))

    def action_pause(self) -> None:
        self.session.pause(not self.status.state.paused)

    def action_conversations(self) -> None:
        if self.conversation_acts.is_open:
            self.conversation_acts.close_panel()
        else:
            self.do(self.conversation_acts.open_panel)

    def action_undo(self) -> None:
        self.session.undo()

    def action_redo(self) -> None:
        self.session.redo()

    async def action_show_memories(self) -> None:
        cited = self.transcript.newest_cited()
        if cited is not None:
            await cited.toggle()
            cited.scroll_visible(animate=False)

    def action_earlier(self) -> None:
        first = self.transcript.first_message_id
        if first is not None and not self.loading_more:
            self.loading_more = True
            self.session.load_earlier(first)

    def action_later(self) -> None:
        last = self.transcript.last_message_id
        if last is not None and not self.loading_more:
            self.loading_more = True
            self.session.load_later(last)

    def action_page(self, direction: int) -> None:
        transcript = self.transcript
        transcript.scroll_relative(y=direction * max(1, transcript.size.height - 2), animate=False)

    @on(events.OpenMessage)
    def _open_message(self, event: events.OpenMessage) -> None:
        self.open_message(event.message_id)
