"""The runs, a line each, with a sign and a word of how each stands. Knows nothing of files or processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.content import Content

from assistant.training.runs import Run
from assistant.tui.shown import plain
from assistant.tui.widgets.memory.lines import HERE, MemoryLines
from assistant.tui.widgets.training.text import MARKS

_STATE = 12


class TrainingRuns(MemoryLines):
    """The run begun last first. What each has come to is written behind it."""

    HEADED = True

    def __init__(self) -> None:
        super().__init__()
        self.runs: Sequence[Run] = ()
        self._adopted: frozenset[str] = frozenset()
        self._far: Mapping[str, str] = {}

    def fill(self, runs: Sequence[Run], far: Mapping[str, str], adopted: frozenset[str]) -> None:
        """Shows these; `far` is how far each is, `adopted` those whose models are in use. The one at hand stays."""
        before = self.at_hand
        here = self.here
        if before is not None:
            here = next((n for n, run in enumerate(runs) if run.name == before.name), here)
        self.runs, self._far, self._adopted = runs, far, adopted
        self.renew(here)

    def go_to(self, name: str) -> None:
        """Makes that run the one at hand."""
        self.here = next((n for n, run in enumerate(self.runs) if run.name == name), self.here)

    @property
    def at_hand(self) -> Run | None:
        """The run of the line at hand."""
        return self.runs[self.here] if 0 <= self.here < len(self.runs) else None

    def count(self) -> int:
        return len(self.runs)

    def head(self, width: int) -> Content:
        return Content(f"  {'run':{_name_width(self.runs)}}{'stands':{_STATE}}how far")

    def draw(self, line: int, width: int) -> Content:
        run = self.runs[line]
        used = "in use · " if run.name in self._adopted else ""
        return Content.assemble(
            (f"{HERE if line == self.here else ' '} ", "bold $primary"),
            f"{plain(run.name):{_name_width(self.runs)}}",
            (f"{MARKS[run.state]} {run.state}".ljust(_STATE), "bold"),
            (f"{used}{self._far.get(run.name, '')}", "$foreground 80%"),
        )


def _name_width(runs: Sequence[Run]) -> int:
    return max((len(run.name) for run in runs), default=20) + 2
