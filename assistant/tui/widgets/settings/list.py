"""All settings in one list, in sections: a line each, one of them at hand.

Promises that what is at hand, and how each thing stands, is said by marks and words. Knows nothing of what comes of a
change.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from assistant.tui.shown import plain
from assistant.tui.widgets.settings.rows import Row

_LABEL = 21
"""Columns of a name."""
_ORIGIN = 26
"""Columns after the name from which on it is said where a value comes from, if the value leaves room."""
Section = tuple[str, Sequence[Row]]


class SettingsList(OptionList):
    """The list. Enter, Space or a click on the row at hand acts on it; left and right go through what it may be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Change"),
        Binding("space", "select", show=False),
        Binding("right", "step(1)", show=False),
        Binding("left", "step(-1)", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("j", "cursor_down", show=False),
        Binding("tab,right_square_bracket", "section(1)", show=False),
        Binding("shift+tab,left_square_bracket", "section(-1)", show=False),
    ]

    class PointedAt(Message):
        """Another row is at hand, or it says something else."""

    class Chosen(Message):
        """The row at hand is to be acted upon; `step` is not 0 if the next or the former value is wanted."""

        def __init__(self, step: int = 0) -> None:
            super().__init__()
            self.step = step

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._sections: list[Section] = []
        self._rows: dict[str, Row] = {}
        self._at_hand = ""

    @property
    def row(self) -> Row | None:
        """The row at hand."""
        return self._rows.get(self._at_hand)

    def row_of(self, key: str) -> Row | None:
        """The row of that key."""
        return self._rows.get(key)

    def show(self, sections: Sequence[Section]) -> None:
        """Shows these sections; what was at hand stays so."""
        at_hand, place, before = self._at_hand, self.highlighted, list(self._rows)
        self._sections = [*sections]
        self._rows = {row.key: row for _, rows in sections for row in rows}
        options = self._all_options()
        if list(self._rows) == before:  # Then nothing has to move.
            for index, option in enumerate(options):
                self.replace_option_prompt_at_index(index, option.prompt)
        else:
            offset, rows, self._rows = self.scroll_offset, self._rows, {}
            self.clear_options()  # Nothing is at hand meanwhile.
            self._rows, self._at_hand = rows, at_hand
            self.add_options(options)
            wanted = self.get_option_index(at_hand) if at_hand in self._rows else place or 1
            self.highlighted = min(wanted, self.option_count - 1)
            self.scroll_to(y=offset.y, animate=False)
        self.post_message(self.PointedAt())

    def point_at(self, key: str) -> None:
        """Has the row of that key at hand."""
        if key in self._rows:
            self.highlighted = self.get_option_index(key)

    def show_from(self, key: str) -> None:
        """Scrolls so that what stands below the row of that key is in sight."""
        if key in self._rows:
            above = self.options[: self.get_option_index(key)]
            self.scroll_to(y=sum(str(option.prompt).count("\n") + 1 for option in above), animate=False)

    def action_step(self, step: int) -> None:
        if self.row is not None:
            self.post_message(self.Chosen(step))

    def action_section(self, step: int) -> None:
        """To the first row of the next section, or of the one before."""
        firsts = [self.get_option_index(rows[0].key) for _, rows in self._sections if rows]
        at = self.highlighted or 0
        beyond = [first for first in firsts if first > at] if step > 0 else [first for first in firsts if first < at]
        if firsts:
            around = firsts[0] if step > 0 else firsts[-1]
            self.highlighted = (beyond[0] if step > 0 else beyond[-1]) if beyond else around

    def watch_highlighted(self, highlighted: int | None) -> None:
        super().watch_highlighted(highlighted)
        before, self._at_hand = self._at_hand, ""
        if highlighted is not None:
            self._at_hand = self.get_option_at_index(highlighted).id or ""
            if highlighted == 1:  # The title above it is no row that one could go to.
                self.scroll_home(animate=False)
        for key in {before, self._at_hand} & self._rows.keys():
            self.replace_option_prompt(key, self._line(self._rows[key]))
        self.post_message(self.PointedAt())

    def on_click(self, event: Click) -> None:
        """Points; only a click on what is at hand acts."""
        event.prevent_default()
        clicked = event.style.meta.get("option")
        if clicked is None or self.get_option_at_index(clicked).disabled:
            return
        if self.highlighted == clicked and self.has_focus:
            self.action_select()
        self.highlighted = clicked

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen())

    def on_resize(self, _: Resize) -> None:
        self.show(self._sections)

    def _all_options(self) -> list[Option]:
        options: list[Option] = []
        for title, rows in self._sections:
            if rows:
                head = Content("\n" if options else "") + Content.styled(plain(title), "bold")
                options.append(Option(head, disabled=True))
                options += [Option(self._line(row), id=row.key) for row in rows]
        return options

    def _line(self, row: Row) -> Content:
        at_hand = "▸" if row.key == self._at_hand else " "
        begin = f"{at_hand} {row.mark:1} {row.label:{_LABEL}} "
        room = max(20, self.scrollable_content_region.width - len(begin))
        if row.in_full:
            return self._in_full(begin, row, room)
        value = " ".join(plain(row.value).split())
        if not row.origin:
            return Content(begin + _cut(value, room))
        shown = _cut(value, room - len(row.origin) - 2)
        column = min(_ORIGIN, room - len(row.origin))
        return Content.assemble(f"{begin}{shown:{max(column, len(shown) + 2)}}", (plain(row.origin), "dim"))

    def _in_full(self, begin: str, row: Row, room: int) -> Content:
        """A row with what it says below it, all of it to be read."""
        lines = [*wrap(plain(row.value), room, break_on_hyphens=False), *_arrow(row.more, room)]
        return Content("\n".join([begin + lines[0], *(" " * len(begin) + line for line in lines[1:])]))


def _arrow(text: str, room: int) -> list[str]:
    return wrap(plain(text), room, initial_indent="→ ", subsequent_indent="  ", break_on_hyphens=False)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(1, room - 1)]}…"
