"""The form that adds a file at hand or a server: the same as `recollect models add`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from textual.widgets import Input

from assistant.agents.generation import Agent
from assistant.llm.files.installed import InstalledModels
from assistant.llm.files.manifest import ModelFile, ServerModel, models_folder
from assistant.llm.servers.address import ServerAddress, Structure
from assistant.paths import Paths
from tests.tui.driving import screen_text, sees, until
from tests.tui.models_driving import app_with_shelf, in_models, offer_only

pytestmark = pytest.mark.asyncio
STARTER = models_folder() / "recollect-starter.gguf"


@pytest.fixture(autouse=True)
def empty_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_only(monkeypatch)


async def test_a_file_is_added_with_its_options(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    shutil.copy(STARTER, file)
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await pilot.press("plus")
        pilot.app.screen.query_one("#source", Input).value = str(file)
        await sees(pilot, "The file stays where it is. It is read once, for its checksum.")
        assert "Model there" not in screen_text(pilot)
        await pilot.press("tab", *"my-own", "tab", "tab", *"512", "enter")
        await sees(pilot, "my-own is in the list. u lets both agents use it.")
        await sees(pilot, "▸   my-own")
    added = InstalledModels.read(Paths(tmp_path)).named("my-own")
    assert isinstance(added, ModelFile)
    assert (added.path, added.context, added.agents) == (file, 512, tuple(Agent))


async def test_a_server_is_added_with_its_options_and_asked_nothing(tmp_path: Path) -> None:
    async with app_with_shelf(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_models(pilot)
        await pilot.press("plus", *"http://localhost:11434/v1")
        await sees(pilot, "Nothing is sent there before you choose the model.")
        await pilot.press("enter")
        await sees(pilot, "✗ Say what the server calls the model.")
        pilot.app.screen.query_one("#field-model Input", Input).value = "qwen3:4b"
        pilot.app.screen.query_one("#field-key Input", Input).value = "MY_KEY"
        await pilot.press("enter")
        await sees(pilot, "▸   qwen3-4b               on localhost:11434")
        await sees(pilot, "http://localhost:11434/v1, in your own network")
    added = InstalledModels.read(Paths(tmp_path)).named("qwen3-4b")
    assert isinstance(added, ServerModel)
    assert added.address == ServerAddress("http://localhost:11434/v1", "qwen3:4b", "MY_KEY", Structure.AUTO, 8192)


async def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    async with app_with_shelf(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_models(pilot)
        await pilot.press("plus")
        pilot.app.screen.query_one("#source", Input).value = str(tmp_path / "none.gguf")
        await pilot.press("enter")
        await until(pilot, lambda: "✗ The model file" in screen_text(pilot))
        await pilot.press("plus", "escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
