"""What stories about the Settings mode need: an app that can check itself, and the way to a row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from assistant.commands.shelf import Shelf
from assistant.findings import Finding
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.screens.settings import SettingsScreen
from assistant.tui.widgets.settings.rows import Row
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, until

QUIET = {"default_answer": "Memories: none\nAnswer: Hello.", "default_manager": "NOOP"}


def settings_app(
    data: Path, script: ScriptedGenerator | None = None, examine: Callable[[bool], list[Finding]] | None = None
) -> RecollectApp:
    paths = Paths(data)
    paths.create()
    engine = ScriptedEngine(script or ScriptedGenerator(**QUIET))  # type: ignore[arg-type]
    return RecollectApp(
        lambda: engine, lambda embedder: MemoryBank.open(paths, embedder), paths, shelf=Shelf(paths), examine=examine
    )


async def in_settings(pilot: Pilot[None]) -> SettingsScreen:
    """Goes to the Settings mode and waits until it shows what the bank says, and the model is loaded."""
    app = pilot.app
    assert isinstance(app, RecollectApp)
    await until(pilot, lambda: app.current_mode == "CHAT" and app.backstage.at_hand.loaded)
    await pilot.press("f6")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.row("inbox") is not None)
    assert isinstance(app.screen, SettingsScreen)
    return app.screen


async def point_at(pilot: Pilot[None], key: str) -> None:
    """Has that row at hand, as the arrow keys do."""
    screen = pilot.app.screen
    assert isinstance(screen, SettingsScreen)
    screen.settings_list.point_at(key)
    await pilot.pause()


def row(pilot: Pilot[None], key: str) -> Row:
    """The row as it is shown."""
    screen = pilot.app.screen
    assert isinstance(screen, SettingsScreen)
    found = screen.row(key)
    assert found is not None
    return found
