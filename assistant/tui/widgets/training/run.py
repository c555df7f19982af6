"""One run: how it stands, its curve, its numbers, what it came to, and what it said last.

Promises that only what was measured is drawn. Knows nothing of files.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.memory import times
from assistant.training.adopting import objection
from assistant.training.following import Seen
from assistant.training.recipes import Kind
from assistant.training.runs import Run, RunState
from assistant.tui.shown import content, plain
from assistant.tui.widgets.training import text
from assistant.tui.widgets.training.plot import plot

_LOG_LINES = 8
_NEXT = {
    RunState.RUNNING: "s stops it; it saves first.",
    RunState.STOPPING: "It is told to stop. s once more ends it at once.",
    RunState.STOPPED: "c goes on from where it last saved.",
    RunState.FAILED: "c goes on from where it last saved.",
    RunState.FINISHED: "",
}


class TrainingRun(VerticalScroll, can_focus=True):
    """What is known of the run at hand. `turn` shows the next of its curves."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = Seen()
        self._is_used = False
        self._curve = 0

    def compose(self) -> ComposeResult:
        for name in ("standing", "result", "plot", "values", "log"):
            yield Static(id=f"run-{name}", markup=False)

    def show(self, seen: Seen, *, is_used: bool) -> None:
        """Shows the run at hand as it stands now; `is_used` says that its model is in use."""
        if seen.name != self._seen.name:
            self._curve = 0
            self.scroll_home(animate=False)
        self._seen, self._is_used = seen, is_used
        self._draw()

    def turn(self) -> None:
        """Shows the next curve."""
        self._curve += 1
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        run = self._seen.at_hand
        if run is None:
            return
        self._say("standing", text.standing(run, times.now()), _next(run, is_used=self._is_used))
        self._say("plot", *self._plot(run))
        self._say("values", text.last_values(self._seen.curves))
        self._say("result", *_result(run))
        lines = [plain(line) for line in self._seen.log[-_LOG_LINES:]]
        self._say("log", Content("\n").join([Content.styled("log", "bold"), *map(Content, lines)]) if lines else "")

    def _say(self, name: str, *parts: Content | str) -> None:
        told = [part if isinstance(part, Content) else content(part) for part in parts]
        told = [part for part in told if part.plain]
        part = self.query_one(f"#run-{name}", Static)
        part.display = bool(told)
        part.update(Content("\n").join(told))

    def _plot(self, run: Run) -> list[Content | str]:
        if run.recipe.kind is Kind.LIVES:
            return ["Measuring writes no curve; the log says how far it is."] if run.is_at_work else []
        drawable = [curve for curve in self._seen.curves if len(curve.points) > 1]
        if not drawable:
            return ["There is no curve yet: it begins with the second line of numbers."] if run.is_at_work else []
        curve, of = drawable[self._curve % len(drawable)], self._seen.far[run.name].of
        which = f"  {self._curve % len(drawable) + 1} of {len(drawable)}, m shows the next" if len(drawable) > 1 else ""
        height = 5 if self.app.size.height < 30 else 10
        lines = plot(curve.points, self.scrollable_content_region.width, height, of)
        head = Content.assemble((plain(curve.name), "bold"), (which, "dim"))
        return [head, *(Content.styled(line, "$primary") for line in lines)]


def _next(run: Run, *, is_used: bool) -> str:
    if is_used:
        return "Its model is in use. b goes back to the one before."
    if run.state is not RunState.FINISHED:
        return _NEXT[run.state]
    if run.recipe.kind is Kind.LIVES:
        return "It measured, and made no model."
    return objection(run) or "a uses its model in place of the one at hand; b goes back."


def _result(run: Run) -> list[Content | str]:
    if run.result is not None:
        return [text.comparison(run.result)]
    return [] if run.is_at_work else ["It has no result: it was not measured."]
