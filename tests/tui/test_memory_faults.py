"""The bank fails under somebody's hands, and the screen stays usable."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import DatabaseBusy, DiskFull
from assistant.memory.bank import MemoryBank
from tests.tui.driving import screen_text, sees
from tests.tui.memory_screen import FACTS, active, memory_mode, remember

pytestmark = pytest.mark.asyncio


def fails(error: Exception) -> object:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


async def test_a_change_that_cannot_be_written_is_reported_and_can_be_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        with monkeypatch.context() as patch:
            patch.setattr(MemoryBank, "forget", fails(DiskFull("The disk is full.", "Make room.")))
            await pilot.press("f")
            await sees(pilot, "✗ The disk is full. Make room.")
        assert active(tmp_path) == list(FACTS)
        await pilot.press("f")
        await sees(pilot, "✓ Forgot: User likes genmaicha tea.")


async def test_a_list_that_cannot_be_read_is_reported_and_what_stands_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(tmp_path, *FACTS)
    busy = fails(DatabaseBusy("Another program has the memories.", "Try again."))
    async with memory_mode(tmp_path) as pilot:
        with monkeypatch.context() as patch:
            for reading in ("memory_rows", "history", "proposals", "timeline", "search"):
                patch.setattr(MemoryBank, reading, busy)
            await pilot.press("down")
            await sees(pilot, "✗ Another program has the memories. Try again.")
            await pilot.press("v")
            await pilot.press("slash", *"tea", "enter")
            await sees(pilot, "▸   User likes genmaicha tea.")
            await pilot.press("i", "t", "escape", "escape")
            await sees(pilot, "▸ Memories")
        await pilot.press("v")
        await sees(pilot, "3 memories")
        assert "▸   User likes genmaicha tea." in screen_text(pilot)


async def test_a_bank_that_does_not_open_is_reported_here_as_well(tmp_path: Path) -> None:
    (tmp_path / "recollect.db").write_bytes(b"this is no database, but it is long enough to be taken for one" * 20)
    from tests.scripted import ScriptedGenerator
    from tests.tui.driving import ScriptedEngine, app_with

    engine = ScriptedEngine(ScriptedGenerator(default_manager="NOOP"))
    async with app_with(tmp_path, engine).run_test(size=(120, 40)) as pilot:
        await pilot.press("f3")
        await sees(pilot, "✗ ")
        await pilot.press("i", "t", "p", "u", "escape")
        await sees(pilot, "▸ Memories")
