"""A line of text that ends with something one can do: by clicking those words, or by Enter on the line.

Promises that the line says so without any colour. Knows nothing of what the action does.
"""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

_ON_CLICK = Style.from_meta({"@click": "act"})


class ActionLine(Static, can_focus=True):
    """`text · action`. Without an action it is only text, and Tab passes over it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "act", show=False)]

    class Pressed(Message):
        """The action was asked for."""

        def __init__(self, line: ActionLine) -> None:
            super().__init__()
            self.line = line

        @property
        def control(self) -> ActionLine:
            return self.line

    def __init__(self, text: Content, action: str = "", *, classes: str = "") -> None:
        super().__init__(_assembled(text, action), classes=classes)
        self.can_focus = bool(action)

    def show(self, text: Content, action: str = "") -> None:
        """Says something else from now on."""
        self.can_focus = bool(action)
        self.update(_assembled(text, action))

    def action_act(self) -> None:
        if self.can_focus:
            self.post_message(self.Pressed(self))


def _assembled(text: Content, action: str) -> Content:
    if not action:
        return text
    label = Content.styled(action, _ON_CLICK)
    return Content.assemble(text, " · ", label) if text.plain else label
