"""The box above the table: what is typed filters at once, Enter searches by meaning as well.

Knows nothing of the memories.
"""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class MemorySearch(Input):
    """One line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Search"),
        Binding("escape", "screen.back", "Clear"),
        Binding("down", "leave", "To the list"),
    ]

    class Left(Message):
        """What was typed stands; the list is wanted."""

    def __init__(self) -> None:
        super().__init__(placeholder="/ to filter · Enter searches by meaning too", compact=True)
        self.cursor_blink = False

    def action_leave(self) -> None:
        self.post_message(self.Left())
