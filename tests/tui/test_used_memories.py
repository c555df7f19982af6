"""Under an answer stand the memories it used, and each can be traced, corrected and kept out of answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.memory.bank import FeedbackKind, MemoryBank, MemoryStatus
from assistant.tui.widgets.chat.used import UsedMemory
from tests.scripted import ScriptedGenerator, cites
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio


def engine() -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedGenerator(
            answer=["Memories: none\nAnswer: Hello, Buddy.", cites(1, answer="Buddy.")],
            manager=["ADD: User has a dog named Buddy."],
            default_answer="Memories: none\nAnswer: I do not know.",
            default_manager="NOOP",
        )
    )


async def ask(pilot: Pilot[None]) -> None:
    """Tells of Buddy, asks for him, and unfolds what the answer used."""
    await say(pilot, "I adopted a dog named Buddy.")
    await sees(pilot, "remembered: ")
    await say(pilot, "What is my dog called?")
    await sees(pilot, "▸ 1 memory used")
    await pilot.press("ctrl+o")
    await sees(pilot, "1. User has a dog named Buddy.")
    pilot.app.screen.query_one(UsedMemory).focus()


async def choose(pilot: Pilot[None], action: str) -> None:
    """Goes to the right until `action` is at hand, and takes it."""
    while f"[{action}]" not in screen_text(pilot):
        await pilot.press("right")
    await pilot.press("enter")


async def test_the_source_is_shown_in_its_place(tmp_path: Path) -> None:
    async with app_with(tmp_path, engine()).run_test(size=(96, 30)) as pilot:
        await ask(pilot)
        await say(pilot, "Thanks.")
        await sees(pilot, "I do not know.")
        pilot.app.screen.query_one(UsedMemory).focus()
        await choose(pilot, "source")
        await sees(pilot, "▌ I adopted a dog named Buddy.")


async def test_what_is_wrong_is_forgotten_and_does_not_come_back(tmp_path: Path) -> None:
    async with app_with(tmp_path, engine()).run_test(size=(120, 30)) as pilot:
        await ask(pilot)
        await choose(pilot, "wrong")
        await sees(pilot, "(forgotten since)")
        await sees(pilot, "Forgotten, as it is wrong; it will not come back.")
        await pilot.press("ctrl+z")
        await sees(pilot, "brought back: User has a dog named Buddy.")
        await until(pilot, lambda: "(forgotten since)" not in screen_text(pilot))
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        [feedback] = bank.feedback()
        assert (feedback.kind, feedback.memory_id, bank.message(feedback.message_id or 0).text) == (
            FeedbackKind.WRONG, 1, "Buddy.",
        )  # fmt: skip


async def test_what_holds_no_longer_is_closed(tmp_path: Path) -> None:
    async with app_with(tmp_path, engine()).run_test(size=(96, 30)) as pilot:
        await ask(pilot)
        await choose(pilot, "outdated")
        await sees(pilot, "(retired since)")
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert bank.memory(1).status is MemoryStatus.RETIRED


async def test_a_memory_never_to_be_used_is_kept_and_offered_to_no_answer(tmp_path: Path) -> None:
    model = engine()
    async with app_with(tmp_path, model).run_test(size=(96, 30)) as pilot:
        await ask(pilot)
        await choose(pilot, "never use")
        await sees(pilot, "(never used again)")
        await say(pilot, "And what is my dog called now?")
        await sees(pilot, "I do not know.")
        assert not any("User has a dog" in call.question for call in model.script.calls[-1:])
        pilot.app.screen.query_one(UsedMemory).focus()
        await choose(pilot, "use again")
        await until(pilot, lambda: "(never used again)" not in screen_text(pilot))
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert [memory.text for memory in bank.memories()] == ["User has a dog named Buddy."]


async def test_it_can_be_put_differently_from_under_the_answer_and_from_its_receipt(tmp_path: Path) -> None:
    async with app_with(tmp_path, engine()).run_test(size=(120, 30)) as pilot:
        await ask(pilot)
        await choose(pilot, "edit")
        await sees(pilot, "Edit this memory")
        await pilot.press("backspace", *" of five.", "enter")
        await sees(pilot, "(now: User has a dog named Buddy of five.)")
        await pilot.press("ctrl+z")
        await sees(pilot, "changed back: ")
        await until(pilot, lambda: "(now: " not in screen_text(pilot))
        pilot.app.screen.query("Receipt").first().focus()
        await choose(pilot, "edit")
        await sees(pilot, "Edit this memory")
        await pilot.press("backspace", *" of six.", "enter")
        await sees(pilot, "updated: User has a dog named Buddy. → User has a dog named Buddy of six.")


async def test_who_wants_them_open_sees_them_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('show_memories = "open"\n')
    async with app_with(tmp_path, engine()).run_test(size=(96, 30)) as pilot:
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "remembered: ")
        await say(pilot, "What is my dog called?")
        await sees(pilot, "▾ 1 memory used\n      1. User has a dog named Buddy.")
