"""What a run has said last: the end of its log, to be scrolled through. Knows nothing of training."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from assistant.training.results import log_tail
from assistant.training.runs import Run
from assistant.tui.shown import content

MOST_BYTES = 64 * 1024


class TrainingLog(ModalScreen[None]):
    """The log as it was when this was opened. Goes away with Esc, l, Enter or a click beside it."""

    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,l,enter,q", "dismiss", "Close")]

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="training-log"):
            yield Static(id="log-text", markup=False)

    async def on_mount(self) -> None:
        box = self.query_one("#training-log", VerticalScroll)
        box.border_title = content(f"Log of {self._run.name}")
        box.border_subtitle = content("Esc closes")
        box.focus()
        said = log_tail(self._run.folder, MOST_BYTES)
        self.query_one("#log-text", Static).update(content(said.strip() or "It has said nothing."))
        self.call_after_refresh(box.scroll_end, animate=False)

    def on_click(self, event: object) -> None:
        if getattr(event, "widget", None) is self:
            self.dismiss()
