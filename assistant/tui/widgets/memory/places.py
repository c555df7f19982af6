"""The three parts of the Memory mode, by name, with how much there is in each; each may be clicked.

Promises that the part at hand is told by a mark as well as by colour.
"""

from __future__ import annotations

from enum import StrEnum

from textual.content import Content
from textual.style import Style
from textual.widgets import Static


class Place(StrEnum):
    """A part of the Memory mode; the value is the id of its widget."""

    MEMORIES = "memories"
    INBOX = "inbox"
    TIMELINE = "timeline"


_KEYS = {Place.MEMORIES: "esc", Place.INBOX: "i", Place.TIMELINE: "t"}


class MemoryPlaces(Static):
    """One line."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._here = Place.MEMORIES
        self._waiting = ""

    def on_mount(self) -> None:
        self._say()

    def show(self, here: Place) -> None:
        """Says that this part is at hand."""
        self._here = here
        self._say()

    def count(self, waiting: int, *, more: bool) -> None:
        """Says how many proposals wait in the inbox."""
        self._waiting = f" {waiting}{'+' if more else ''}"
        self._say()

    def _say(self) -> None:
        parts = []
        for place in Place:
            name = place.value.capitalize() + (self._waiting if place is Place.INBOX else "")
            if place is self._here:
                parts.append(Content.styled(f"▸ {name}", "bold $foreground"))
                continue
            part = Content.assemble((_KEYS[place], "dim"), f" {name}")
            parts.append(part.stylize(Style.from_meta({"@click": f"screen.part('{place}')"})))
        self.update(Content("  ").join(parts))
