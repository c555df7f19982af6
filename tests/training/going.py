"""What tests of runs share: the stand-in for the trainer, patience, and models to come from and go to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from assistant.paths import Paths
from assistant.training import runs
from assistant.training.recipes import Kind, Recipe, Scores
from assistant.training.runs import Run, RunState

PROGRAM = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
PATIENCE_SECONDS = 60.0
BASE = Scores("recollect-starter", {"operations": 0.8, "answers": 0.8}, "ab" * 32)


def until(happened: Callable[[], bool], *, patience: float = PATIENCE_SECONDS, every: float = 0.01) -> None:
    give_up = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(every)


def recipe(size: int = 50, base: Scores | None = BASE, **settings: str) -> Recipe:
    return Recipe(Kind.STARTER, seed=0, size=size, threads=1, settings=settings, base=base)


def begin(paths: Paths, size: int = 50, base: Scores | None = BASE, **settings: str) -> Run:
    return runs.start(paths, recipe(size, base, **settings), PROGRAM)


def now(paths: Paths, run: Run) -> Run:
    return runs.run_named(paths, run.name)


def ended(paths: Paths, run: Run) -> Run:
    until(lambda: not now(paths, run).is_at_work)
    return now(paths, run)


def finished(paths: Paths, **settings: str) -> Run:
    run = ended(paths, begin(paths, **{"pace": "0", **settings}))
    assert run.state is RunState.FINISHED
    return run


def steps(run: Run) -> int:
    file = run.folder / "metrics.jsonl"
    return len(file.read_text().splitlines()) if file.exists() else 0
