"""Runs as processes of their own: begun, stopped, killed, gone on with, and found again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.paths import Paths
from assistant.training import processes, recipes, runs
from assistant.training.recipes import Kind, Recipe
from assistant.training.runs import RunState
from tests.training.going import PROGRAM, begin, ended, now, recipe, steps, until


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    made = Paths(tmp_path / "data")
    made.create()
    yield made
    for run in runs.runs(made):
        if run.is_at_work and run.pid is not None:
            os.killpg(run.pid, signal.SIGKILL)


def test_a_run_is_a_folder_with_its_recipe_its_log_and_what_came_of_it(paths: Paths) -> None:
    run = ended(paths, begin(paths, pace="0"))

    assert run.state is RunState.FINISHED
    assert run.result is not None
    assert (run.result.after.shares, run.result.measured_on) == (
        {"operations": 0.9, "answers": 0.9},
        "simulated lives that no training has seen",
    )
    assert run.result.before is not None
    assert run.result.before.shares == {"operations": 0.8, "answers": 0.8}
    assert (run.folder / "log.txt").read_text() == "begins at step 0\n"
    told = json.loads((run.folder / "recipe.json").read_text())
    assert (told["kind"], told["seed"], told["size"], told["base"]["sha256"]) == ("starter", 0, 50, "ab" * 32)
    assert run.folder.stat().st_mode & 0o777 == 0o700


def test_a_stopped_run_has_saved_and_goes_on_from_there(paths: Paths) -> None:
    run = begin(paths, pace="0.02")
    until(lambda: steps(run) >= 3)
    assert runs.stop(run).state in (RunState.STOPPING, RunState.STOPPED)
    stopped = ended(paths, run)
    done = steps(run)

    assert (stopped.state, stopped.reason) == (RunState.STOPPED, "")
    assert 3 <= done < 50
    again = ended(paths, runs.resume(paths, run, PROGRAM))
    assert again.state is RunState.FINISHED
    assert f"begins at step {done}\n" in (run.folder / "log.txt").read_text()
    assert steps(run) == 50


def test_a_run_that_was_killed_is_known_to_be_and_goes_on_from_its_checkpoint(paths: Paths) -> None:
    run = begin(paths, pace="0.02")
    until(lambda: steps(run) >= 11)
    assert run.pid is not None
    os.kill(run.pid, signal.SIGKILL)
    killed = ended(paths, run)

    assert (killed.state, killed.reason) == (
        RunState.FAILED,
        "its process was ended; it said last: begins at step 0",
    )
    assert ended(paths, runs.resume(paths, run, PROGRAM)).state is RunState.FINISHED
    assert "begins at step 10\n" in (run.folder / "log.txt").read_text()


def test_a_run_that_failed_says_why_in_the_last_line_of_its_log(paths: Paths) -> None:
    run = ended(paths, begin(paths, pace="0", fail="3"))

    assert (run.state, run.reason) == (RunState.FAILED, "ValueError: the loss is not a number")
    assert run.result is None


def test_asked_to_stop_once_more_it_is_ended_at_once(paths: Paths) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(99)"
    )
    run = runs.start(paths, recipe(), (sys.executable, "-c", deaf))
    until(lambda: "deaf" in (run.folder / "log.txt").read_text())

    assert runs.stop(run).state is RunState.STOPPING
    runs.stop(run)
    assert ended(paths, run).state is RunState.STOPPED


def test_a_run_goes_on_when_the_app_ends_and_the_next_one_finds_it(paths: Paths) -> None:
    app = f"""
from pathlib import Path
from assistant.paths import Paths
from tests.training.going import begin
print(begin(Paths(Path({str(paths.data)!r})), size=500, pace="0.02").name)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", app], capture_output=True, text=True, check=True, cwd=root)

    (run,) = runs.runs(paths)
    assert (run.name, run.state) == (done.stdout.strip(), RunState.RUNNING)
    until(lambda: steps(run) > 0)  # One that has not begun to listen may miss what it is told.
    assert runs.stop(run).name == run.name
    assert ended(paths, run).state is RunState.STOPPED


