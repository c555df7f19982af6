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
    ("F2 to F6", "Chat, Memory, Models, Training, Settings"),
    ("Enter", "send"),
    ("Shift+Enter, Ctrl+J", "new line"),
    ("/", "commands, as /remember, /forget, /why, /temp, /export"),
    ("/tour", "a look around, on a sample of which nothing is kept"),
    ("Esc", "stop the answer, what was said is kept; back to the box"),
    ("Ctrl+B", "all conversations; find in them, rename, remove"),
    ("Ctrl+N", "new conversation; what is remembered stays"),
    ("Up, Down", "from the box, go to a message; then"),
    ("  c, b", "copy it, copy its code"),
    ("  r, e", "answer again, say it differently; the first one stays"),
    ("  left, right", "the others in its place"),
    ("  m, w", "the memories it used, and why"),
    ("Ctrl+O", "show the memories that the last answer used"),
    ("Ctrl+Z, Ctrl+Y", "undo typing, then what was remembered last; redo"),
    ("Tab, Shift+Tab", "go to undo and other links; left, right, Enter"),
    ("Page Up, Page Down", "scroll"),
    ("Ctrl+P", "all commands"),
    ("Ctrl+T", "light or dark"),
    ("F8", "what went wrong since the start"),
    ("Ctrl+Q", "quit; everything is saved"),
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
