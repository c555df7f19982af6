"""The keys, and what the marks on the screen mean. Knows nothing of the mode it lies over."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from assistant.tui.help import EVERYWHERE, HELP
from assistant.tui.modes import Mode


class HelpScreen(ModalScreen[None]):
    """The help of one mode. Goes away with Esc, F1, Enter or a click beside it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,enter,q", "dismiss", "Close")]

    def __init__(self, mode: Mode) -> None:
        super().__init__()
        self._mode = mode

    def compose(self) -> ComposeResult:
        told = HELP[self._mode]
        keys = (*told.keys, *EVERYWHERE)
        with VerticalScroll(id="help"):
            yield Static(Content("\n").join(Content.assemble((f"{key:<22}", "bold"), what) for key, what in keys))
            yield Static(told.about, id="about", markup=False)

    def on_mount(self) -> None:
        box = self.query_one("#help")
        box.border_title = f"Help: {self._mode.value}"
        box.focus()

    def on_click(self) -> None:
        self.dismiss()
