"""The part of the Training mode about what may be learned from: choosing, looking, and hiding words.

Promises that nothing leaves the bank, and that a choice is written down before it is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from assistant.errors import RecollectError
from assistant.training.learnable import Learnable, learnable
from assistant.training.preview import previewed
from assistant.tui.backstage import Backstage
from assistant.tui.screens.asking import AskLine, Choose
from assistant.tui.shown import content
from assistant.tui.widgets.training import text
from assistant.tui.widgets.training.parts import Part
from assistant.tui.widgets.training.preview import TrainingPreview
from assistant.tui.widgets.training.sources import TrainingSources

if TYPE_CHECKING:
    from assistant.tui.screens.mode import ModeScreen

PREVIEWED = 60
"""The newest messages of a conversation that are shown."""


class TrainingSourcesView(Vertical):
    """The conversations, and the one at hand as it would be learned from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "hide", "Hide word"),
        Binding("H", "unhide", "Words"),
        Binding("v", "turn", "Learned"),
    ]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(id=Part.SOURCES)
        self._backstage = backstage
        self._words: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="sources-overview", markup=False)
        with Horizontal():
            yield TrainingSources()
            yield TrainingPreview()
        yield Static(content(text.NOTHING_SAID), id="sources-empty")

    async def arrive(self) -> None:
        """Counts anew what there is. Raises StorageError."""
        lessons, self._words = await self._backstage.bank(lambda bank: (bank.lessons(), bank.private_words()))
        found: Learnable = await self._backstage.away(lambda: learnable(lessons))
        self.set_class(not found.sources, "-nothing")
        self.query_one("#sources-overview", Static).update(content(text.overview(found)))
        self.sources.fill(found.sources)

    def begin(self) -> None:
        """Has the keys from now on."""
        self.sources.focus()

    @on(TrainingSources.Moved)
    def _moved(self) -> None:
        self._show_at_hand()

    @on(TrainingSources.Chosen)
    def _chosen(self) -> None:
        self.preview.focus()

    @work(group="preview", exclusive=True)
    async def _show_at_hand(self) -> None:
        await self._show()

    async def _show(self) -> None:
        source, words = self.sources.at_hand, self._words
        if source is None:
            self.preview.show(None, (), words)
            return
        number = source.lessons.conversation_id
        try:
            messages = await self._backstage.bank(lambda bank: bank.messages(number, PREVIEWED))
        except RecollectError as error:
            self._screen.report(error)
            return
        shown = await self._backstage.away(lambda: previewed(messages, words))
        self.preview.show(source, shown, words)

    @on(TrainingSources.Toggled)
    async def _toggle(self, event: TrainingSources.Toggled) -> None:
        lessons, bar = event.source.lessons, event.source.bar
        if bar is not None:
            self._screen.say(f"It is never learned from. {bar.why}")
            return
        number, excluded = lessons.conversation_id, not lessons.is_excluded
        try:
            await self._backstage.bank(lambda bank: bank.exclude_conversation(number, excluded))
        except RecollectError as error:
            self._screen.report(error)
            return
        done = "Left out: nothing more of it is learned or remembered." if excluded else "It may be learned from again."
        self._screen.say(done)
        self._screen.look_again()

    @work
    async def action_hide(self) -> None:
        asked = AskLine("Hide a word or name", "It is taken out of all that a model learns from.", verb="hides it")
        if word := await self.app.push_screen_wait(asked):
            await self._keep((*self._words, word), f"{word} is hidden from what learns.")

    @work
    async def action_unhide(self) -> None:
        words = self._words
        if not words:
            self._screen.say("No words of yours are hidden. h hides one.")
            return
        asked = Choose("Hidden words", "Which of them may be learned again?", list(enumerate(words)))
        if chosen := await self.app.push_screen_wait(asked):
            left = tuple(word for number, word in enumerate(words) if number not in chosen)
            await self._keep(left, f"{len(chosen)} off the list.")

    async def _keep(self, words: tuple[str, ...], said: str) -> None:
        try:
            self._words = await self._backstage.bank(lambda bank: bank.keep_private(words))
        except RecollectError as error:
            self._screen.report(error)
            return
        self._screen.say(said)
        await self._show()

    def action_turn(self) -> None:
        self.preview.turn()

    @property
    def sources(self) -> TrainingSources:
        return self.query_one(TrainingSources)

    @property
    def preview(self) -> TrainingPreview:
        return self.query_one(TrainingPreview)

    @property
    def _screen(self) -> ModeScreen:
        return cast("ModeScreen", self.screen)
