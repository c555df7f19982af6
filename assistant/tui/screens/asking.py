"""Small questions over a screen: yes or no, a text, or which of several. Each gives None if it was not answered.

Knows nothing of what is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static, TextArea

from assistant.tui.shown import content, typeable

Value = TypeVar("Value")


class _Asking(ModalScreen[Value], Generic[Value]):
    """A box with a title; Esc or a click beside it leaves it unanswered."""

    CSS_PATH = "asking.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]

    def __init__(self, title: str, text: str = "") -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(id="asking"):
            if self._text:
                yield Static(content(self._text), id="text")
            yield from self.compose_answer()

    def compose_answer(self) -> ComposeResult:
        """What it is answered with."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.query_one("#asking").border_title = content(self._title)

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_click(self, event: object) -> None:
        if getattr(event, "widget", None) is self:
            self.dismiss(None)


class Confirm(_Asking[bool]):
    """Whether to do something. Where to be `careful`, as it cannot be taken back, the safe answer is at hand first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n", "answer(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, text: str, verb: str, *, careful: bool = True) -> None:
        super().__init__(title, text)
        self._verb, self._careful = verb, careful

    def compose_answer(self) -> ComposeResult:
        no = Button("Cancel (n)", id="no", compact=True)
        yes = Button(f"{self._verb} (y)", id="yes", variant="error" if self._careful else "primary", compact=True)
        with Horizontal(id="buttons"):  # The first of the two has the focus.
            yield from (no, yes) if self._careful else (yes, no)

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class AskLine(_Asking[str]):
    """A line of text. Enter gives it."""

    def __init__(
        self, title: str, text: str = "", *, value: str = "", placeholder: str = "", verb: str = "saves"
    ) -> None:
        super().__init__(title, text)
        self._value, self._placeholder, self._verb = value, placeholder, verb

    def compose_answer(self) -> ComposeResult:
        yield Input(self._value, placeholder=self._placeholder, compact=True)
        yield Static(Content.styled(f"Enter {self._verb} · Esc cancels", "dim"), id="keys")

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        self.dismiss(typeable(event.value).strip() or None)


class _Box(TextArea):
    """A text box in which Enter is the end: a memory is one line, however long."""

    async def _on_key(self, event: object) -> None:
        if getattr(event, "key", "") == "enter":
            event.stop()  # type: ignore[attr-defined]
            event.prevent_default()  # type: ignore[attr-defined]
            assert isinstance(self.screen, AskText)
            self.screen.action_save()
            return
        await super()._on_key(event)  # type: ignore[arg-type]


class AskText(_Asking[str]):
    """A text that may take several lines on the screen. Enter gives it."""

    def __init__(self, title: str, text: str = "", *, value: str = "") -> None:
        super().__init__(title, text)
        self._value = value

    def compose_answer(self) -> ComposeResult:
        yield _Box(self._value, compact=True, highlight_cursor_line=False)
        yield Static(Content.styled("Enter saves · Esc cancels", "dim"), id="keys")

    def on_mount(self) -> None:
        super().on_mount()
        box = self.query_one(_Box)
        box.cursor_blink = False
        box.move_cursor(box.document.end)

    def action_save(self) -> None:
        self.dismiss(typeable(self.query_one(_Box).text).strip() or None)


class Choose(_Asking[list[int]]):
    """Which of several, by their numbers: Space marks, Enter gives those that are marked, or the one at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take", priority=True),
        Binding("space", "mark", "Mark", priority=True),
    ]

    def __init__(self, title: str, text: str, options: Sequence[tuple[int, str]], *, several: bool = True) -> None:
        super().__init__(title, text)
        self._options, self._several = options, several
        self._marked: set[int] = set()

    def compose_answer(self) -> ComposeResult:
        yield OptionList(*(self._label(place) for place in range(len(self._options))), compact=True)
        keys = "Space marks · Enter takes · Esc cancels" if self._several else "Enter takes · Esc cancels"
        yield Static(Content.styled(keys, "dim"), id="keys")

    def action_mark(self) -> None:
        place = self._list.highlighted
        if self._several and place is not None:
            self._marked ^= {place}
            self._list.replace_option_prompt_at_index(place, self._label(place))

    def action_take(self) -> None:
        marked = sorted(self._marked) or ([self._list.highlighted] if self._list.highlighted is not None else [])
        self.dismiss([self._options[place][0] for place in marked])

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        if self._several:  # A click: by keys, Enter and Space have come to us first.
            self.action_mark()
        else:
            self.action_take()

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    def _label(self, place: int) -> Content:
        mark = ("[x] " if place in self._marked else "[ ] ") if self._several else ""
        return Content(mark) + content(self._options[place][1])
