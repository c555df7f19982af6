"""The Memory mode of the tour: what the sample has left behind, with the box of the tour under it.

Promises that nothing here is the user's, and that whatever is tried out here is gone with the tour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from assistant.tui import events
from assistant.tui.backstage import Backstage
from assistant.tui.modes import Mode
from assistant.tui.screens.memory import MemoryScreen
from assistant.tui.tour import STEPS, Shows
from assistant.tui.widgets.memory.part import MemoryPart
from assistant.tui.widgets.memory.places import Place
from assistant.tui.widgets.tour_box import TO_BOX, TourBox

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank


class TourMemory(MemoryScreen):
    """The memories of the sample."""

    AUTO_FOCUS = "TourBox"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave_tour", "Leave the tour", priority=True),
        Binding(TO_BOX, "to_tour", "To the tour", show=False, priority=True),
    ]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage)
        self._box = TourBox()

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield self._box

    async def show_step(self, number: int) -> None:
        """Says what there is to see, and goes to it if it is here."""
        self._box.show(number)
        match STEPS[number].shows:
            case Shows.MEMORIES:
                if (memory_id := await self.backstage.bank(_with_a_history)) is not None:
                    self._memories.show_memory(memory_id)
                await self.action_part(Place.MEMORIES)
            case Shows.INBOX:
                await self.action_part(Place.INBOX)
        self._box.focus()

    @on(MemoryPart.SourceWanted)
    def _open_source_here(self, event: MemoryPart.SourceWanted) -> None:
        event.prevent_default()  # The message is one of the sample, not of the user's own chat.

        def show() -> None:
            self.app.screen.post_message(events.OpenMessage(event.message_id))

        self.recollect.tour.look(Mode.CHAT, show)

    def action_leave_tour(self) -> None:
        self.recollect.tour.leave()

    def action_to_tour(self) -> None:
        self._box.focus()


def _with_a_history(bank: MemoryBank) -> int | None:
    """The first memory that once said something else; None if it was forgotten by way of trial."""
    return next((memory.id for memory in bank.memories() if memory.version > 1), None)
