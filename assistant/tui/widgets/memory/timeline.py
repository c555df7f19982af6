"""What changed in the memories, day by day, newest first, as a list that is read on as one goes down.

Knows nothing of the bank.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from assistant.memory.operations import Action
from assistant.memory.records import Operation
from assistant.tui.widgets.memory.detail import ACTORS
from assistant.tui.widgets.memory.lines import HERE, MemoryLines
from assistant.tui.widgets.memory.rows import on_one_line
from assistant.tui.widgets.memory.words import difference

SIGNS = {Action.ADD: "+", Action.UPDATE: "~", Action.DELETE: "-", Action.NOOP: " "}
_BY = 14
_NEAR_END = 20
"""Lines before the end where more is asked for."""


class MemoryTimeline(MemoryLines):
    """The changes, with a line above those of each day."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Show the memory")]

    class MoreWanted(Message):
        """The end is near."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self._lines: list[Operation | date] = []

    def fill(self, operations: Sequence[Operation]) -> None:
        """Shows these; the one at hand stays it."""
        before = self.at_hand
        self.operations = list(operations)
        self._lines = []
        for operation in operations:
            day = operation.created_at.astimezone().date()
            if day != self._day_of_last():
                self._lines.append(day)
            self._lines.append(operation)
        at = [line.id if isinstance(line, Operation) else 0 for line in self._lines]
        self.renew(at.index(before.id) if before is not None and before.id in at else 0)

    def _day_of_last(self) -> date | None:
        last = self._lines[-1] if self._lines else None
        return last.created_at.astimezone().date() if isinstance(last, Operation) else None

    @property
    def at_hand(self) -> Operation | None:
        line = self._lines[self.here] if 0 <= self.here < len(self._lines) else None
        return line if isinstance(line, Operation) else None

    def watch_here(self, before: int, now: int) -> None:
        super().watch_here(before, now)
        if now >= len(self._lines) - _NEAR_END:
            self.post_message(self.MoreWanted())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value + self.size.height >= len(self._lines) - _NEAR_END:
            self.post_message(self.MoreWanted())

    def count(self) -> int:
        return len(self._lines)

    def can_be_here(self, line: int) -> bool:
        return isinstance(self._lines[line], Operation)

    def draw(self, line: int, width: int) -> Content:
        said = self._lines[line]
        if not isinstance(said, Operation):
            return Content.styled(f"{said:%A} {said.day} {said:%B} {said.year}", "bold $primary")
        by = ACTORS.get(said.actor, said.actor) + (", undone" if said.undone else "")
        text = _change(said).truncate(max(8, width - 12 - _BY), ellipsis=True, pad=True)
        return Content.assemble(
            (f"{HERE if line == self.here else ' '} ", "bold $primary"),
            (f"{said.created_at.astimezone():%H:%M}", "$foreground 60%"),
            (f"  {SIGNS[said.action]} ", "bold"),
            text.stylize("$foreground 50%") if said.undone else text,
            (f"  {by}", "$foreground 60%"),
        )


def _change(operation: Operation) -> Content:
    before, after = on_one_line(operation.text_before or ""), on_one_line(operation.text or "")
    if operation.action is Action.UPDATE:
        return difference(before, after)
    return Content(before if operation.action is Action.DELETE else after)
