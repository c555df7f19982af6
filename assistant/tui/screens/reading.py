"""A text to be read over a screen: the end of a log, or the list of backups. Knows nothing of where it is from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from assistant.tui.shown import content

Page = tuple[str, str]
"""A title and a text."""


class Reading(ModalScreen[None]):
    """One page at a time; `o` shows the next one. Goes away with Esc, q, l, Enter or a click beside it."""

    CSS_PATH = "reading.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close"),
        Binding("l", "dismiss", show=False),  # Which has opened the logs.
        Binding("o,tab", "other", "Other"),
    ]

    def __init__(self, pages: Sequence[Page], *, at_end: bool = False) -> None:
        super().__init__()
        self._pages = [*pages]
        self._at_end = at_end

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="reading"):
            yield Static(markup=False)

    def on_mount(self) -> None:
        self._show()
        self.query_one("#reading").focus()

    def action_other(self) -> None:
        self._pages = [*self._pages[1:], self._pages[0]]
        self._show()

    def on_click(self, event: object) -> None:
        if getattr(event, "widget", None) is self:
            self.dismiss()

    def _show(self) -> None:
        (title, text), *others = self._pages
        box = self.query_one("#reading", VerticalScroll)
        box.border_title = content(title)
        box.border_subtitle = content(f"o shows {others[0][0]} · Esc closes" if others else "Esc closes")
        self.query_one(Static).update(content(text))
        if self._at_end:
            self.call_after_refresh(box.scroll_end, animate=False)
