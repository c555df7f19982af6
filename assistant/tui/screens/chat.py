"""The chat: the conversation, the box one writes in, and a line that says how things stand.

Promises that the loop never waits: what takes time is asked of the session, and arrives as an event. Knows nothing of
the bank, the engine or their threads.
"""

from __future__ import annotations

import gc
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from assistant.memory.records import Message
from assistant.tui import events
from assistant.tui.session import WINDOW, Session
from assistant.tui.shown import content
from assistant.tui.widgets.action_line import ActionLine
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.messages import Answer
from assistant.tui.widgets.receipt import Receipt, describe, describe_undone
from assistant.tui.widgets.status import StatusLine
from assistant.tui.widgets.transcript import EarlierLine, NoticeLine, Transcript

FRAMES_PER_SECOND = 30
"""How often a growing answer is drawn, however fast it comes."""


class ChatScreen(Screen[None]):
    """One conversation."""

    CSS_PATH = "chat.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop the answer"),
        Binding("ctrl+n", "new_conversation", "New conversation"),
        Binding("ctrl+z", "undo", "Undo what was remembered last"),
        Binding("ctrl+y", "redo", "Redo"),
        Binding("ctrl+o", "show_memories", "Memories used"),
        Binding("pageup", "page(-1)", "Scroll up", show=False),
        Binding("pagedown", "page(1)", "Scroll down", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._answer: Answer | None = None
        self._answering = False
        self._frames: Timer

    def compose(self) -> ComposeResult:
        with Vertical(id="column"):
            with Horizontal(id="head"):
                yield Static("recollect", id="name")
                yield Static(id="title")
            yield Transcript()
            yield Composer()
            yield StatusLine()

    def on_mount(self) -> None:
        self.query_one(Composer).focus()
        self._frames = self.set_interval(1 / FRAMES_PER_SECOND, self._draw_answer, pause=True)

        # Opening takes far longer than painting, so the screen is there first.
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        gc.freeze()  # What was imported stays; to look through it again and again would be for nothing.
        gc.enable()
        self.session.open(self.post_message)

    def on_key(self, event: Key) -> None:
        """Whoever types means the box, wherever the focus is."""
        if event.is_printable and event.key != "space" and event.character and not self._composer.has_focus:
            event.stop()
            self._composer.focus()
            self._composer.put_in(event.character)

    # What the user does

    @on(Composer.Sent)
    def _send(self, event: Composer.Sent) -> None:
        if self._answering:
            self._status.say("Still answering. Esc stops it.")
            return
        self._set_answering(True)
        self._composer.begin_anew()
        self.session.send(event.text)

    @on(Composer.Refused)
    def _refuse(self, event: Composer.Refused) -> None:
        self._status.say(event.reason)

    @on(Composer.NothingToUndo)
    def _undo_memory(self, event: Composer.NothingToUndo) -> None:
        if event.redo:
            self.action_redo()
        else:
            self.action_undo()

    @on(ActionLine.Pressed)
    async def _press(self, event: ActionLine.Pressed) -> None:
        match event.line:
            case Receipt(can_be_kept=True) as receipt:
                self.session.accept(receipt.operation.id)
            case Receipt() as receipt:
                self.session.undo(receipt.undoes)
            case EarlierLine():
                self.action_earlier()
            case NoticeLine(retry=Message() as message) if not self._answering:
                self._set_answering(True)
                self._begin_answer(await self._transcript.retry_turn(message))
                self.session.answer(message)

    def action_stop(self) -> None:
        if self._answering:
            self.session.stop()
            if self._answer is not None:
                self._answer.wait("stopping…")
        else:
            self._composer.focus()

    def action_new_conversation(self) -> None:
        if self._answering:
            self._status.say("Still answering. Esc stops it.")
        else:
            self.session.begin_conversation()

    def action_undo(self) -> None:
        self.session.undo()

    def action_redo(self) -> None:
        self.session.redo()

    def action_show_memories(self) -> None:
        cited = self._transcript.newest_cited()
        if cited is not None:
            cited.toggle()
            cited.scroll_visible(animate=False)

    def action_earlier(self) -> None:
        first = self._transcript.first_message_id
        if first is not None:
            self.session.load_earlier(first)

    def action_page(self, direction: int) -> None:
        transcript = self._transcript
        transcript.scroll_relative(y=direction * max(1, transcript.size.height - 2), animate=False)

    # What the session tells

    @on(events.Opened)
    async def _opened(self, event: events.Opened) -> None:
        self._set_title(event.title)
        await self._transcript.show(event.entries, earlier=event.earlier)
        await self._transcript.mark_seen_from(event.seen_from)

    @on(events.OpenFailed)
    async def _open_failed(self, event: events.OpenFailed) -> None:
        self._status.tell(model="no memory bank")
        await self._transcript.add_error(event.error)

    @on(events.EarlierLoaded)
    async def _earlier_loaded(self, event: events.EarlierLoaded) -> None:
        await self._transcript.show_earlier(event.entries, earlier=event.earlier)
        await self._transcript.mark_seen_from(event.seen_from)

    @on(events.EngineReady)
    def _engine_ready(self) -> None:
        self._status.tell(model="ready", ready=True)
        if self._answer is not None:
            self._answer.wait("thinking…")

    @on(events.EngineFailed)
    async def _engine_failed(self, event: events.EngineFailed) -> None:
        self._status.tell(model="no model", ready=False)
        await self._transcript.add_error(event.error)

    @on(events.Standing)
    def _standing(self, event: events.Standing) -> None:
        self._status.tell(search_mode=event.search_mode, pending=event.pending)

    @on(events.Saved)
    async def _saved(self, event: events.Saved) -> None:
        if event.title:
            self._set_title(event.title)
        self._begin_answer(await self._transcript.begin_turn(event.message, window=WINDOW))

    @on(events.NotSaved)
    async def _not_saved(self, event: events.NotSaved) -> None:
        self._set_answering(False)
        draft = self._composer.text
        self._composer.begin_anew(f"{event.text}\n{draft}" if draft else event.text)
        await self._transcript.add_error(event.error)

    @on(events.Answered)
    async def _answered(self, event: events.Answered) -> None:
        answer = self._end_answer()
        if answer is not None:
            await self._transcript.finish_turn(answer, event.entry, event.note)
        await self._transcript.mark_seen_from(event.seen_from)
        if event.prompt_tokens:
            self._status.tell(read=f"{event.read_tokens}/{event.prompt_tokens} tokens read")

    @on(events.AnswerFailed)
    async def _answer_failed(self, event: events.AnswerFailed) -> None:
        answer = self._end_answer()
        if answer is not None and answer.has_text:
            answer.cut_off()
        elif answer is not None:
            await answer.remove()
        await self._transcript.add_error(event.error, "try again", retry=event.message)

    @on(events.Remembered)
    async def _remembered(self, event: events.Remembered) -> None:
        await self._transcript.add_receipts(event.message_id, event.operations)

    @on(events.Undone)
    def _undone(self, event: events.Undone) -> None:
        undo = event.undo
        said = describe(undo) if event.is_redo else describe_undone(undo.text_before, undo.text)
        self._status.say(said.plain)
        self._transcript.follow_undo(event.operation_id, undo)

    @on(events.Accepted)
    def _accepted(self, event: events.Accepted) -> None:
        self._status.say(describe(event.operation).plain)
        self._transcript.follow_acceptance(event.operation_id, event.operation)
        self._composer.focus()  # A second Enter must not undo it.

    @on(events.Failed)
    async def _failed(self, event: events.Failed) -> None:
        await self._transcript.add_error(event.error)

    @on(events.Broke)
    def _broke(self, event: events.Broke) -> None:
        raise event.error

    # The answer that is on its way

    def _begin_answer(self, answer: Answer) -> None:
        self._answer = answer
        answer.wait("thinking…" if self._status.state.ready else "waiting for the model to load…")
        self._frames.resume()

    def _draw_answer(self) -> None:
        if self._answer is not None and (text := self.session.take_text()):
            self._answer.grow(text)

    def _end_answer(self) -> Answer | None:
        """The answer with all of its text; nothing is being answered any more."""
        self._draw_answer()
        self._frames.pause()
        self._set_answering(False)
        answer, self._answer = self._answer, None
        return answer

    def _set_answering(self, answering: bool) -> None:
        self._answering = answering
        self._status.tell(answering=answering)

    def _set_title(self, title: str) -> None:
        self.query_one("#title", Static).update(content(title or "new conversation"))

    @property
    def _transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def _composer(self) -> Composer:
        return self.query_one(Composer)

    @property
    def _status(self) -> StatusLine:
        return self.query_one(StatusLine)
