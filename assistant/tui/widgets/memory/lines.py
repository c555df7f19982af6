"""A list that draws only the lines one sees, with a line at hand that keys and the mouse move.

Promises that ten thousand lines cost no more widgets or time than ten. Knows nothing of what the lines say.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

_KEPT = 400
"""Lines that are kept as they were drawn."""
HERE = "▸"
"""Stands before the line at hand, so that it is not told by its colour alone."""


class MemoryLines(ScrollView, can_focus=True):
    """Subclasses say how many lines there are, and draw each."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--head", "lines--here"}
    DEFAULT_CSS = """
    MemoryLines {
        height: 1fr;
        padding: 0 0 0 1;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-color: $foreground 20%;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
    }
    MemoryLines > .lines--head { color: $foreground 60%; text-style: bold; }
    MemoryLines > .lines--here { background: $foreground 8%; }
    MemoryLines:focus > .lines--here { background: $primary 18%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "end(-1)", "First", show=False),
        Binding("end,G", "end(1)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]
    HEADED: ClassVar[bool] = False
    """Whether there is a line above the others that does not scroll."""
    auto_links = False
    """There are none, and to look for them takes as long as to draw."""
    here: reactive[int] = reactive(0, repaint=False)
    """The line at hand, counted from 0; -1 where there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn: dict[tuple[int, int, bool, Style], Strip] = {}

    class Moved(Message):
        """Another line is at hand."""

        def __init__(self, lines: MemoryLines) -> None:
            super().__init__()
            self.lines = lines

        @property
        def control(self) -> MemoryLines:
            return self.lines

    class Chosen(Moved):
        """The line at hand is to be opened."""

    def count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def draw(self, line: int, width: int) -> Content:
        """One line, at most `width` cells of it."""
        raise NotImplementedError

    def head(self, width: int) -> Content:
        """The line above, where `HEADED`."""
        raise NotImplementedError

    def can_be_here(self, line: int) -> bool:
        """Whether a line can be the one at hand."""
        return True

    def pressed(self, line: int, x: int) -> bool:
        """A click on a line, on the cell `x`; -1 is the line above. Says whether that was all the click meant."""
        return False

    def renew(self, here: int) -> None:
        """Has other lines from now on, of which `here` is at hand."""
        self.virtual_size = Size(0, self.count() + self._ahead)
        self.set_reactive(MemoryLines.here, self._nearest(here, 1))
        self._show_here()
        self.redraw()

    def redraw(self) -> None:
        """Draws all lines anew, as they may say something else."""
        self._drawn.clear()
        self.refresh()

    @property
    def width(self) -> int:
        """How many cells a line has."""
        return self.scrollable_content_region.width

    @property
    def _ahead(self) -> int:
        return int(self.HEADED)

    @property
    def _visible(self) -> int:
        return max(1, self.scrollable_content_region.height - self._ahead)

    def render_line(self, y: int) -> Strip:
        width = self.width
        if width <= 0:
            return Strip.blank(0)
        line = y - self._ahead + self.scroll_offset.y if y >= self._ahead else -1
        is_here = line == self.here >= 0
        style = self._style_of(line, is_here)
        known = (line, width, is_here, style)
        if known not in self._drawn:
            if len(self._drawn) >= _KEPT:
                self._drawn.clear()
            self._drawn[known] = self._strip(line, width, style)
        return self._drawn[known]

    def _style_of(self, line: int, is_here: bool) -> Style:
        if line < 0:
            return self.get_visual_style("lines--head")
        return self.get_visual_style("lines--here") if is_here else self.visual_style

    def _strip(self, line: int, width: int, style: Style) -> Strip:
        if line < 0:
            drawn = self.head(width)
        else:
            drawn = self.draw(line, width) if line < self.count() else Content("")
        fitting = drawn.truncate(width, ellipsis=True, pad=True)
        strips = Visual.to_strips(self, fitting, width, 1, style, apply_selection=False)
        return strips[0] if strips else Strip.blank(width)

    def on_resize(self) -> None:
        self._show_here()

    def watch_here(self, before: int, now: int) -> None:
        self._show_here()
        top = self.scroll_offset.y - self._ahead
        self.refresh(*(Region(0, line - top, self.size.width, 1) for line in (before, now)))
        self.post_message(self.Moved(self))

    def action_move(self, by: int) -> None:
        self.here = self._nearest(self.here + by, by)

    def action_page(self, by: int) -> None:
        self.here = self._nearest(self.here + by * max(1, self._visible - 1), by)

    def action_end(self, by: int) -> None:
        self.here = self._nearest(0 if by < 0 else self.count() - 1, -by)

    def action_choose(self) -> None:
        if 0 <= self.here < self.count():
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        line = -1 if at.y < self._ahead else at.y - self._ahead + self.scroll_offset.y
        if line >= self.count() or self.pressed(line, at.x) or line < 0 or not self.can_be_here(line):
            return
        if line == self.here:
            self.action_choose()
        self.here = line

    def _nearest(self, line: int, direction: int) -> int:
        """The line that can be at hand and is nearest to `line`, looked for in that direction first; -1 if none can."""
        count = self.count()
        if not count:
            return -1
        line = min(max(line, 0), count - 1)
        step = 1 if direction > 0 else -1
        onward = range(line, count if step > 0 else -1, step)
        back = range(line, -1 if step > 0 else count, -step)
        return next((n for way in (onward, back) for n in way if self.can_be_here(n)), -1)

    def _show_here(self) -> None:
        """Scrolls so that the line at hand is seen, and at the top whatever stands before the first one."""
        top, visible = self.scroll_offset.y, self._visible
        first = self._nearest(0, 1)
        if self.here <= max(first, 0):
            self.scroll_to(y=0, animate=False)
        elif self.here < top:
            self.scroll_to(y=self.here, animate=False)
        elif self.here >= top + visible:
            self.scroll_to(y=self.here - visible + 1, animate=False)
