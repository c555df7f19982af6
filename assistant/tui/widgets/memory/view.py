"""The memories as a table, and all that can be done to them.

Knows nothing of the inbox or the timeline beside it, or of how a change is carried out.
"""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from assistant.memory.records import Memory
from assistant.tui.screens.asking import AskText, Confirm
from assistant.tui.widgets.memory import changes
from assistant.tui.widgets.memory import rows as memory_rows
from assistant.tui.widgets.memory.browser import MemoryBrowser

LISTED = 8
"""Memories that are listed when they are to be merged."""
_PURGE = (
    "Its text is wiped from this file, its history and its copies, and struck out of the messages that say it. "
    "This cannot be undone."
)


class MemoryView(MemoryBrowser):
    """What the user does to the memory at hand, or to those that are selected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "screen.search", "Search"),
        Binding("e", "edit", "Edit"),
        Binding("f", "forget", "Forget"),
        Binding("p", "pin", "Pin"),
        Binding("u", "screen.undo", "Undo"),
        Binding("a", "add", "Add"),
        Binding("n", "never_use", "Never"),
        Binding("m", "merge", "Merge"),
        Binding("d", "then", "Date"),
        # Each key in the footer takes as long to draw as half the table: the others stand in the help and the palette.
        Binding("o", "source", "Source", show=False),
        Binding("w", "wrong", "Wrong", show=False),
        Binding("l", "outdated", "Outdated", show=False),
        Binding("x", "purge", "Purge", show=False),
    ]

    @work
    async def action_add(self) -> None:
        if self.may_change() and (text := await self.app.push_screen_wait(AskText("A new memory"))):
            self.ask(changes.adding(text))

    @work
    async def action_edit(self) -> None:
        if (memory := self._one()) is not None:
            text = await self.app.push_screen_wait(AskText("What it should say", value=memory.text))
            if text and text != memory.text:
                self.ask(changes.editing(memory.id, text))

    @work
    async def action_merge(self) -> None:
        memories = self._chosen()
        if len(memories) < 2:
            self.say("Select two memories or more with space, then press m to merge them.")
            return
        longest = max(memories, key=lambda memory: len(memory.text)).text
        listed = [f"· {memory_rows.on_one_line(memory.text)}" for memory in memories[:LISTED]]
        if len(memories) > LISTED:
            listed.append(f"… and {len(memories) - LISTED} more")
        asked = AskText(f"Merge {len(memories)} memories into one", "\n".join(listed), value=longest)
        if text := await self.app.push_screen_wait(asked):
            self.ask(changes.merging(memories, text))

    @work
    async def action_purge(self) -> None:
        if (memory := self._one()) is None:
            return
        text = f"{memory_rows.on_one_line(memory.text)}\n\n{_PURGE}"
        if await self.app.push_screen_wait(Confirm("Purge this memory for good?", text, "Purge")):
            self.ask(changes.purging(memory))

    def action_forget(self) -> None:
        if memories := self._chosen():
            self.table.unselect()
            self.ask(changes.forgetting(memories))

    def action_pin(self) -> None:
        if (memory := self._one()) is not None:
            self.ask(changes.pinning(memory))

    def action_never_use(self) -> None:
        if (memory := self._one()) is not None:
            self.ask(changes.never_using(memory))

    def action_wrong(self) -> None:
        if (memory := self._one()) is not None:
            self.ask(changes.marking_wrong(memory))

    def action_outdated(self) -> None:
        if (memory := self._one()) is not None:
            self.ask(changes.marking_outdated(memory))

    def _chosen(self) -> list[Memory]:
        """The selected memories, or the one at hand; none if nothing may be changed."""
        return self.table.chosen if self.may_change() else []

    def _one(self) -> Memory | None:
        """The memory at hand, if it may be changed."""
        row = self.table.at_hand
        if row is None or not self.may_change():
            return None
        return row.memory
