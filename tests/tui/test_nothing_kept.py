"""Somebody wants a conversation of which nothing is kept, or nothing to be remembered for a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio


def engine() -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedGenerator(
            default_answer="Memories: none\nAnswer: I see.", default_manager="ADD: User has a dog named Buddy."
        )
    )


async def test_of_a_temporary_conversation_nothing_is_on_the_disk_and_nothing_remembered(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.add("User plays the cello.")
    model = engine()
    async with app_with(tmp_path, model).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "ready")
        await say(pilot, "/temp")
        await sees(pilot, "temporary: nothing of this is kept")
        await say(pilot, "I adopted a dog, Xanthippe.")
        await sees(pilot, "I see.")
        await sees(pilot, "temporary")
        assert "cello" not in model.script.calls[-1].question
        await say(pilot, "/temp")
        await until(pilot, lambda: "temporary" not in screen_text(pilot))
        assert "Xanthippe" not in screen_text(pilot)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"Xanthippe" not in file.read_bytes(), file
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert ([memory.text for memory in bank.memories()], bank.conversations()) == (["User plays the cello."], [])


async def test_while_remembering_is_paused_it_says_so_and_what_is_said_then_is_never_read(tmp_path: Path) -> None:
    async with app_with(tmp_path, engine()).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "ready")
        await say(pilot, "/pause")
        await sees(pilot, "remembering is paused")
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "I see.")
        assert "remembering is paused" in screen_text(pilot)
    async with app_with(tmp_path, engine()).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "remembering is paused")
        await say(pilot, "/pause")
        await until(pilot, lambda: "remembering is paused" not in screen_text(pilot))
        await pilot.pause(0.3)
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert (bank.memories(), bank.pending_jobs()) == ([], 0)
