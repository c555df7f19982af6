"""The two parts of the Training mode, by name, with what matters of each; each may be clicked.

Promises that the part at hand is told by a mark as well as by colour.
"""

from __future__ import annotations

from enum import StrEnum

from textual.content import Content
from textual.style import Style
from textual.widgets import Static


class Part(StrEnum):
    """A part of the Training mode; the value is the id of its widget."""

    SOURCES = "sources"
    RUNS = "runs"


_NAMES = {Part.SOURCES: ("d", "Your conversations"), Part.RUNS: ("r", "Runs")}


class TrainingParts(Static):
    """One line."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._here = Part.SOURCES
        self._at_work = ""

    def on_mount(self) -> None:
        self._say()

    def show(self, here: Part) -> None:
        """Says that this part is at hand."""
        self._here = here
        self._say()

    def tell(self, at_work: str) -> None:
        """Says what is being trained; "" if nothing is."""
        self._at_work = at_work
        self._say()

    def _say(self) -> None:
        parts = []
        for part, (key, name) in _NAMES.items():
            if part is self._here:
                parts.append(Content.styled(f"▸ {name}", "bold $foreground"))
                continue
            told = Content.assemble((key, "dim"), f" {name}")
            parts.append(told.stylize(Style.from_meta({"@click": f"screen.part('{part}')"})))
        if self._at_work:
            parts.append(Content.assemble(("● ", "$success"), Content(self._at_work)))
        self.update(Content("   ").join(parts))
