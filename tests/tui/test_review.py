"""What the model is not sure of is asked about instead of remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.agents.generation import Completion, FinishReason, ModelTraits
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.widgets.chat.receipt import Receipt
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, say, sees

pytestmark = pytest.mark.asyncio
HELD = "held (the model was not sure), remember: User has a dog named Buddy. · do it"
UNSURE = Completion("ADD: User has a dog named Buddy.", FinishReason.STOP, confidence=0.8)


def app(data: Path) -> RecollectApp:
    engine = ScriptedEngine(
        ScriptedGenerator(default_answer="Memories: none\nAnswer: Nice.", default_manager=UNSURE),
        traits=ModelTraits(least_confidence=0.9),
    )
    return RecollectApp(
        lambda: engine,
        lambda embedder: MemoryBank.open(data / "recollect.db", embedder),
        Paths(data),
    )


def remembered(data: Path) -> list[str]:
    with MemoryBank.open(data / "recollect.db") as bank:
        return [memory.text for memory in bank.memories()]


async def test_it_is_done_when_asked_for_and_can_be_undone(tmp_path: Path) -> None:
    async with app(tmp_path).run_test(size=(120, 40)) as pilot:
        await say(pilot, "Buddy barks at the postman.")
        await sees(pilot, HELD)
        assert remembered(tmp_path) == []
        pilot.app.screen.query_one(Receipt).focus()
        await pilot.press("enter")
        await sees(pilot, "remembered: User has a dog named Buddy. · undo")
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert remembered(tmp_path) == ["User has a dog named Buddy."]
        await pilot.press("ctrl+z")
        await sees(pilot, "taken back: User has a dog named Buddy. · redo")
        assert remembered(tmp_path) == []


async def test_after_a_restart_it_can_still_be_done_and_stands_there_once(tmp_path: Path) -> None:
    async with app(tmp_path).run_test(size=(120, 40)) as pilot:
        await say(pilot, "Buddy barks at the postman.")
        await sees(pilot, "· do it")
    async with app(tmp_path).run_test(size=(120, 40)) as pilot:
        await sees(pilot, "· do it")
        await pilot.click(Receipt, offset=(2 + len(HELD) - len("do it") + 1, 0))
        await sees(pilot, "remembered: User has a dog named Buddy. · undo")
    async with app(tmp_path).run_test(size=(120, 40)) as pilot:
        await sees(pilot, "remembered: User has a dog named Buddy. · undo")
        assert len(pilot.app.screen.query(Receipt)) == 1
