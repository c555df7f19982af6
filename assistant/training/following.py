"""All runs as they go: how far each is, and the numbers of the one that is looked at.

Promises to keep the curves of that one and of one at work alone, and to read of a run that is over once. Reads files,
and so is for a thread, one call after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assistant.paths import Paths
from assistant.training.metrics import Watch
from assistant.training.recipes import Kind
from assistant.training.results import log_tail
from assistant.training.runs import Run, RunState, runs

_LOG_BYTES = 8_000


@dataclass(frozen=True, slots=True)
class Far:
    """How far a run is: `step` of `of`, and how long the rest will take; None where nobody knows."""

    step: int = 0
    of: int = 0
    seconds_left: float | None = None
    seconds_a_step: float | None = None


@dataclass(frozen=True, slots=True)
class CurveSeen:
    """A number by step as it was when it was looked at, and its last value as it was written."""

    name: str
    points: tuple[tuple[int, float], ...]
    last: float


@dataclass(frozen=True, slots=True)
class Seen:
    """The runs, the one begun last first, how far each is, and curves and last lines of the log of one of them."""

    runs: Sequence[Run] = ()
    far: Mapping[str, Far] = field(default_factory=dict)
    name: str = ""
    curves: tuple[CurveSeen, ...] = ()
    log: tuple[str, ...] = ()

    @property
    def at_work(self) -> Run | None:
        return next((run for run in self.runs if run.is_at_work), None)

    @property
    def at_hand(self) -> Run | None:
        return next((run for run in self.runs if run.name == self.name), None)

    @property
    def pace(self) -> float | None:
        """How many seconds a step of training took here last; None if nothing was trained yet."""
        paces = (self.far[run.name].seconds_a_step for run in self.runs if run.recipe.kind is Kind.STARTER)
        return next((pace for pace in paces if pace is not None), None)


class Following:
    """Looks again and again."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._watches: dict[str, Watch] = {}
        self._over: dict[str, tuple[RunState, Far]] = {}

    def look(self, name: str | None = None) -> Seen:
        """How all runs stand now, and the numbers of the one of that name, or else of the first."""
        found = runs(self._paths)
        names = [run.name for run in found]
        if name not in names:
            name = names[0] if names else ""
        far = {run.name: self._far(run, kept=run.is_at_work or run.name == name) for run in found}
        self._watches = {
            run.name: self._watches[run.name] for run in found if run.is_at_work or run.name == name
        }  # Those of others would only take room.
        self._over = {name: over for name, over in self._over.items() if name in far}
        run = next((run for run in found if run.name == name), None)
        if run is None:
            return Seen()
        lines = log_tail(run.folder, _LOG_BYTES).splitlines()
        watched = self._watches[run.name].curves.items()
        curves = tuple(CurveSeen(name, tuple(curve.points()), curve.last) for name, curve in watched)
        return Seen(found, far, run.name, curves, tuple(lines))

    def _far(self, run: Run, *, kept: bool) -> Far:
        known = self._over.get(run.name)
        if known is not None and known[0] is run.state and not kept:
            return known[1]
        watch = self._watches.get(run.name)
        if watch is None:
            watch = self._watches[run.name] = Watch(run.folder, of=run.recipe.size)
        watch.look()
        far = Far(watch.step, watch.of, watch.seconds_left, watch.seconds_a_step)
        if not run.is_at_work:
            self._over[run.name] = run.state, far
        return far
