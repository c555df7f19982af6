"""Somebody looks at one memory: how it came to say that, and where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.memory.operations import Action, MemoryOperation
from assistant.tui.modes import Mode
from assistant.tui.widgets.memory.details import details
from assistant.tui.widgets.memory.messages import quoted
from assistant.tui.widgets.memory.words import difference
from tests.tui.driving import screen_text, sees, until
from tests.tui.memory_screen import FACTS, adding, bank_in, memory_mode, opened_in_chat, remember, said


def two_dogs(data: Path) -> None:
    with bank_in(data) as bank:
        said(bank, "I adopted a dog named Buddy.", adding("User has a dog named Buddy."))
        talk = bank.conversations()[0].id
        bank.add_message(talk, "assistant", "Welcome, Buddy.")
        update = MemoryOperation(Action.UPDATE, 1, "User has two dogs named Buddy and Scout.")
        said(bank, "Guess what. I adopted another dog, Scout. It rains.", update)
        reply = bank.add_message(talk, "assistant", "Welcome, Scout.")
        bank.cite(reply.id, bank.memories())


@pytest.mark.asyncio
async def test_its_versions_are_told_apart_by_marks_and_its_source_stands_among_its_neighbours(tmp_path: Path) -> None:
    two_dogs(tmp_path)
    async with memory_mode(tmp_path, (200, 60)) as pilot:
        await sees(pilot, "User has [-a dog-]{+two dogs+} named Buddy {+and Scout+}.")
        text = screen_text(pilot)
        assert "· changed by the model" in text
        assert "· added by the model" in text
        assert "used by one reply, last just now" in text
        assert "Guess what. »I adopted another dog, Scout.« It rains." in text
        assert text.index("Welcome, Buddy.") < text.index("Guess what.") < text.rindex("Welcome, Scout.")


@pytest.mark.asyncio
async def test_o_opens_the_message_it_came_from_in_the_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_dogs(tmp_path)
    async with memory_mode(tmp_path) as pilot:
        opened = opened_in_chat(pilot, monkeypatch)
        await sees(pilot, "Where it came from")
        await pilot.press("o")
        await until(pilot, lambda: pilot.app.current_mode == Mode.CHAT.name)
        assert opened == [3]


@pytest.mark.asyncio
async def test_what_came_from_no_message_says_so(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await sees(pilot, "written by you")
        await pilot.press("o")
        await sees(pilot, "This memory came from no message.")
        assert "Where it came from" not in screen_text(pilot)


@pytest.mark.asyncio
async def test_at_80_columns_enter_opens_it_in_place_of_the_table_and_esc_leads_back(tmp_path: Path) -> None:
    two_dogs(tmp_path)
    async with memory_mode(tmp_path, (80, 24)) as pilot:
        assert "Where it came from" not in screen_text(pilot)
        await pilot.press("enter")
        await sees(pilot, "User has [-a dog-]{+two dogs+} named Buddy {+and Scout+}.")
        assert "Since ▼" not in screen_text(pilot)
        await pilot.press("p")
        await sees(pilot, "♦ pinned: always on offer")
        await pilot.press("escape")
        await sees(pilot, "Since ▼")
        await pilot.press("down")
        assert "▸ ♦ User has two dogs" in screen_text(pilot)


@pytest.mark.asyncio
async def test_a_second_click_on_a_line_opens_it(tmp_path: Path) -> None:
    two_dogs(tmp_path)
    async with memory_mode(tmp_path, (80, 24)) as pilot:
        await pilot.click(offset=(20, 4))
        await sees(pilot, "How it came to say that")


async def moved(pilot: Pilot[None], key: str, text: str) -> None:
    await pilot.press(key)
    await sees(pilot, text)


@pytest.mark.asyncio
async def test_going_down_shows_each_one_in_turn(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await moved(pilot, "down", "│  User works as a nurse.")
        await moved(pilot, "down", "│  User has a dog named Buddy.")
        await moved(pilot, "home", "│  User likes genmaicha tea.")


def test_what_the_user_reworded_still_knows_the_message_it_came_from(tmp_path: Path) -> None:
    two_dogs(tmp_path)
    with bank_in(tmp_path) as bank:
        bank.edit(1, "User has three dogs.")
        [row] = bank.memory_rows()
        found = details(bank, row)
        assert row.memory.source_message_id is None
        assert found.said is not None
        assert found.said.message.text == "Guess what. I adopted another dog, Scout. It rains."
        assert [made.by.actor for made in found.versions if made.by is not None] == ["user", "manager", "manager"]


def test_a_difference_is_readable_without_colour_and_hides_nothing() -> None:
    assert difference("a b c", "a d c").plain == "a [-b-]{+d+} c"
    assert difference("", "a\u200bb").plain == "{+a⟨U+200B⟩b+}"


def test_a_long_message_is_cut_around_what_counts() -> None:
    text = "x" * 2000 + " I have a dog. " + "y" * 2000
    shown = quoted(text, "I have a dog.", 100).plain
    assert shown.startswith("…x")
    assert "»I have a dog.«" in shown
    assert shown.endswith("y…")
    assert len(shown) < 110
    assert quoted("short", "not there", 100).plain == "short"
