"""The chat of the tour: the sample conversation, as the user's own would look, with the box of the tour under it.

Promises that what is typed here stands in the box of the user's own chat at once, and that whatever is asked for beside
looking around is done there, once the tour has ended. Nothing is answered here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.worker import Worker

from assistant.memory.operations import Action
from assistant.memory.records import Message
from assistant.tui import events
from assistant.tui.backstage import Backstage
from assistant.tui.chatting.composing import Composing
from assistant.tui.screens.chat import ChatScreen
from assistant.tui.tour import STEPS, Shows
from assistant.tui.widgets.chat.composer import Composer
from assistant.tui.widgets.chat.receipt import Receipt
from assistant.tui.widgets.tour_box import TO_BOX, TourBox

_ONLY_A_SAMPLE = "Only a sample: nothing is answered."


class _Composing(Composing):
    """What one is about to say in one's own chat."""

    def keep(self) -> None:
        """Nothing: the user's own chat keeps it."""

    def show_frame(self) -> None:
        self._screen.composer.border_title = "what you send goes to your own chat, and ends the tour"


class TourChat(ChatScreen):
    """The sample conversation."""

    CSS_PATH = "tour.tcss"  # The rest is in that of the chat, which is there.
    AUTO_FOCUS = "TourBox"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave_tour", "Leave the tour", priority=True),
        Binding(TO_BOX, "to_tour", "To the tour", show=False, priority=True),
    ]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage)
        self.composing = _Composing(self)
        self._box = TourBox()
        self._number = 0
        self._is_read = False

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield self._box

    def on_mount(self) -> None:
        self.composer.begin_anew(self.recollect.chat.composer.text)
        self.status.tell(model="a sample, of which nothing is kept", ready=True)

    def _open(self) -> None:
        self.backstage.at_hand.tell = self.post_message
        _: Worker[None] = self.run_worker(self._open_sample)

    async def _open_sample(self) -> None:
        [sample] = await self.backstage.bank(lambda bank: bank.conversations())
        self.session.open_conversation(sample.id)

    def commands(self) -> Iterable[SystemCommand]:
        return ()  # The palette has those of the tour.

    # What the tour asks for

    async def show_step(self, number: int) -> None:
        """Says what there is to see, and points at it if it is here."""
        self._number = number
        self._box.show(number)
        if self._is_read:
            await self._point()
        self._box.focus()

    async def _point(self) -> None:
        self.query(".-pointed").remove_class("-pointed")
        target = await self._shown()
        if target is not None:
            target.add_class("-pointed")
        if target is None or target is self.composer:
            self.transcript.anchor()
        else:
            self.transcript.release_anchor()
            self.call_after_refresh(self.transcript.scroll_to_widget, target, animate=False, center=True)

    async def _shown(self) -> Widget | None:
        """What the step speaks of; None if it is elsewhere."""
        match STEPS[self._number].shows:
            case Shows.ANSWER:
                cited = self.transcript.newest_cited()
                if cited is not None and cited.folded:
                    await cited.toggle()
                return cited
            case Shows.RECEIPT:
                updated = [line for line in self.query(Receipt) if line.operation.action is Action.UPDATE]
                return updated[-1] if updated else None
            case Shows.BOX:
                return self.composer
        return None

    @on(events.Opened)
    def _read(self, event: events.Opened) -> None:
        event.stop()  # It is not the user's own conversation, which is what the app hears of.
        if not self._is_read:
            self._is_read = True
            self.call_after_refresh(lambda: self.show_step(self._number))

    # What goes to the user's own chat

    @on(Composer.Changed)
    def _copy(self, event: Composer.Changed) -> None:
        own = self.recollect.chat.composer
        if own.text != self.composer.text:
            own.begin_anew(self.composer.text)

    @on(Composer.Sent)
    def _send_there(self, event: Composer.Sent) -> None:
        event.prevent_default()
        own = self.recollect.chat.composer
        own.begin_anew(event.text)
        self.recollect.tour.leave(then=lambda: own.post_message(Composer.Sent(event.text)))

    def action_new_conversation(self) -> None:
        self.recollect.tour.leave(then=self.recollect.chat.action_new_conversation)

    def action_conversations(self) -> None:
        self.recollect.tour.leave(then=self.recollect.chat.action_conversations)

    def action_leave_tour(self) -> None:
        self.recollect.tour.leave()

    def action_to_tour(self) -> None:
        self._box.focus()

    # What there is not in a sample

    async def answer(self, message: Message, *, anew: bool = False) -> None:
        self.say(_ONLY_A_SAMPLE)

    def begin_editing(self, message: Message) -> None:
        self.say(_ONLY_A_SAMPLE)
