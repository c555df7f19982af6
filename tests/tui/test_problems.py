"""Whatever goes wrong is said where it happened and kept in one place, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import EngineError
from assistant.tui.problems import MOST, Problems
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, sees


def test_the_same_again_is_counted_and_the_oldest_go() -> None:
    problems = Problems()
    for _ in range(3):
        problems.add(EngineError("It broke.", "Try again."))
    [problem] = problems
    assert (problem.error.message, problem.times) == ("It broke.", 3)
    for number in range(MOST):
        problems.add(EngineError(f"Number {number} broke."))
    assert (len(problems), next(iter(problems)).error.message) == (MOST, "Number 0 broke.")


@pytest.mark.asyncio
async def test_errors_of_the_chat_are_listed_with_what_to_do(tmp_path: Path) -> None:
    engine = ScriptedEngine(ScriptedGenerator(), load_error=EngineError("The file is gone.", "Put it back."))
    async with app_with(tmp_path, engine).run_test(size=(96, 30)) as pilot:
        await sees(pilot, "The file is gone. Put it back.")
        await say(pilot, "Hello?")
        await sees(pilot, "try again")
        await pilot.press("f8")
        await sees(pilot, "Problems")
        await sees(pilot, "The file is gone.  (2 times)")
        await pilot.press("escape")


@pytest.mark.asyncio
async def test_without_problems_it_says_so(tmp_path: Path) -> None:
    async with app_with(tmp_path, ScriptedEngine(ScriptedGenerator())).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "ready")
        await pilot.press("f8")
        await sees(pilot, "Nothing went wrong since the start.")
