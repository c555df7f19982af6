"""What is to be known of the setting at hand: all of its value, where that comes from, what it is for, and the keys."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.tui.shown import content
from assistant.tui.widgets.settings.rows import Does, Row


class SettingsPanel(VerticalScroll, can_focus=False):
    """A few lines; what there is no room for is scrolled to with the wheel."""

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, row: Row | None) -> None:
        """Shows what there is to say of `row`."""
        self.query_one(Static).update(_told(row) if row is not None else "")
        self.scroll_home(animate=False)


def _told(row: Row) -> Content:
    said = [content(row.label).stylize("bold")]
    if row.value and not row.in_full:
        said.append(content(f": {row.value}"))
    if row.origin:
        said.append(content(f" · {row.origin}").stylize("dim"))
    lines = [Content("").join(said), content(row.about)]
    enter = f"Enter or {row.letter}" if row.letter else "Enter"
    keys = [f"{enter} {row.does}"] if row.does is not Does.NOTHING else []
    keys += ["d goes back to the default"] if row.resets else []
    if keys:
        lines.append(Content.styled(" · ".join(keys), "dim"))
    return Content("\n").join(line for line in lines if line.plain)
