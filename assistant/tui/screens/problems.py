"""All that went wrong since the start, in one place, each with what to do. Knows nothing of where it happened."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from assistant.tui.problems import Problem, Problems
from assistant.tui.shown import content


class ProblemsScreen(ModalScreen[None]):
    """The list, newest first. Goes away with Esc, F8, Enter or a click beside it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f8,enter,q", "dismiss", "Close")]

    def __init__(self, problems: Problems) -> None:
        super().__init__()
        self._problems = problems

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            if not self._problems:
                yield Static("Nothing went wrong since the start.")
            for problem in reversed(list(self._problems)):
                yield Static(_told(problem), classes="problem")

    def on_mount(self) -> None:
        box = self.query_one("#help")
        box.border_title = "Problems"
        box.border_subtitle = "Esc closes · `recollect doctor` checks everything"
        box.focus()

    def on_click(self) -> None:
        self.dismiss()


def _told(problem: Problem) -> Content:
    times = f"  ({problem.times} times)" if problem.times > 1 else ""
    head = Content.assemble((f"{problem.at:%H:%M:%S}  ", "dim"), content(problem.error.message).stylize("bold"), times)
    hint = content(problem.error.hint)
    return Content("\n").join([head, Content("          ") + hint]) if hint.plain else head
