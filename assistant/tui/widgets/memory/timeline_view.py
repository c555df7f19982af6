"""What the bank learned over time: how many memories there were, and each change, newest first.

Knows nothing of the table of memories beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from assistant.memory import times
from assistant.memory.records import Growth
from assistant.tui.backstage import Backstage
from assistant.tui.widgets.memory.lines import MemoryLines
from assistant.tui.widgets.memory.part import MemoryPart
from assistant.tui.widgets.memory.plot import plot
from assistant.tui.widgets.memory.timeline import MemoryTimeline

PAGE = 200
"""Changes that are read at once."""
_EMPTY = "Nothing has changed yet: whatever is remembered, changed or let go will stand here, day by day."


class MemoryPlot(Static):
    """The plot, as wide as there is room."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._growth: Sequence[Growth] = ()

    def show(self, growth: Sequence[Growth]) -> None:
        """Draws this from now on."""
        self._growth = growth
        self.on_resize()

    def on_resize(self) -> None:
        lines = plot(self._growth, self.content_region.width, times.now().date())
        drawn = [Content.styled(line, "$primary") for line in lines[:-1]]
        self.update(Content("\n").join([*drawn, *(Content.styled(line, "$foreground 60%") for line in lines[-1:])]))


class MemoryTimelineView(MemoryPart):
    """The plot, and the changes under it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "source", "Source"),
        Binding("u", "screen.undo", "Undo"),
    ]

    class MemoryWanted(Message):
        """A memory is to be looked at."""

        def __init__(self, memory_id: int) -> None:
            super().__init__()
            self.memory_id = memory_id

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage, id="timeline")
        self.plot = MemoryPlot()
        self.lines = MemoryTimeline()
        self._is_all = False

    def compose(self) -> ComposeResult:
        yield Static(_EMPTY, id="timeline-empty", markup=False)
        yield self.plot
        yield self.lines

    async def arrive(self) -> None:
        wanted = max(PAGE, len(self.lines.operations))
        operations, growth = await self.backstage.bank(lambda bank: (bank.timeline(wanted), bank.growth()))
        self._is_all = len(operations) < wanted
        self.lines.fill(operations)
        self.plot.show(growth)
        self.set_class(not operations, "-nothing")

    def begin(self) -> None:
        self.lines.focus()
        self.say("+ added   ~ changed   - ended · Enter shows the memory", lasting=True)

    @on(MemoryTimeline.MoreWanted)
    @work(exclusive=True, group="more")
    async def _read_on(self) -> None:
        known = self.lines.operations
        if self._is_all or not known:
            return
        more = await self.read(lambda bank: bank.timeline(PAGE, known[-1].id))
        if more is not None and known is self.lines.operations:
            self._is_all = len(more) < PAGE
            self.lines.fill([*known, *more])

    @on(MemoryLines.Chosen)
    def _open(self) -> None:
        operation = self.lines.at_hand
        if operation is not None and operation.memory_id is not None:
            self.post_message(self.MemoryWanted(operation.memory_id))

    def action_source(self) -> None:
        operation = self.lines.at_hand
        if operation is not None and operation.source_message_id is not None:
            self.post_message(self.SourceWanted(operation.source_message_id))
        else:
            self.say("This change came from no message.")
