"""A question about a model, to be answered before anything is done: yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from assistant.tui.shown import content


class ModelQuestion(ModalScreen[bool]):
    """True if the answer is yes. y is yes, Esc and n are no, Enter is the button that has the focus.

    That is yes, or no if one should be `careful`.
    """

    CSS_PATH = "../screens/models.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "No"),
        Binding("y", "answer(True)", "Yes"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str], yes: str, *, careful: bool = False) -> None:
        super().__init__()
        self._careful = careful
        self._title = title
        self._lines = lines
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            for line in self._lines:
                yield Static(content(line))
            with Horizontal(id="buttons"):
                yield Button(content(f"{self._yes} (y)"), id="yes", compact=True)
                yield Button("Leave it (Esc)", id="no", compact=True)

    def on_mount(self) -> None:
        self.query_one("#question").border_title = content(self._title).markup
        self.query_one("#no" if self._careful else "#yes").focus()

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")
