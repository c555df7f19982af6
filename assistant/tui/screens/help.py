"""The keys, and what the marks on the screen mean. Knows nothing of the chat it lies over."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_KEYS = (
    ("Enter", "send"),
    ("Shift+Enter, Ctrl+J", "new line"),
    ("Esc", "stop the answer; what was said is kept"),
    ("Ctrl+Z", "undo typing, then what was remembered last"),
    ("Ctrl+Y", "redo"),
    ("Ctrl+O", "show the memories that the last answer used"),
    ("Tab, Shift+Tab", "go to undo and other links; Enter follows one"),
    ("Page Up, Page Down", "scroll"),
    ("Ctrl+N", "new conversation; what is remembered stays"),
    ("Ctrl+P", "all commands, light and dark"),
    ("Ctrl+Q", "quit"),
)
_ABOUT = (
    "Each message is saved before it is answered. Afterwards it is read once more for facts worth keeping; "
    "what was kept, changed or let go stands under the answer. Everything stays on this machine."
)


class HelpScreen(ModalScreen[None]):
    """Goes away with Esc, F1, Enter or a click beside it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,enter,q", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(Content("\n").join(Content.assemble((f"{key:<22}", "bold"), what) for key, what in _KEYS))
            yield Static(_ABOUT, id="about", markup=False)

    def on_mount(self) -> None:
        self.query_one("#help").border_title = "Help"
        self.query_one("#help").focus()

    def on_click(self) -> None:
        self.dismiss()
