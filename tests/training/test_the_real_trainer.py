"""What runs are to the app, with `recollect-train` itself: it writes what is read and stops when asked to."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from assistant.paths import Paths
from assistant.training import runs
from assistant.training.following import Following
from assistant.training.recipes import Kind, Recipe
from assistant.training.results import log_tail
from assistant.training.runs import RunState
from tests.training.going import now, until

TINY = {
    "tokens_a_step": "256",
    "row": "256",
    "long_row": "256",
    "steps_a_shard": "1",
    "check_every": "1000000",
    "save_every": "50",
}


@pytest.mark.slow
def test_a_run_of_the_starter_is_followed_and_stopped_with_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # Compiling takes longer than all the rest.
    monkeypatch.setattr(runs, "POLITENESS", 0)  # Beside other tests it would wait for all of them.
    paths = Paths(tmp_path)
    paths.create()
    run = runs.start(paths, Recipe(Kind.STARTER, size=100_000, settings=TINY))
    try:
        saved = run.folder / "checkpoint.pt"
        until(lambda: saved.exists() or not now(paths, run).is_at_work, patience=600, every=0.5)
        seen = Following(paths).look()
        (loss,) = seen.curves
        assert (loss.name, seen.far[run.name].step >= 50) == ("loss", True)
        assert 0 < loss.last < 20

        runs.stop(run)
        until(lambda: not now(paths, run).is_at_work, patience=600, every=0.5)
        stopped = now(paths, run)
        assert (stopped.state, stopped.reason) == (RunState.STOPPED, "")
        assert seen.log[-1].startswith('{"step": ')
        assert log_tail(run.folder, 1000).endswith("goes on from the last checkpoint.\n")
    finally:
        current = now(paths, run)
        if current.is_at_work and current.pid is not None:
            os.killpg(current.pid, signal.SIGKILL)
