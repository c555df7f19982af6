"""The memories as a table, with one of them in detail: which are shown, in which order, as of which day.

Knows nothing of how memories are changed.
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from assistant.errors import RecollectError
from assistant.memory import times
from assistant.memory.records import ItemKind, MatchedBy
from assistant.tui.backstage import Backstage
from assistant.tui.screens.asking import AskLine
from assistant.tui.widgets.memory import rows as memory_rows
from assistant.tui.widgets.memory.detail import MemoryDetail
from assistant.tui.widgets.memory.details import Details, details
from assistant.tui.widgets.memory.facets import KINDS, MemoryFacets
from assistant.tui.widgets.memory.lines import MemoryLines
from assistant.tui.widgets.memory.part import MemoryPart
from assistant.tui.widgets.memory.rows import Column
from assistant.tui.widgets.memory.table import NEVER_USED, PINNED, MemoryTable
from assistant.tui.widgets.memory.words import DAYS, day_in, end_of, in_words

FOUND = 200
"""Memories that a search by words and meaning shows at most."""
_DETAIL_SECONDS = 0.04
"""How long a line is at hand before its details are read, so that holding a key down reads none."""
_EMPTY = (
    "Nothing is remembered yet. Tell me something about yourself in the Chat (F2), or press a to write down a memory "
    "yourself. `recollect import` brings in what you have elsewhere."
)
_EMPTY_THEN = "Nothing was known yet on that day. Esc returns to today."
_NO_MATCH = "No memory matches. Esc shows all again; Enter in the box above searches by meaning as well."


class MemoryBrowser(MemoryPart):
    """The table and the detail. What is typed into the box above comes by `filter` and `search`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "ended", "Ended too", show=False),
        *(Binding(str(number), f"kind({number})", kind or "all kinds", show=False)
          for number, kind in enumerate(KINDS)),
    ]  # fmt: skip

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage, id="memories")
        self.then: date | None = None
        self._with_ended = False
        self._words = ""
        self._details: Details | None = None
        self._is_read = False
        self._wanted: int | None = None
        # Kept rather than looked for: what was read may arrive when the app is already taking its widgets away.
        self.table = MemoryTable()
        self.detail = MemoryDetail()
        self._facets = MemoryFacets()
        self._then_line = Static(id="then", markup=False)
        self._nothing_line = Static(id="nothing", markup=False)

    def compose(self) -> ComposeResult:
        yield self._facets
        yield self._then_line
        with Horizontal():
            with Vertical(id="listed"):
                yield self.table
                yield self._nothing_line
            yield self.detail

    # What is shown

    async def arrive(self) -> None:
        await self._read_rows()
        if self._wanted is not None and not self.table.go_to(self._wanted):
            self._with_ended = True
            await self._read_rows()
            self.table.go_to(self._wanted)
        self._wanted = None
        self._tell()

    async def _read_rows(self) -> None:
        now = times.now()
        as_of = end_of(self.then, now.tzinfo) if self.then is not None else None
        with_ended = self._with_ended and as_of is None
        rows = await self.backstage.bank(
            lambda bank: memory_rows.prepared(
                bank.memory_rows(include_all=with_ended, as_of=as_of), with_marks=as_of is None
            )
        )
        self._is_read = True
        self.table.fill(rows, with_state=with_ended)

    def begin(self) -> None:
        (self.detail if self.has_class("-open") else self.table).focus()
        self._tell()

    def back(self) -> bool:
        if self.has_class("-open"):
            self.remove_class("-open")
            self.table.focus()
        elif self.detail.has_focus:
            self.table.focus()
        elif self.table.selected:
            self.table.unselect()
            self._tell()
        elif self.then is not None:
            self._show_then(None)
        else:
            return False
        return True

    def filter(self, words: str) -> None:
        """Shows only memories that have these words in them."""
        self._words = words
        self.workers.cancel_group(self, "search")
        self.table.filter(words, self.table.kind)
        self._tell()

    @work(exclusive=True, group="search")
    async def search(self, words: str) -> None:
        """Shows what the bank finds for these words, by what they say and what they mean, best first."""
        if not words.strip() or self.then is not None:
            return
        try:
            bank = await self.backstage.bank(lambda bank: bank)
            # Not in the bank's thread: to know what the words mean, the model may have to be waited for.
            hits = await self.backstage.away(lambda: bank.search(words, limit=FOUND, kinds=(ItemKind.MEMORY,)))
        except RecollectError as error:
            self.post_message(self.Failed(error))
            return
        found: dict[int, MatchedBy] = {hit.memory.id: hit.matched_by for hit in hits if hit.memory is not None}
        self.table.show_found(found)
        self._tell()

    def show_memory(self, memory_id: int) -> None:
        """Makes a memory the one at hand with the next `arrive`, whatever has to be shown for that."""
        self.then, self._words, self._wanted = None, "", memory_id
        self.table.filter("", None)

    def _tell(self) -> None:
        """Says what is shown, and how many."""
        table = self.table
        self._facets.show(table.kind, table.by_kind, with_ended=self._with_ended)
        self._nothing_line.update(self._nothing())
        self.set_class(self._is_read and not table.shown, "-nothing")
        then = f"◷ As it was known on {in_words(self.then)} · read-only · Esc returns to today" if self.then else ""
        self._then_line.update(then)
        self.set_class(bool(then), "-then")
        self.say(self._standing(), lasting=True)

    def _nothing(self) -> str:
        """What to do where nothing is shown."""
        if self.table.rows:
            return _NO_MATCH
        return _EMPTY if self.then is None else _EMPTY_THEN

    def _standing(self) -> str:
        table = self.table
        shown, total = len(table.shown), len(table.rows)
        noun = "memory" if total == 1 else "memories"
        parts = [f"{shown:,} of {total:,} {noun}" if shown != total else f"{total:,} {noun}"]
        if table.selected:
            parts.insert(0, f"✓ {len(table.selected)} selected")
        if table.order.column is Column.FOUND:
            parts.append("best first, by words and meaning")
        marks = {PINNED: "pinned", NEVER_USED: "never used"}
        parts.append("   ".join(f"{mark} {meaning}" for mark, meaning in marks.items()))
        return " · ".join(parts)

    @on(MemoryLines.Moved)
    def _look_closer(self, event: MemoryLines.Moved) -> None:
        event.stop()
        self._tell()
        self._read_details()

    @work(exclusive=True, group="detail")
    async def _read_details(self) -> None:
        row = self.table.at_hand
        if row is None:
            self._details = None
            self.detail.show(None)
            return
        if self._details is not None:
            await asyncio.sleep(_DETAIL_SECONDS)
        self._details = await self.read(lambda bank: details(bank, row))
        self.detail.show(self._details)

    @on(MemoryLines.Chosen)
    def _open(self, event: MemoryLines.Chosen) -> None:
        event.stop()
        self.add_class("-open")
        self.detail.focus()

    @on(MemoryFacets.Pressed)
    def _press(self, event: MemoryFacets.Pressed) -> None:
        if event.number is None:
            self.action_ended()
        else:
            self.action_kind(event.number)

    def action_kind(self, number: int) -> None:
        self.table.filter(self._words, KINDS[number])
        self._tell()

    def action_ended(self) -> None:
        if self.may_change():
            self._with_ended = not self._with_ended
            self.post_message(self.Stale())

    @work
    async def action_then(self) -> None:
        today = times.now().date()
        note, said = f"Write {DAYS}.", ""
        while (
            said := await self.app.push_screen_wait(AskLine("What was known on…", note, value=said, verb="shows it"))
            or ""
        ):
            day = day_in(said, today)
            if day is not None and day <= today:
                self._show_then(day)
                return
            note = f"That is no day I can read. Write {DAYS}." if day is None else "That day is yet to come."

    def _show_then(self, day: date | None) -> None:
        self.then = day
        self.post_message(self.Stale())

    def action_source(self) -> None:
        if self._details is not None and self._details.said is not None:
            self.post_message(self.SourceWanted(self._details.said.message.id))
        else:
            self.say("This memory came from no message.")

    def may_change(self) -> bool:
        """Whether what is shown is how things stand now; says so if not."""
        if self.then is not None:
            self.say(f"This is what was known on {in_words(self.then)}, which nobody can change. Esc returns to today.")
        return self.then is None
