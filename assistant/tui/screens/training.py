"""Training: what may be learned from, the runs as they go, and what came of them.

Promises that what is shown is what there is, and that what there is not is said to be missing. Knows nothing of how the
parts look.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher

from assistant.tui.modes import Mode
from assistant.tui.screens.mode import ModeScreen
from assistant.tui.widgets.training import text
from assistant.tui.widgets.training.parts import Part, TrainingParts
from assistant.tui.widgets.training.runs_view import TrainingRunsView
from assistant.tui.widgets.training.sources_view import TrainingSourcesView


class TrainingScreen(ModeScreen):
    """The user's conversations and the runs, one of them at a time."""

    MODE = Mode.TRAINING
    CSS_PATH = "training.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as the base class has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "part('sources')", "Data", show=False),  # Both stand in the line above.
        Binding("r", "part('runs')", "Runs", show=False),
        Binding("escape", "back", "Back", show=False),
    ]

    def compose_body(self) -> ComposeResult:
        yield TrainingParts()
        with ContentSwitcher(initial=Part.SOURCES):
            yield TrainingSourcesView(self.backstage)
            yield TrainingRunsView(self.backstage)

    def on_mount(self) -> None:
        self._part.begin()

    async def arrive(self) -> None:
        """Looks at both parts: the runs are told of above whichever is at hand."""
        await self.query_one(TrainingRunsView).arrive()
        await self.query_one(TrainingSourcesView).arrive()

    def commands(self) -> Iterable[SystemCommand]:
        """What the palette offers of this mode."""
        sources, runs = self.query_one(TrainingSourcesView), self.query_one(TrainingRunsView)
        yield SystemCommand("What may be learned from", "Choose, and hide words", lambda: self.action_part("sources"))
        yield SystemCommand("Hide a word or name", "From all that learns", sources.action_hide)
        yield SystemCommand("Runs", "Follow, stop, adopt", lambda: self.action_part("runs"))
        yield SystemCommand("Start a run", "Train or measure", runs.action_start)
        yield SystemCommand("Use the former model", "Roll the last adoption back", runs.action_roll_back)

    def action_part(self, name: str) -> None:
        """Goes to a part."""
        part = Part(name)
        self.query_one(ContentSwitcher).current = part
        self.query_one(TrainingParts).show(part)
        self._say_rest(part)
        self._part.begin()

    def action_back(self) -> None:
        self._part.begin()

    def _say_rest(self, part: Part) -> None:
        self.rest(text.NO_OWN_HISTORY if part is Part.SOURCES else "")

    def on_screen_resume(self) -> None:
        self._say_rest(Part(self.query_one(ContentSwitcher).current or Part.SOURCES))

    @on(TrainingRunsView.Looked)
    def _looked(self, event: TrainingRunsView.Looked) -> None:
        seen = event.seen
        run = seen.at_work
        self.query_one(TrainingParts).tell(
            f"{run.state} · {text.progress(run, seen.far[run.name])}" if run is not None else ""
        )

    @property
    def _part(self) -> TrainingSourcesView | TrainingRunsView:
        if self.query_one(ContentSwitcher).current == Part.RUNS:
            return self.query_one(TrainingRunsView)
        return self.query_one(TrainingSourcesView)
