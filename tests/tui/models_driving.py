"""What stories about the Models mode need: an app with a real shelf, a small catalogue, and engines that say who
loaded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.agents.generation import Agent
from assistant.commands import fetching
from assistant.commands.shelf import Shelf
from assistant.errors import EngineError
from assistant.llm.files import catalogue
from assistant.llm.files.catalogue import Offer
from assistant.llm.files.installed import InstalledModels
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.screens.models import ModelsScreen
from assistant.tui.widgets.models.list import ModelList
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, sees, until


class ClosingEngine(ScriptedEngine):
    """Ends the wait for it as a real one does when it is closed: with an error."""

    def ready(self, timeout: float | None = None) -> None:
        super().ready(timeout)
        if self.closed.is_set():
            raise EngineError("The model process has been closed.", "Start the app again.")


class Engines:
    """Makes an engine each time one is asked for, and keeps which models were chosen then.

    `cannot_load` are names of models whose engine fails to load; `loading` is waited for by those named in `slow`.
    """

    def __init__(self, data: Path) -> None:
        self.paths = Paths(data)
        self.made: list[dict[Agent, str]] = []
        self.engines: list[ScriptedEngine] = []
        self.cannot_load: dict[str, Exception] = {}
        self.slow: set[str] = set()
        self.loading = threading.Event()
        self.script = ScriptedGenerator(default_answer="Memories: none\nAnswer: Hello.", default_manager="NOOP")

    def make(self) -> ScriptedEngine:
        installed = InstalledModels.read(self.paths)
        chosen = {agent: installed.chosen(agent).name for agent in Agent}
        error = next((self.cannot_load[name] for name in chosen.values() if name in self.cannot_load), None)
        waits = self.loading if self.slow & set(chosen.values()) else None
        self.made.append(chosen)
        self.engines.append(ClosingEngine(self.script, load_error=error, loading=waits))
        return self.engines[-1]


def app_with_shelf(data: Path, engines: Engines | None = None) -> RecollectApp:
    paths = Paths(data)
    paths.create()
    make = (engines or Engines(data)).make
    return RecollectApp(make, lambda embedder: MemoryBank.open(paths, embedder), paths, shelf=Shelf(paths))


def offer_only(monkeypatch: pytest.MonkeyPatch, *offers: Offer) -> None:
    """Has the catalogue offer these and no others."""
    for module in (fetching, catalogue):
        monkeypatch.setattr(module, "read_catalogue", lambda _: offers)


def offer(name: str, url: str, size: int, sha256: str | None = None) -> Offer:
    return Offer(name, "Qwen", 1_000_000, f"{name}.gguf", url, size, "Apache-2.0", 512, 1000, sha256=sha256)


async def in_models(pilot: Pilot[None]) -> ModelsScreen:
    """Goes to the Models mode and waits until it shows what is there."""
    await pilot.press("f4")
    await sees(pilot, "On this machine")
    screen = pilot.app.screen
    assert isinstance(screen, ModelsScreen)
    return screen


async def point_at(pilot: Pilot[None], name: str) -> None:
    """Points at the model of that name, as one does with the arrow keys."""
    models = pilot.app.screen.query_one(ModelList)
    for _ in range(40):
        if models.model is not None and models.model.name == name:
            return
        await pilot.press("down")
    raise AssertionError(f"no model is called {name}")


async def loaded(pilot: Pilot[None], engines: Engines, chosen: Sequence[str]) -> None:
    """Waits until an engine with those models, the manager's first, is the one that is ready."""
    app = pilot.app
    assert isinstance(app, RecollectApp)
    await until(
        pilot,
        lambda: [*engines.made[-1].values()] == [*chosen] and app.backstage.at_hand.loaded,
    )
