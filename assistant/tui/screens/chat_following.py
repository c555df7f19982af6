"""The chat, as far as it follows what the session tells: what opens, answers that grow, what is remembered.

Knows nothing of keys and of what the user may ask for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, cast

from textual import on
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import Worker

from assistant.errors import RecollectError
from assistant.memory.records import Message, Operation
from assistant.tui import events
from assistant.tui.backstage import Backstage
from assistant.tui.session import WINDOW, Session
from assistant.tui.shown import content
from assistant.tui.widgets.chat.composer import Composer
from assistant.tui.widgets.chat.messages import Answer
from assistant.tui.widgets.chat.receipt import describe, describe_undone
from assistant.tui.widgets.chat.status import StatusLine
from assistant.tui.widgets.chat.transcript import Transcript

if TYPE_CHECKING:
    from assistant.tui.app import RecollectApp
    from assistant.tui.chatting.composing import Composing
    from assistant.tui.chatting.conversation_acts import ConversationActs
    from assistant.tui.chatting.memory_acts import MemoryActs

FRAMES_PER_SECOND = 20
"""How often a growing answer is drawn, however fast it comes."""
TYPING_SECONDS = 0.05
"""For how long a frame is put off after a letter was typed."""
LATEST_SECONDS = 0.2
"""How long after the one before a frame is drawn at the latest."""


class FollowingScreen(Screen[None]):
    """A screen that shows one conversation of a session."""

    composing: Composing
    memory_acts: MemoryActs
    conversation_acts: ConversationActs

    def __init__(self, backstage: Backstage) -> None:
        super().__init__()
        self.backstage = backstage
        self.session = Session(backstage)
        self.loading_more = False
        self._answer: Answer | None = None
        self._answering = False
        self._early: dict[int, tuple[Operation, ...]] = {}
        self._frames: Timer
        self._drawn_at = self.typed_at = 0.0

    def on_mount(self) -> None:
        self._frames = self.set_interval(1 / FRAMES_PER_SECOND, self._draw_answer, pause=True)

    @property
    def recollect(self) -> RecollectApp:
        """The app."""
        return cast("RecollectApp", self.app)

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    @property
    def status(self) -> StatusLine:
        return self.query_one(StatusLine)

    def say(self, text: str) -> None:
        """Says in one line what was done."""
        self.status.say(text)

    def is_free(self) -> bool:
        """Whether nothing is being answered, so that one may go elsewhere; says so if it is."""
        if self._answering:
            self.say("Still answering. Esc stops it.")
        else:
            self.composing.keep()
        return not self._answering

    def tell_memory_changed(self) -> None:
        """Has other screens look again."""
        self.recollect.memory_changed.publish(None)

    def do(self, work: Callable[[], Awaitable[None]], *, group: str = "acts") -> None:
        """Does what may ask or wait, away from the messages; what fails is told."""

        async def told() -> None:
            try:
                await work()
            except RecollectError as error:
                await self.fail(error)

        _: Worker[None] = self.run_worker(told, group=group, exclusive=group != "acts")

    @on(events.Opened)
    async def _opened(self, event: events.Opened) -> None:
        self.set_title(event.title)
        self.loading_more = False  # What was asked for of another conversation may never come.
        self.status.tell(temporary=event.temporary)
        self.composing.begin(event.draft)
        await self.transcript.show(event.window, at=event.at, temporary=event.temporary)
        if event.at is None and not self.conversation_acts.is_open:
            self.composer.focus()

    @on(events.OpenFailed)
    async def _open_failed(self, event: events.OpenFailed) -> None:
        self.status.tell(model="no memory bank")
        await self.fail(event.error)

    @on(events.EarlierLoaded)
    async def _earlier_loaded(self, event: events.EarlierLoaded) -> None:
        await self.transcript.show_earlier(event.window)
        self.loading_more = False

    @on(events.LaterLoaded)
    async def _later_loaded(self, event: events.LaterLoaded) -> None:
        await self.transcript.show_later(event.window)
        self.loading_more = False

    @on(events.EngineLoading)
    def _engine_loading(self, event: events.EngineLoading) -> None:
        self.status.tell(model=f"loading {event.names}", ready=False)

    @on(events.EngineReady)
    def _engine_ready(self) -> None:
        self.status.tell(model="ready", ready=True)
        self.session.measure()
        if self._answer is not None:
            self._answer.wait("thinking…")

    @on(events.EngineFailed)
    async def _engine_failed(self, event: events.EngineFailed) -> None:
        self.status.tell(model="no model", ready=False)
        await self.fail(event.error)

    @on(events.Standing)
    def _standing(self, event: events.Standing) -> None:
        self.status.tell(search_mode=event.search_mode, pending=event.pending, paused=event.paused)
        self.composing.show_frame()

    @on(events.Gauged)
    def _gauged(self, event: events.Gauged) -> None:
        self.composing.gauged(event.gauge)

    @on(events.Saved)
    async def _saved(self, event: events.Saved) -> None:
        if event.title:
            self.set_title(event.title)
        if event.instead_of is not None:
            await self.transcript.remove_from(event.instead_of)
        # The manager may have been quicker than the news that there is a message.
        entry = events.Entry(event.message, operations=self._early.pop(event.message.id, ()), place=event.place)
        self.begin_answer(await self.transcript.begin_turn(entry, window=WINDOW))

    @on(events.NotSaved)
    async def _not_saved(self, event: events.NotSaved) -> None:
        self.set_answering(False)
        draft = self.composer.text
        self.composer.begin_anew(f"{event.text}\n{draft}" if draft else event.text)
        await self.fail(event.error)

    @on(events.Answered)
    async def _answered(self, event: events.Answered) -> None:
        answer = await self._end_answer()
        if answer is not None:
            await self.transcript.finish_turn(answer, event.entry, event.note)
        await self.transcript.mark_seen_from(event.seen_from)
        if event.prompt_tokens:
            self.status.tell(read=f"{event.read_tokens}/{event.prompt_tokens} tokens read")
        self.session.measure()

    @on(events.AnswerFailed)
    async def _answer_failed(self, event: events.AnswerFailed) -> None:
        answer = await self._end_answer()
        if answer is not None and answer.has_text:
            await answer.cut_off()
        elif answer is not None:
            await answer.remove()
        await self.fail(event.error, "try again", retry=event.message)

    @on(events.Remembered)
    async def _remembered(self, event: events.Remembered) -> None:
        if not await self.transcript.add_receipts(event.message_id, event.operations):
            self._early[event.message_id] = event.operations
        self.tell_memory_changed()

    @on(events.Undone)
    def _undone(self, event: events.Undone) -> None:
        undo = event.undo
        said = describe(undo) if event.is_redo else describe_undone(undo.text_before, undo.text)
        self.say(said.plain)
        self.transcript.follow_undo(event.operation_id, undo)
        self.do(partial(self.memory_acts.follow_operation, undo))
        self.tell_memory_changed()

    @on(events.Accepted)
    def _accepted(self, event: events.Accepted) -> None:
        self.say(describe(event.operation).plain)
        self.transcript.follow_acceptance(event.operation_id, event.operation)
        self.composer.focus()  # A second Enter must not undo it.
        self.tell_memory_changed()

    @on(events.Failed)
    async def _failed(self, event: events.Failed) -> None:
        self.loading_more = False
        await self.fail(event.error)

    @on(events.Broke)
    def _broke(self, event: events.Broke) -> None:
        raise event.error

    async def fail(self, error: RecollectError, action: str = "", *, retry: Message | None = None) -> None:
        """Tells of an error, here and where all are listed."""
        self.recollect.problems.add(error)
        await self.transcript.add_error(error, action, retry=retry)

    # The answer that is on its way

    def begin_answer(self, answer: Answer) -> None:
        self._answer = answer
        answer.wait("thinking…" if self.status.state.ready else "waiting for the model to load…")
        self._frames.resume()

    async def _draw_answer(self, *, at_once: bool = False) -> None:
        now = monotonic()
        if not at_once and now - self.typed_at < TYPING_SECONDS and now - self._drawn_at < LATEST_SECONDS:
            return  # The next letter should not have to wait for a frame.
        if self._answer is not None and (text := self.session.take_text()):
            self._drawn_at = now
            await self._answer.grow(text)

    async def _end_answer(self) -> Answer | None:
        """The answer with all of its text; nothing is being answered any more."""
        await self._draw_answer(at_once=True)
        self._frames.pause()
        self.set_answering(False)
        answer, self._answer = self._answer, None
        return answer

    def set_answering(self, answering: bool) -> None:
        self._answering = answering
        self.status.tell(answering=answering)

    def set_title(self, title: str) -> None:
        self.query_one("#title", Static).update(content(title or "new conversation"))
