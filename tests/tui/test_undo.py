"""Somebody takes back what was remembered, and it is really taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.memory.bank import MemoryBank
from assistant.tui.widgets.chat.composer import Composer
from assistant.tui.widgets.chat.receipt import Receipt
from tests.scripted import ScriptedGenerator, cites, updates
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio


def dogs() -> ScriptedEngine:
    answers = ["Memories: none\nAnswer: Welcome, Buddy.", cites(1, answer="Welcome, Scout.")]
    decisions = ["ADD: User has a dog named Buddy.", updates(1, "User has two dogs named Buddy and Scout.")]
    return ScriptedEngine(ScriptedGenerator(answer=answers, manager=decisions, default_manager="NOOP"))


def remembered(data: Path) -> list[str]:
    with MemoryBank.open(data / "recollect.db") as bank:
        return [memory.text for memory in bank.memories()]


async def adopt_two_dogs(pilot: Pilot[None]) -> None:
    await say(pilot, "I adopted a dog named Buddy.")
    await sees(pilot, "remembered: User has a dog named Buddy.")
    await say(pilot, "I adopted another dog, Scout.")
    await sees(pilot, "updated: User has a dog named Buddy. → User has two dogs")


async def test_ctrl_z_gives_back_buddy_alone_and_then_nothing(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await adopt_two_dogs(pilot)
        await pilot.press("ctrl+z")
        await sees(pilot, "changed back: User has two dogs named Buddy and Scout. → User has a dog named Buddy.")
        assert remembered(tmp_path) == ["User has a dog named Buddy."]
        await pilot.press("ctrl+z")
        await sees(pilot, "taken back: User has a dog named Buddy. · redo")
        assert remembered(tmp_path) == []


async def test_ctrl_y_does_again_what_was_undone_last(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await adopt_two_dogs(pilot)
        await pilot.press("ctrl+z", "ctrl+y")
        await sees(pilot, "updated: User has a dog named Buddy. → User has two dogs named Buddy and Scout. · undo")
        assert remembered(tmp_path) == ["User has two dogs named Buddy and Scout."]
        await pilot.press("ctrl+y")
        await sees(pilot, "There is nothing to redo.")


async def test_two_undos_of_one_memory_are_redone_one_after_the_other(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await adopt_two_dogs(pilot)
        await pilot.press("ctrl+z", "ctrl+z")
        await sees(pilot, "taken back: User has a dog named Buddy. · redo")
        await pilot.press("ctrl+y")
        await sees(pilot, "remembered: User has a dog named Buddy. · undo")
        await pilot.press("ctrl+y")
        await sees(pilot, "updated: User has a dog named Buddy. → User has two dogs named Buddy and Scout. · undo")
        assert remembered(tmp_path) == ["User has two dogs named Buddy and Scout."]


async def test_a_click_on_undo_undoes_that_line_and_a_click_beside_it_does_not(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "remembered: User has a dog named Buddy. · undo")
        line = "remembered: User has a dog named Buddy. · "
        await pilot.click(Receipt, offset=(5, 0))
        await pilot.pause(0.1)
        assert remembered(tmp_path) == ["User has a dog named Buddy."]
        await pilot.click(Receipt, offset=(2 + len(line) + 1, 0))
        await sees(pilot, "taken back: User has a dog named Buddy. · redo")
        assert remembered(tmp_path) == []


async def test_tab_and_enter_reach_undo_without_a_mouse(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "· undo")
        await pilot.press("shift+tab", "enter")
        await sees(pilot, "taken back: User has a dog named Buddy. · redo")
        await pilot.press("enter")
        await sees(pilot, "remembered: User has a dog named Buddy. · [undo] · edit")
        assert remembered(tmp_path) == ["User has a dog named Buddy."]


async def test_ctrl_z_undoes_typing_before_it_undoes_a_memory(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "· undo")
        await pilot.press(*"oops")
        await pilot.press("ctrl+z")
        composer = pilot.app.screen.query_one(Composer)
        await until(pilot, lambda: composer.text == "")
        assert remembered(tmp_path) == ["User has a dog named Buddy."]
        await pilot.press("ctrl+z")
        await sees(pilot, "taken back: ")


async def test_an_undo_that_cannot_be_done_says_why_and_changes_nothing(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await adopt_two_dogs(pilot)
        pilot.app.screen.query(Receipt).first().focus()
        await pilot.press("enter")
        await sees(pilot, "cannot be undone: memory 1 has changed since. Undo the later change first.")
        assert remembered(tmp_path) == ["User has two dogs named Buddy and Scout."]


async def test_undo_with_nothing_to_undo_says_so(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "ready")
        await pilot.press("ctrl+z")
        await sees(pilot, "There is nothing to undo.")


async def test_after_a_restart_everything_stands_where_it_stood_and_can_be_undone(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await adopt_two_dogs(pilot)
        before = screen_text(pilot).partition("╭")[0]
    async with app_with(tmp_path, dogs()).run_test(size=(120, 40)) as pilot:
        await sees(pilot, "updated: ")
        assert screen_text(pilot).partition("╭")[0] == before
        await pilot.press("ctrl+z")
        await sees(pilot, "changed back: ")
        assert remembered(tmp_path) == ["User has a dog named Buddy."]
