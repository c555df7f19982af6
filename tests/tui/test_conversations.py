"""Somebody goes from one conversation to another, looks through all of them, and puts them in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank
from assistant.tui.screens.chat import ChatScreen
from assistant.tui.widgets.chat.composer import Composer
from assistant.tui.widgets.chat.conversations import Conversations
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio


def nodding() -> ScriptedEngine:
    return ScriptedEngine(ScriptedGenerator(default_answer="Memories: none\nAnswer: I see.", default_manager="NOOP"))


def fill(data: Path) -> None:
    """Two conversations: one about a boat, one about bread."""
    with MemoryBank.open(data / "recollect.db") as bank:
        boat = bank.new_conversation("The boat")
        bank.add_message(boat.id, "user", "I have a boat called Selkie.")
        bank.add_message(boat.id, "assistant", "A fine name.")
        for number in range(60):
            bank.add_message(boat.id, "user", f"Day {number} at sea.")
            bank.add_message(boat.id, "assistant", f"Day {number} noted.")
        bread = bank.new_conversation("Bread")
        bank.add_message(bread.id, "user", "My sourdough does not rise.")
        bank.add_message(bread.id, "assistant", "Is the kitchen warm?")


async def test_all_conversations_are_listed_the_last_one_first_and_one_goes_to_another(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_with(tmp_path, nodding()).run_test(size=(120, 30)) as pilot:
        await sees(pilot, "Is the kitchen warm?")
        await pilot.press("ctrl+b")
        await sees(pilot, "▸ Bread")
        lines = [line[:36] for line in screen_text(pilot).splitlines()]
        assert next(i for i, line in enumerate(lines) if "Bread" in line) < next(
            i for i, line in enumerate(lines) if "The boat" in line
        )
        await pilot.press("down", "enter")
        await sees(pilot, "Day 59 noted.")
        await pilot.press("escape")
        await say(pilot, "And home again.")
        await sees(pilot, "I see.")
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert bank.message(bank.conversation(1).head_id or 0).text == "I see."


async def test_what_was_said_long_ago_is_found_and_shown_in_its_place(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_with(tmp_path, nodding()).run_test(size=(120, 30)) as pilot:
        await sees(pilot, "Is the kitchen warm?")
        await pilot.press("ctrl+b")
        await pilot.press(*"selk")
        await sees(pilot, "I have a boat called Selkie.")
        await pilot.press("enter")
        await sees(pilot, "▌ I have a boat called Selkie.")
        assert "Day 59" not in screen_text(pilot)
        await sees(pilot, "Day 3 at sea.")


async def test_nothing_found_says_so(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_with(tmp_path, nodding()).run_test(size=(120, 30)) as pilot:
        await pilot.press("ctrl+b")
        await pilot.press(*"xylophone")
        await sees(pilot, "Nothing found.")


async def test_on_a_narrow_screen_the_list_takes_the_place_of_the_chat(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "Is the kitchen warm?")
        await pilot.press("ctrl+b")
        await sees(pilot, "The boat")
        await until(pilot, lambda: "My sourdough does not rise." not in screen_text(pilot))
        await pilot.press("escape")
        await sees(pilot, "My sourdough does not rise.")
        assert pilot.app.screen.query_one(Composer).has_focus


async def test_a_conversation_is_renamed_and_removed_for_good(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_with(tmp_path, nodding()).run_test(size=(120, 30)) as pilot:
        await sees(pilot, "Is the kitchen warm?")
        await pilot.press("ctrl+b")
        await sees(pilot, "▸ Bread")
        await pilot.press("ctrl+r")
        await sees(pilot, "Rename")
        await pilot.press("end", *" rises", "enter")
        await sees(pilot, "Bread rises")
        pilot.app.screen.query_one(Conversations)
        await pilot.press("ctrl+d")
        await sees(pilot, "Remove this conversation?")
        await pilot.press("enter")
        await sees(pilot, "Removed.")
        await until(pilot, lambda: "Bread" not in screen_text(pilot))
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert [one.title for one in bank.conversations()] == ["The boat"]
    assert b"sourdough" not in (tmp_path / "recollect.db").read_bytes()


async def test_what_was_asked_for_of_a_conversation_that_was_left_keeps_nothing_from_being_read(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_with(tmp_path, nodding()).run_test(size=(120, 30)) as pilot:
        await sees(pilot, "Is the kitchen warm?")
        chat = pilot.app.screen
        assert isinstance(chat, ChatScreen)
        chat.session.begin_conversation()
        chat.action_earlier()
        await sees(pilot, "new conversation")
        chat.session.open_conversation(1)
        await sees(pilot, "Day 59 noted.")
        first = chat.transcript.first_message_id
        chat.action_earlier()
        await until(pilot, lambda: chat.transcript.first_message_id != first)
