"""The first line of every mode: the name of the program, and the five modes, one of them at hand.

Promises that the mode at hand is told by a mark as well as by colour. Knows nothing of what the modes are for.
"""

from __future__ import annotations

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from assistant.tui.modes import Mode


class ModeTabs(Static):
    """All modes with their keys, each of which may be clicked."""

    DEFAULT_CSS = """
    ModeTabs { height: 1; padding: 0 2; text-wrap: nowrap; text-overflow: ellipsis; background: $surface; }
    """

    def __init__(self, here: Mode) -> None:
        tabs = [_tab(mode, is_here=mode is here) for mode in Mode]
        super().__init__(Content("  ").join([Content.styled("recollect", "bold $primary"), *tabs]))


def _tab(mode: Mode, *, is_here: bool) -> Content:
    if is_here:
        return Content.styled(f"▸ {mode.value}", "bold $foreground")
    tab = Content.assemble((mode.key.upper(), "dim"), f" {mode.value}")
    return tab.stylize(Style.from_meta({"@click": f"app.mode('{mode.name}')"}))
