"""Choosing a model for each agent, seeing which is loaded, and going back when one does not load."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from assistant.agents.generation import Agent
from assistant.commands.shelf import Shelf
from assistant.errors import ModelFileError
from assistant.llm.files.manifest import models_folder
from assistant.paths import Paths
from assistant.tui.modeling.shelf import Addition
from assistant.tui.widgets.models.details import ModelDetails
from assistant.tui.widgets.models.list import ModelList
from tests.scripted import Breaks, ScriptedGenerator
from tests.tui.driving import say, screen_text, sees, until
from tests.tui.models_driving import Engines, app_with_shelf, in_models, loaded, offer_only, point_at

pytestmark = pytest.mark.asyncio
STARTER = models_folder() / "recollect-starter.gguf"
BROKEN = ModelFileError("The model cannot be loaded: no memory.", "Take a smaller one.")


@pytest.fixture(autouse=True)
def empty_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_only(monkeypatch)


def with_another(data: Path, *, name: str = "other", **options: object) -> Path:
    """A second model in the list, whose file lies elsewhere."""
    paths = Paths(data)
    paths.create()
    file = data / f"{name}.gguf"
    shutil.copy(STARTER, file)
    addition = Addition(str(file), name=name, **options)  # type: ignore[arg-type]
    Shelf(paths).add(addition, lambda *_: None, threading.Event())
    return file


def with_a_server(data: Path, address: str) -> None:
    paths = Paths(data)
    paths.create()
    Shelf(paths).add(Addition(address, model="qwen3:4b"), lambda *_: None, threading.Event())


async def test_the_list_says_what_each_model_is_and_takes(tmp_path: Path) -> None:
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await sees(pilot, "● ready · recollect-starter serves both agents")
        await sees(pilot, "▸ ● recollect-starter     11.2 MB   324 MB  fits       both agents")
        text = screen_text(pilot)
        for said in ("11.2 MB; 10 M weights, Q8_0", "1,024 tokens", "this: trained for both tasks", "Apache-2.0"):
            assert said in text
        assert "not measured yet" in text


@pytest.mark.parametrize(
    ("key", "chosen", "said"),
    [
        ("enter", ["other", "other"], "other serves both agents"),
        ("u", ["other", "other"], "other serves both agents"),
        ("m", ["other", "recollect-starter"], "Memory Manager: other · Answer Agent: recollect-starter"),
        ("a", ["recollect-starter", "other"], "Memory Manager: recollect-starter · Answer Agent: other"),
    ],
)
async def test_a_key_gives_a_model_to_both_agents_or_to_one(
    tmp_path: Path, key: str, chosen: list[str], said: str
) -> None:
    with_another(tmp_path)
    engines = Engines(tmp_path)
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        await point_at(pilot, "other")
        await pilot.press(key)
        await loaded(pilot, engines, chosen)
        await sees(pilot, f"● ready · {said}")
        assert engines.engines[0].closed.is_set()
        assert not engines.engines[-1].closed.is_set()
        await pilot.press("f2")
        await sees(pilot, "● ready")


async def test_a_click_points_and_a_double_click_chooses(tmp_path: Path) -> None:
    with_another(tmp_path)
    engines = Engines(tmp_path)
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        row = next(n for n, line in enumerate(screen_text(pilot).splitlines()) if "other" in line)
        await pilot.click(offset=(8, row))
        await until(pilot, lambda: pilot.app.screen.query_one(ModelList).model.name == "other")  # type: ignore[union-attr]
        assert len(engines.made) == 1
        await pilot.click(offset=(8, row), times=2)
        await loaded(pilot, engines, ["other", "other"])


async def test_both_screens_say_which_model_is_being_loaded(tmp_path: Path) -> None:
    with_another(tmp_path)
    engines = Engines(tmp_path)
    engines.slow = {"other"}
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        await point_at(pilot, "other")
        await pilot.press("u")
        await sees(pilot, "○ loading other · other serves both agents")
        await pilot.press("f2")
        await sees(pilot, "○ loading other")
        engines.loading.set()
        await sees(pilot, "● ready")
        await pilot.press("f4")
        await sees(pilot, "● ready · other serves both agents")


async def test_a_model_that_takes_long_to_load_can_be_left_for_another(tmp_path: Path) -> None:
    with_another(tmp_path)
    engines = Engines(tmp_path)
    engines.slow = {"other"}
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        await point_at(pilot, "other")
        await pilot.press("u")
        await sees(pilot, "○ loading other")
        await pilot.press("ctrl+z")
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        await sees(pilot, "● ready · recollect-starter serves both agents")
        assert engines.engines[1].closed.is_set()
        await pilot.press("f2")
        await sees(pilot, "● ready")
        assert "has been closed" not in screen_text(pilot), "what was left is no failure"


async def test_a_model_that_does_not_load_says_why_and_the_former_one_comes_back(tmp_path: Path) -> None:
    with_another(tmp_path)
    engines = Engines(tmp_path)
    engines.cannot_load = {"other": BROKEN}
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        await point_at(pilot, "other")
        await pilot.press("m")
        await sees(pilot, "✗ could not be loaded · ^z goes back to recollect-starter")
        await sees(pilot, "✗ The model cannot be loaded: no memory. Take a smaller one.")
        await pilot.press("ctrl+z")
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        await sees(pilot, "● ready · recollect-starter serves both agents")


async def test_a_running_answer_ends_before_the_model_is_changed(tmp_path: Path) -> None:
    with_another(tmp_path)
    engines = Engines(tmp_path)
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await sees(pilot, "● ready")
        engines.engines[0]._pause_after = 2
        await say(pilot, "Are you there?")
        await until(pilot, lambda: len(engines.script.calls) == 1)
        await in_models(pilot)
        await point_at(pilot, "other")
        await pilot.press("u")
        await sees(pilot, "other serves both agents")
        assert not engines.engines[0].closed.is_set()
        engines.engines[0].go.set()
        await loaded(pilot, engines, ["other", "other"])
        await pilot.press("f2")
        await sees(pilot, "Hello.")


async def test_search_by_meaning_goes_on_with_the_new_process(tmp_path: Path) -> None:
    with_another(tmp_path)
    engines = Engines(tmp_path)
    app = app_with_shelf(tmp_path, engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        assert app.backstage.at_hand.bank.embedder is engines.engines[0]
        await point_at(pilot, "other")
        await pilot.press("u")
        await loaded(pilot, engines, ["other", "other"])
        assert app.backstage.at_hand.bank.embedder is engines.engines[1]


async def test_a_model_for_one_agent_is_not_given_to_the_other(tmp_path: Path) -> None:
    with_another(tmp_path, agents=(Agent.MANAGER,))
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "other")
        await pilot.press("a")
        await sees(pilot, "✗ other is not for the Answer Agent. Choose another for that one.")


async def test_what_goes_to_a_server_elsewhere_is_asked_first(tmp_path: Path) -> None:
    with_a_server(tmp_path, "https://models.example.org/v1")
    engines = Engines(tmp_path)
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await sees(pilot, "on models.example.org, elsewhere")
        await point_at(pilot, "qwen3-4b")
        await sees(pilot, "elsewhere, over https")
        await pilot.press("a")
        await sees(pilot, "What the Answer Agent is asked goes to")
        await sees(pilot, "https://models.example.org/v1: messages, and memories on offer.")
        await pilot.press("n")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert len(engines.made) == 1
        await pilot.press("a", "y")
        await loaded(pilot, engines, ["recollect-starter", "qwen3-4b"])


async def test_a_model_that_was_deleted_says_so_and_the_app_does_not_break(tmp_path: Path) -> None:
    with_another(tmp_path).unlink()
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "other")
        await sees(pilot, "✗ other")
        await pilot.press("u")
        await sees(pilot, "other.gguf is missing.")


async def test_the_model_that_the_environment_names_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = with_another(tmp_path, name="named")
    monkeypatch.setenv("RECOLLECT_MODEL", str(file))
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await sees(pilot, "named serves both agents")
        await point_at(pilot, "recollect-starter")
        await pilot.press("u")
        await sees(pilot, "✗ RECOLLECT_MODEL names the model of both agents.")


async def test_removing_asks_and_the_agents_fall_back_to_what_came_along(tmp_path: Path) -> None:
    file = with_another(tmp_path)
    engines = Engines(tmp_path)
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "other")
        await pilot.press("u")
        await loaded(pilot, engines, ["other", "other"])
        await sees(pilot, "● ready · other serves both agents")
        await pilot.press("x")
        await sees(pilot, "Both agents will use what came with Recollect.")
        await pilot.press("enter")  # The button that has the focus leaves it.
        await sees(pilot, "● ready · other serves both agents")
        await pilot.press("x", "y")
        await loaded(pilot, engines, ["recollect-starter"] * 2)
        await sees(pilot, "other is off the list.")
        assert file.exists()


async def test_what_came_with_recollect_cannot_be_removed(tmp_path: Path) -> None:
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "recollect-starter")
        await pilot.press("x")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_verify_finds_damage(tmp_path: Path) -> None:
    file = with_another(tmp_path)
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await point_at(pilot, "other")
        await pilot.press("v")
        await sees(pilot, "other is whole.")
        file.write_bytes(file.read_bytes()[:-1] + b"\x01")
        await pilot.press("v")
        await until(pilot, lambda: "damaged: its SHA-256" in " ".join(screen_text(pilot).split()))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_names_with_control_characters_and_brackets_are_shown_as_they_are(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    folder = tmp_path / "[red]\x1b[31m"
    folder.mkdir()
    with_another(tmp_path)
    shutil.move(tmp_path / "other.gguf", folder / "other.gguf")
    paths = Paths(tmp_path)
    Shelf(paths).add(Addition(str(folder / "other.gguf"), name="other"), lambda *_: None, threading.Event())
    async with app_with_shelf(tmp_path).run_test(size=size) as pilot:
        await in_models(pilot)
        await point_at(pilot, "other")
        details = pilot.app.screen.query_one(ModelDetails)
        details.scroll_end(animate=False)
        await until(pilot, lambda: "[red]�[31m/other.gguf" in "".join(screen_text(pilot).replace("│", "").split()))


async def test_an_answer_that_breaks_does_not_keep_a_model_from_being_changed(tmp_path: Path) -> None:
    with_another(tmp_path)
    engines = Engines(tmp_path)
    engines.script = ScriptedGenerator(answer=[Breaks("Memories", BROKEN)], default_manager="NOOP")
    async with app_with_shelf(tmp_path, engines).run_test(size=(120, 40)) as pilot:
        await sees(pilot, "● ready")
        await say(pilot, "Hello?")
        await sees(pilot, "no memory")
        await in_models(pilot)
        await point_at(pilot, "other")
        await pilot.press("u")
        await loaded(pilot, engines, ["other", "other"])
