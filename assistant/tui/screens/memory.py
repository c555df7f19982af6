"""All that is remembered: to be looked through, changed and taken back; what waits to be decided; what changed when.

Promises that each change made here can be taken back here in the order it was made, that other screens are told of it,
and that the screen stays usable if the bank fails. Knows nothing of how the parts look.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import ContentSwitcher

from assistant.errors import RecollectError
from assistant.tui import events
from assistant.tui.backstage import Backstage
from assistant.tui.modes import Mode
from assistant.tui.screens.mode import ModeScreen
from assistant.tui.widgets.memory import changes
from assistant.tui.widgets.memory.changes import Change
from assistant.tui.widgets.memory.inbox_view import MOST, InboxView
from assistant.tui.widgets.memory.part import MemoryPart
from assistant.tui.widgets.memory.places import MemoryPlaces, Place
from assistant.tui.widgets.memory.search import MemorySearch
from assistant.tui.widgets.memory.timeline_view import MemoryTimelineView
from assistant.tui.widgets.memory.view import MemoryView


class MemoryScreen(ModeScreen):
    """The table of memories, the inbox and the timeline, one of them at a time."""

    MODE = Mode.MEMORY
    CSS_PATH = "memory.tcss"
    AUTO_FOCUS = "MemoryTable"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as the base class has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search"),
        Binding("i", "part('inbox')", "Inbox", show=False),
        Binding("t", "part('timeline')", "Timeline", show=False),
        Binding("u", "undo", "Undo"),
        Binding("ctrl+z", "undo", "Undo", show=False),
        Binding("ctrl+y", "redo", "Redo", show=False),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage)
        self._memories = MemoryView(backstage)
        self._parts: dict[Place, MemoryPart] = {Place.MEMORIES: self._memories}
        self._place = Place.MEMORIES
        self._places = MemoryPlaces()
        self._search = MemorySearch()
        self._undos: list[Change] = []
        self._redos: list[Change] = []

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="places"):
            yield self._places
            yield self._search
        with ContentSwitcher(initial=Place.MEMORIES):
            yield self._memories

    async def arrive(self) -> None:
        """Reads the part at hand, and how many proposals wait, which always shows."""
        await self._part.arrive()
        waiting = await self.backstage.bank(lambda bank: len(bank.proposals(MOST)))
        self._places.count(waiting, more=waiting == MOST)

    @property
    def _part(self) -> MemoryPart:
        return self._parts[self._place]

    def commands(self) -> Iterable[SystemCommand]:
        """What the palette offers of this mode."""
        memories = self._memories
        yield SystemCommand("Inbox", "What waits to be decided", lambda: self.action_part(Place.INBOX))
        yield SystemCommand("Timeline", "What changed when", lambda: self.action_part(Place.TIMELINE))
        yield SystemCommand("Undo", "Take back what was changed last", self.action_undo)
        yield SystemCommand("Redo", "Take back the last undo", self.action_redo)
        if self._place is Place.MEMORIES:
            yield SystemCommand("Search memories", "By words and by meaning", self.action_search)
            yield SystemCommand("Add a memory", "Write it down yourself", memories.action_add)
            yield SystemCommand("Edit the memory", "It keeps what it said before", memories.action_edit)
            yield SystemCommand("Pin or unpin the memory", "Always on offer", memories.action_pin)
            yield SystemCommand("Never use the memory", "Or use it again", memories.action_never_use)
            yield SystemCommand("Forget the memory", "It does not come back by itself", memories.action_forget)
            yield SystemCommand("The memory is wrong", "Forget it, and learn from that", memories.action_wrong)
            yield SystemCommand("The memory is outdated", "It held until today", memories.action_outdated)
            yield SystemCommand("Merge the selected memories", "Into one", memories.action_merge)
            yield SystemCommand("Purge the memory", "Wipe its text for good", memories.action_purge)
            yield SystemCommand("What was known on a day", "To be read only", memories.action_then)
            yield SystemCommand("Show ended memories", "Or hide them", memories.action_ended)

    # Where one is

    async def action_part(self, name: str) -> None:
        """Goes to a part, which is made when one first does."""
        switcher, place = self.query_one(ContentSwitcher), Place(name)
        if place not in self._parts:
            make = InboxView if place is Place.INBOX else MemoryTimelineView
            self._parts[place] = make(self.backstage)
            await switcher.mount(self._parts[place])
        self._place = switcher.current = place
        self._places.show(place)
        self._search.display = self._place is Place.MEMORIES
        self._part.begin()
        self.look_again()

    async def action_back(self) -> None:
        if self._search.has_focus:
            self._search.value = ""
            self._memories.begin()
        elif self._part.back():
            pass
        elif self._place is not Place.MEMORIES:
            await self.action_part(Place.MEMORIES)
        elif self._search.value:
            self._search.value = ""

    async def action_search(self) -> None:
        if self._place is not Place.MEMORIES:
            await self.action_part(Place.MEMORIES)
        self._search.focus()

    @on(MemorySearch.Changed)
    def _filter(self, event: MemorySearch.Changed) -> None:
        self._memories.filter(event.value)

    @on(MemorySearch.Submitted)
    def _find(self, event: MemorySearch.Submitted) -> None:
        self._memories.search(event.value)
        self._memories.begin()

    @on(MemorySearch.Left)
    def _leave_search(self) -> None:
        self._memories.begin()

    @on(MemoryTimelineView.MemoryWanted)
    async def _show_memory(self, event: MemoryTimelineView.MemoryWanted) -> None:
        with self._search.prevent(MemorySearch.Changed):
            self._search.value = ""
        self._memories.show_memory(event.memory_id)
        await self.action_part(Place.MEMORIES)

    @on(MemoryPart.SourceWanted)
    def _open_source(self, event: MemoryPart.SourceWanted) -> None:
        app = self.recollect
        app.chat.post_message(events.OpenMessage(event.message_id))
        app.action_mode(Mode.CHAT.name)

    # What is said and changed

    @on(MemoryPart.Said)
    def _say(self, event: MemoryPart.Said) -> None:
        if event.lasting:
            self.rest(event.text)
        else:
            self.say(event.text)

    @on(MemoryPart.Stale)
    def _read_anew(self) -> None:
        self.look_again()

    @on(MemoryPart.Failed)
    def _failed(self, event: MemoryPart.Failed) -> None:
        self.report(event.error)

    @on(MemoryPart.Asked)
    def _change(self, event: MemoryPart.Asked) -> None:
        self._redos.clear()
        self.run_worker(self._make(event.change, self._undos, "u takes it back"), group="changes")

    def action_undo(self) -> None:
        if not self._memories.may_change():
            return
        change = self._undos.pop() if self._undos else changes.undoing_newest
        self.run_worker(self._make(change, self._redos, "ctrl+y does it again"), group="changes")

    def action_redo(self) -> None:
        if not self._memories.may_change():
            return
        change = self._redos.pop() if self._redos else changes.redoing_newest
        self.run_worker(self._make(change, self._undos, "u takes it back"), group="changes")

    async def _make(self, change: Change, back: list[Change], how: str) -> None:
        try:
            done = await self.backstage.bank(change)
        except RecollectError as error:
            self.report(error)
            return
        if done.back is not None:
            back.append(done.back)
        self.say(f"✓ {done.said}{f' · {how}' if done.back is not None else ''}")
        self.backstage.model.index()  # What was changed is to be found by what it means.
        self.recollect.memory_changed.publish(None)
