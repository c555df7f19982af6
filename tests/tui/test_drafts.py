"""What is typed and not sent is there again, wherever one has been meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank
from assistant.tui.widgets.chat.composer import Composer
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, sees, until

pytestmark = pytest.mark.asyncio


def nodding() -> ScriptedEngine:
    return ScriptedEngine(ScriptedGenerator(default_answer="Memories: none\nAnswer: I see.", default_manager="NOOP"))


async def test_a_draft_is_there_after_a_restart_and_gone_once_it_is_sent(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "ready")
        await pilot.press(*"half a th")
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "half a th")
        await pilot.press(*"ought", "enter")
        await sees(pilot, "I see.")
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "I see.")
        assert pilot.app.screen.query_one(Composer).text == ""


async def test_a_draft_is_kept_while_one_still_types(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "ready")
        await pilot.press(*"half")
        with MemoryBank.open(tmp_path / "recollect.db") as other:
            await until(pilot, lambda: other.draft(None) == "half")


async def test_each_conversation_has_its_own_draft(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await say(pilot, "One.")
        await sees(pilot, "I see.")
        await pilot.press(*"first", "ctrl+n")
        composer = pilot.app.screen.query_one(Composer)
        await until(pilot, lambda: composer.text == "")
        await pilot.press(*"second", "ctrl+b")
        await sees(pilot, "2 messages")
        await pilot.press("enter")
        await until(pilot, lambda: composer.text == "first")
