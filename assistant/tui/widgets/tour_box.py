"""The box of the tour at the bottom of a screen: what there is to see, and the way on, back and out.

Promises that it says all of it without colour, by keys while it has the focus and by the mouse always. Knows nothing of
what it speaks of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from assistant.tui.shown import content
from assistant.tui.tour import STEPS

if TYPE_CHECKING:
    from assistant.tui.app import RecollectApp

TO_BOX = "f7"
"""The key that gives the box the focus from anywhere on its screen."""


class TourBox(Static, can_focus=True):
    """One step at a time."""

    DEFAULT_CSS = """
    TourBox {
        height: auto;
        padding: 0 2;
        border: round $foreground 40%;
        border-title-color: $warning;
        border-title-style: bold;
        background: $surface;
        link-color: $primary;
        link-style: underline;
        link-background: transparent;
        link-color-hover: $background;
        link-background-hover: $primary;
        link-style-hover: bold;
    }
    TourBox:focus { border: round $warning; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,right", "go(1)", "Next", show=False),
        Binding("left", "go(-1)", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._number = 0

    def show(self, number: int) -> None:
        """Shows that step."""
        self._number = number
        self.border_title = content(f"Tour {number + 1} of {len(STEPS)} · {STEPS[number].title}")
        self._draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._draw()

    def action_go(self, by: int) -> None:
        self._app.tour.go(by)

    def action_leave(self) -> None:
        self._app.tour.leave()

    @property
    def _app(self) -> RecollectApp:
        return cast("RecollectApp", self.app)

    def _draw(self) -> None:
        data = str(self._app.backstage.paths.data)
        text = content(STEPS[self._number].text.replace("{data}", data))
        is_last = self._number == len(STEPS) - 1
        ways = [self._way("Enter", "to your own chat" if is_last else "next", "go(1)")]
        if self._number:
            ways.append(self._way("←", "back", "go(-1)"))
        ways.append(Content.assemble(("Esc ", "bold"), _link("leave", "leave")))
        if not self.has_focus:
            ways.append(Content.styled(f"{TO_BOX.upper()} brings the keys back here", "dim"))
        self.update(Content.assemble(text, "\n", Content(" · ").join(ways)))

    def _way(self, key: str, what: str, action: str) -> Content:
        return Content.assemble((f"{key} " if self.has_focus else "", "bold"), _link(what, action))


def _link(text: str, action: str) -> Content:
    return Content.styled(text, Style.from_meta({"@click": action}))
