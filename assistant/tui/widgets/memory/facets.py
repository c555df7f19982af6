"""One line that says which memories are shown, and in which each choice can be clicked.

Promises that the choice at hand is told by a mark as well as by colour. Knows nothing of the memories.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from assistant.memory.kinds import MemoryKind

KINDS: tuple[MemoryKind | None, ...] = (None, *MemoryKind)
"""What the keys 0 to 6 show; None is all of them."""
_ROOMY = 104
"""From this width on there is room for how many there are of each kind."""


class MemoryFacets(Static):
    """The kinds, and whether those that ended are shown as well."""

    class Pressed(Message):
        """A kind was clicked, by its number; None is whether those that ended are shown as well."""

        def __init__(self, number: int | None) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._kind: MemoryKind | None = None
        self._with_ended = False
        self._counts: Mapping[MemoryKind, int] = {}

    def show(self, kind: MemoryKind | None, counts: Mapping[MemoryKind, int], *, with_ended: bool) -> None:
        """Says this from now on."""
        before = self._kind, self._counts, self._with_ended
        self._kind, self._counts, self._with_ended = kind, counts, with_ended
        if before != (kind, counts, with_ended):
            self._say()

    def on_resize(self) -> None:
        self._say()

    def action_press(self, number: int | None = None) -> None:
        self.post_message(self.Pressed(number))

    def _say(self) -> None:
        with_counts = self.size.width >= _ROOMY
        parts = [self._choice(number, kind, with_counts) for number, kind in enumerate(KINDS)]
        ended = "▸ with ended" if self._with_ended else "active"
        state = Content.assemble(("v", "dim"), f" {ended}")
        parts.append(state.stylize(Style.from_meta({"@click": "press"})))
        self.update(Content("  ").join(parts))

    def _choice(self, number: int, kind: MemoryKind | None, with_counts: bool) -> Content:
        count = sum(self._counts.values()) if kind is None else self._counts.get(kind, 0)
        name = f" {kind or 'all'}{f' {count:,}' if with_counts else ''}"
        if kind is self._kind:
            return Content.styled(f"▸{name}", "bold $foreground")
        choice = Content.assemble((str(number), "dim"), name)
        return choice.stylize(Style.from_meta({"@click": f"press({number})"}))
