"""A line of text that ends with what one can do: by clicking those words, or by Enter, or by left, right and Enter.

Promises that the line says so without any colour. Knows nothing of what the actions do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static


class ActionLine(Static, can_focus=True):
    """`text · action · action`. Without an action it is only text, and Tab passes over it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "act", show=False),
        Binding("left", "choose(-1)", show=False),
        Binding("right", "choose(1)", show=False),
    ]

    class Pressed(Message):
        """One of the actions was asked for."""

        def __init__(self, line: ActionLine, action: str) -> None:
            super().__init__()
            self.line = line
            self.action = action

        @property
        def control(self) -> ActionLine:
            return self.line

    def __init__(self, text: Content, *actions: str, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.show(text, *actions)

    def show(self, text: Content, *actions: str) -> None:
        """Says something else from now on."""
        self._text, self._actions, self._chosen = text, tuple(filter(None, actions)), 0
        self.can_focus = bool(self._actions)
        self._draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._draw()

    def action_act(self, number: int | None = None) -> None:
        if self._actions:
            action = self._actions[self._chosen if number is None else number]
            self.post_message(self.Pressed(self, action))

    def action_choose(self, step: int) -> None:
        if self._actions:
            self._chosen = (self._chosen + step) % len(self._actions)
            self._draw()

    def _draw(self) -> None:
        chosen = self._chosen if self.has_focus and len(self._actions) > 1 else None
        self.update(_assembled(self._text, self._actions, chosen))


def _assembled(text: Content, actions: Sequence[str], chosen: int | None) -> Content:
    """`chosen` is marked by brackets where there is a choice."""
    labels = []
    for number, action in enumerate(actions):
        label = f"[{action}]" if number == chosen else action
        labels.append(Content.styled(label, Style.from_meta({"@click": f"act({number})"})))
    offered = Content(" · ").join(labels)
    separator = "" if not text.plain or text.plain.endswith("\n") else " · "
    return Content.assemble(text, separator, offered) if labels else text