def test_another_process_under_the_same_number_is_not_taken_for_the_run(paths: Paths) -> None:
    run = ended(paths, begin(paths, pace="0", fail="1"))
    state = json.loads((run.folder / "state.json").read_text())
    (run.folder / "state.json").write_text(json.dumps({**state, "pid": os.getpid()}))

    assert now(paths, run).state is RunState.FAILED
    with pytest.raises(InputError, match="is not running"):
        runs.stop(run)


def test_a_run_from_before_a_restart_of_the_machine_says_so(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ended(paths, begin(paths, pace="0", fail="1"))
    monkeypatch.setattr(processes, "boot", lambda: "another boot")

    assert (now(paths, run).state, now(paths, run).reason) == (RunState.FAILED, "the machine was restarted")


def test_a_second_run_waits_until_the_first_is_over(paths: Paths) -> None:
    run = begin(paths, pace="0.02")
    with pytest.raises(InputError, match=f"{run.name} is at work"):
        begin(paths)
    with pytest.raises(InputError, match="is at work already"):
        runs.resume(paths, run, PROGRAM)
    runs.stop(run)
    ended(paths, run)

    second = begin(paths, pace="0")
    assert second.name == f"{run.name}-2"
    with pytest.raises(InputError, match="is finished"):
        runs.resume(paths, ended(paths, second), PROGRAM)


def test_measuring_makes_no_model_and_its_numbers_are_the_result(paths: Paths) -> None:
    run = ended(paths, runs.start(paths, Recipe(Kind.LIVES, size=1), PROGRAM))

    assert run.state is RunState.FINISHED
    assert run.result is not None
    assert (run.result.before, run.result.after.shares) == (None, {"operations": 0.75, "answers": 0.5})


def test_without_the_packages_that_train_nothing_is_begun(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "find_spec", lambda name: None)

    with pytest.raises(InputError) as refused:
        runs.start(paths, recipe())
    assert "torch, transformers, tokenizers, safetensors" in refused.value.message
    assert refused.value.hint == 'Run: pip install "recollect[train]"'
    assert runs.runs(paths) == []


def test_what_is_no_run_is_passed_over(paths: Paths) -> None:
    run = ended(paths, begin(paths, pace="0"))
    (paths.data / "runs" / "empty").mkdir()
    (paths.data / "runs" / "broken").mkdir()
    (paths.data / "runs" / "broken" / "recipe.json").write_text('{"kind": "dance"}')

    assert [found.name for found in runs.runs(paths)] == [run.name]
    for name in ("broken", "nowhere", "../runs", ".."):
        with pytest.raises(NotFoundError):
            runs.run_named(paths, name)


@pytest.mark.parametrize(
    ("kind", "seed", "size", "sentence"),
    [
        (Kind.STARTER, -1, 100, "The seed is a number from 0"),
        (Kind.STARTER, 0, 49, "The number of steps is from 50"),
        (Kind.LIVES, 0, 1001, "The number of lives is from 1"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(kind: Kind, seed: int, size: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Recipe(kind, seed=seed, size=size)


def test_a_recipe_is_the_command_that_it_says(tmp_path: Path) -> None:
    assert Recipe(Kind.STARTER, 7, 100, 2, {"row": "256"}).arguments(tmp_path) == [
        *("starter", "--run", str(tmp_path), "--models", str(tmp_path / "made"), "--seed", "7", "--threads", "2"),
        *("--set", "steps=100", "--set", "row=256"),
    ]
    assert Recipe(Kind.LIVES, size=3, threads=2).arguments(tmp_path) == [
        *("lives", "--lives", "3", "--threads", "2", "--json")
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (89, "89 s"), (90, "2 min"), (3570, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_a_time_is_told_as_people_do(seconds: float, words: str) -> None:
    assert recipes.spoken(seconds) == words
