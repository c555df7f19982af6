"""The Training mode, about runs: begun by a form, followed as they go, stopped, gone on with, and their models used."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.agents.generation import Agent
from assistant.commands.run_models import InstalledRunModels
from assistant.paths import Paths
from assistant.training import recipes, runs
from assistant.tui.app import RecollectApp
from assistant.tui.screens.training_start import TrainingStart
from tests.scripted import ScriptedGenerator
from tests.training.going import PROGRAM, begin, ended, finished, steps
from tests.training.going import until as until_then
from tests.tui.driving import ScriptedEngine, app_with, screen_text, sees, until

pytestmark = pytest.mark.asyncio


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paths]:
    monkeypatch.setattr(runs, "PROGRAM", PROGRAM)
    made = Paths(tmp_path)
    made.create()
    yield made
    for run in runs.runs(made):
        if run.is_at_work and run.pid is not None:
            os.killpg(run.pid, signal.SIGKILL)


def app_on(paths: Paths) -> RecollectApp:
    app = app_with(paths.data, ScriptedEngine(ScriptedGenerator()))
    app.backstage.run_models = InstalledRunModels(paths)  # type: ignore[attr-defined]
    return app


async def go_to_runs(pilot: Pilot[None]) -> None:
    await pilot.press("f5", "r")
    await sees(pilot, "▸ Runs")


async def test_the_first_run_is_begun_by_the_form_and_followed_to_its_end(paths: Paths) -> None:
    async with app_on(paths).run_test(size=(120, 40)) as pilot:
        await go_to_runs(pilot)
        await sees(pilot, "Press n to start a run")
        await pilot.press("n")
        await sees(pilot, "this machine has not been timed yet.")
        await sees(pilot, "(●) Train the starter model anew")
        pilot.app.screen.query_one("#start-size").value = "49"  # type: ignore[attr-defined]
        await sees(pilot, "✗ The number of steps is from 50")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, TrainingStart)
        pilot.app.screen.query_one("#start-size").value = "300"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await sees(pilot, "has begun. It goes on when you leave.")
        await sees(pilot, "● running")
        await sees(pilot, "┤")
        await sees(pilot, "step 300")
        await sees(pilot, "s stops it; it saves first.")
        await sees(pilot, "✓ finished")
        await sees(pilot, "Measured on simulated lives that no training has seen.")


async def test_a_run_is_stopped_and_goes_on(paths: Paths) -> None:
    run = begin(paths, size=500, pace="0.02")
    async with app_on(paths).run_test(size=(80, 24)) as pilot:
        await go_to_runs(pilot)
        await until(pilot, lambda: steps(run) > 3)
        await pilot.press("s")
        await sees(pilot, "■ stopped")
        await sees(pilot, "c goes on from where it last saved.")
        await pilot.press("a")
        await sees(pilot, f"✗ {run.name} is not finished.")
        done = steps(run)
        await pilot.press("c")
        await sees(pilot, "● running")
        await until(pilot, lambda: steps(run) > done)
        await pilot.press("s")
        await sees(pilot, "■ stopped")
        await pilot.press("s")
        await sees(pilot, f"✗ {run.name} is not running.")


async def test_a_run_goes_on_without_the_app_and_is_found_by_the_next(paths: Paths) -> None:
    run = begin(paths, size=500, pace="0.02")
    async with app_on(paths).run_test(size=(120, 40)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "● running")
    then = steps(run)
    until_then(lambda: steps(run) > then)
    async with app_on(paths).run_test(size=(120, 40)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "● running")
        await pilot.press("r")
        assert run.pid is not None
        os.kill(run.pid, signal.SIGKILL)
        await sees(pilot, "✗ failed: its process was ended; it said last: begins at step 0")


async def test_a_run_that_failed_says_why_and_its_log_can_be_read(paths: Paths) -> None:
    ended(paths, begin(paths, pace="0", fail="3"))
    async with app_on(paths).run_test(size=(120, 40)) as pilot:
        await go_to_runs(pilot)
        await sees(pilot, "✗ failed: ValueError: the loss is not a number")
        await sees(pilot, "It has no result: it was not measured.")
        await pilot.press("l")
        await sees(pilot, "Log of starter-")
        await sees(pilot, "Traceback (most recent call last):")
        await pilot.press("escape")
        await until(pilot, lambda: "Log of" not in screen_text(pilot))


async def test_a_better_model_is_used_and_left_again(paths: Paths) -> None:
    run = finished(paths)
    models = InstalledRunModels(paths)
    async with app_on(paths).run_test(size=(120, 40)) as pilot:
        await go_to_runs(pilot)
        await sees(pilot, "operations      80.0%    90.0%  ▲ +10.0")
        await sees(pilot, "a uses its model in place of the one at hand; b goes back.")
        await pilot.press("a")
        await sees(pilot, "Its model is in use. b goes back to the one before.")
        assert models.choice() == {Agent.MANAGER: run.name, Agent.ANSWER: run.name}
        await pilot.press("b")
        await sees(pilot, "the model that came along is again.")
        assert models.choice() == {Agent.MANAGER: None, Agent.ANSWER: None}
        await pilot.press("b")
        await sees(pilot, "✗ No model of a run was adopted.")


async def test_a_worse_model_is_used_only_after_a_question(paths: Paths) -> None:
    run = finished(paths, shares="0.5")
    models = InstalledRunModels(paths)
    async with app_on(paths).run_test(size=(120, 40)) as pilot:
        await go_to_runs(pilot)
        await sees(pilot, "▼ -30.0")
        await pilot.press("a")
        await sees(pilot, f"Use {run.name} all the same?")
        await pilot.press("n")
        await until(pilot, lambda: "all the same" not in screen_text(pilot))
        assert models.choice() == {Agent.MANAGER: None, Agent.ANSWER: None}
        await pilot.press("a")
        await sees(pilot, "all the same?")
        await pilot.press("y")
        await until(pilot, lambda: models.choice() == {Agent.MANAGER: run.name, Agent.ANSWER: run.name})


async def test_where_nothing_can_train_it_says_what_to_install(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "find_spec", lambda name: None)
    async with app_on(paths).run_test(size=(80, 24)) as pilot:
        await go_to_runs(pilot)
        await sees(pilot, "Training needs packages that are not installed: torch,")
        await sees(pilot, 'Run: pip install "recollect[train]"')
        await pilot.press("n")
        await sees(pilot, "✗ Training needs packages that are not installed")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, TrainingStart)
        await pilot.press("escape")
    assert runs.runs(paths) == []


async def test_the_parts_and_the_keys_below_can_be_clicked(paths: Paths) -> None:
    async with app_on(paths).run_test(size=(80, 24)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "▸ Your conversations   r Runs")
        await pilot.click("TrainingParts", offset=(28, 0))
        await sees(pilot, "▸ Runs")
        await pilot.click("KeyLine", offset=(2, 0))
        await sees(pilot, "New run")


async def test_a_thousand_looks_leave_no_more_behind_than_one(paths: Paths) -> None:
    from assistant.training.following import Following

    run = finished(paths)
    other = ended(paths, begin(paths, pace="0", fail="20"))
    following = Following(paths)
    for _ in range(20):
        await asyncio.to_thread(following.look, run.name)
    assert list(following._watches) == [run.name]
    assert following.look(other.name).far[run.name].step == 50
