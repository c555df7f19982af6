"""Measuring how fast the models in use are: away from the screen, stopped by Esc, and kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form
from assistant.commands.opening import start_engines
from assistant.commands.shelf import Shelf
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, sees, until
from tests.tui.models_driving import in_models, offer_only, point_at

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def empty_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_only(monkeypatch)


class Writer(ScriptedEngine):
    """Writes 64 tokens for any prompt; with `go_on` clear it waits after the first, until it is cancelled."""

    def __init__(self) -> None:
        super().__init__(ScriptedGenerator(default_manager="NOOP"))
        self.go_on = threading.Event()
        self.was_stopped = threading.Event()
        self.asked: list[tuple[Agent, str]] = []

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        seed: int | None = None,
    ) -> Completion:
        self.asked.append((agent, prompt[-1].text))
        if on_text is not None:
            on_text("word")
        while max_tokens > 1 and not self.go_on.wait(0.01):
            if cancel is not None and cancel.is_set():
                self.was_stopped.set()
                return Completion("word", FinishReason.CANCELLED, 200, 0, 1)
        return Completion("word", FinishReason.LENGTH, 200, 0, max_tokens)


def app_on(data: Path, engine: ScriptedEngine) -> RecollectApp:
    paths = Paths(data)
    paths.create()
    return RecollectApp(lambda: engine, lambda embedder: MemoryBank.open(paths, embedder), paths, shelf=Shelf(paths))


async def test_the_speed_of_the_model_in_use_is_measured_shown_and_kept(tmp_path: Path) -> None:
    engine = Writer()
    engine.go_on.set()
    async with app_on(tmp_path, engine).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "recollect-starter")
        await pilot.press("s")
        await sees(pilot, "recollect-starter reads")
        await sees(pilot, "first word after 0.0 s")
        await sees(pilot, "measured on")
    [kept] = json.loads((tmp_path / "models" / "speeds.json").read_text())
    assert (kept["model"], kept["agents"], kept["speed"]["read_tokens"]) == (
        "recollect-starter",
        ["manager", "answer"],
        200,
    )
    assert (tmp_path / "models" / "speeds.json").stat().st_mode & 0o077 == 0
    async with app_on(tmp_path, engine).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await sees(pilot, "measured on")


async def test_escape_ends_measuring_and_nothing_is_kept(tmp_path: Path) -> None:
    engine = Writer()
    async with app_on(tmp_path, engine).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "recollect-starter")
        await pilot.press("s")
        await sees(pilot, "Measuring how fast recollect-starter is… · Esc stops")
        await until(pilot, lambda: len(engine.asked) == 2)
        await pilot.press("down", "up")  # The screen does not wait for it.
        await pilot.press("escape")
        await sees(pilot, "Measuring was stopped.")
    assert not (tmp_path / "models" / "speeds.json").exists()


async def test_leaving_the_app_ends_measuring(tmp_path: Path) -> None:
    engine = Writer()
    async with app_on(tmp_path, engine).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "recollect-starter")
        await pilot.press("s")
        await until(pilot, lambda: len(engine.asked) == 2)
        await pilot.press("ctrl+q")
    assert engine.was_stopped.is_set()


@pytest.mark.slow
async def test_a_real_model_has_a_speed(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.create()
    app = RecollectApp(
        lambda: start_engines(paths), lambda embedder: MemoryBank.open(paths, None), paths, shelf=Shelf(paths)
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await sees(pilot, "● ready")
        await point_at(pilot, "recollect-starter")
        await pilot.press("s")
        await sees(pilot, "recollect-starter reads")
    [kept] = json.loads((tmp_path / "models" / "speeds.json").read_text())
    assert kept["speed"]["reading"] > 20
    assert kept["speed"]["writing"] > 5
    assert kept["speed"]["read_tokens"] > 200
