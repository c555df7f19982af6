"""Somebody decides on what was held, one after the other, without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.operations import Action, MemoryOperation
from assistant.tui.modes import Mode
from tests.tui.driving import screen_text, sees, until
from tests.tui.memory_screen import active, adding, bank_in, memory_mode, opened_in_chat, said

pytestmark = pytest.mark.asyncio
UNSURE = "the model was not sure"


def held(data: Path) -> None:
    """Three proposals: to remember a cat, to change the dog into two, to let go of the tea; the last one the newest."""
    with bank_in(data) as bank:
        bank.add("User has a dog named Buddy.")
        bank.add("User likes tea.")
        said(bank, "I have a cat as well.", adding("User has a cat."), held_for=UNSURE)
        update = MemoryOperation(Action.UPDATE, 1, "User has two dogs named Buddy and Scout.")
        said(bank, "Scout joined Buddy.", update, held_for=UNSURE)
        said(bank, "No more tea for me.", MemoryOperation(Action.DELETE, 2), held_for=UNSURE)


async def test_how_many_wait_always_shows_and_each_is_shown_with_all_it_rests_on(tmp_path: Path) -> None:
    held(tmp_path)
    async with memory_mode(tmp_path, (80, 24)) as pilot:
        await sees(pilot, "i Inbox 3")
        await pilot.press("i")
        await sees(pilot, "Let go of this memory?")
        text = screen_text(pilot)
        assert "▸ Inbox 3" in text
        assert "[-User likes tea.-]" in text
        assert f"held because {UNSURE}" in text
        assert "No more tea for me." in text
        await pilot.press("j")
        await sees(pilot, "User has [-a dog-]{+two dogs+} named Buddy {+and Scout+}.")
        await pilot.press("down")
        await sees(pilot, "{+User has a cat.+}")
        await pilot.press("k")
        await sees(pilot, "Change this memory?")


async def test_y_accepts_d_declines_the_next_is_at_hand_and_undo_takes_an_accept_back(tmp_path: Path) -> None:
    held(tmp_path)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("i")
        await sees(pilot, "Let go of this memory?")
        await pilot.press("y")
        await sees(pilot, "✓ Let go: User likes tea. · u takes it back")
        await sees(pilot, "Change this memory?")
        await pilot.press("d")
        await sees(pilot, "✓ Declined: User has two dogs named Buddy and Scout.")
        await sees(pilot, "Remember this?")
        assert "▸ Inbox 1" in screen_text(pilot)
        assert active(tmp_path) == ["User has a dog named Buddy."]
        await pilot.press("u")
        await sees(pilot, "✓ Brought back: User likes tea.")
        assert active(tmp_path) == ["User has a dog named Buddy.", "User likes tea."]
        await pilot.press("y")
        await sees(pilot, "Nothing waits for you.")
        assert "▸ Inbox 0" in screen_text(pilot)
        await pilot.press("escape")
        await sees(pilot, "User has a cat.")


async def test_e_edits_before_it_accepts(tmp_path: Path) -> None:
    held(tmp_path)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("i")
        await sees(pilot, "Let go of this memory?")
        await pilot.press("e")
        await sees(pilot, "It lets go of a memory, so there is no text to edit.")
        await pilot.press("end", "e")
        await sees(pilot, "What to remember")
        await pilot.press(*["backspace"] * 4, *"tomcat.", "enter")
        await sees(pilot, "✓ Remembered: User has a tomcat. · u takes it back")
        assert "User has a tomcat." in active(tmp_path)


async def test_a_stale_one_says_why_and_r_has_its_message_read_again(tmp_path: Path) -> None:
    held(tmp_path)
    with bank_in(tmp_path) as bank:
        bank.edit(1, "User has three dogs.")
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("i", "j")
        await sees(pilot, "✗ Stale: memory 1 has changed since. r has the message")
        assert "✗ stale" in screen_text(pilot)
        await pilot.press("y")
        await sees(pilot, "cannot be accepted: memory 1 has changed since")
        await pilot.press("r")
        await sees(pilot, "✓ Its message will be read again with what is known now")
        await sees(pilot, "▸ Inbox 2")


async def test_what_nobody_can_see_is_shown_and_warned_of(tmp_path: Path) -> None:
    with bank_in(tmp_path) as bank:
        said(bank, "The \u200bpass\u202eword hint is blue.", adding("User's hint is blue."), held_for=UNSURE)
    async with memory_mode(tmp_path, (200, 60)) as pilot:
        await pilot.press("i")
        await sees(pilot, "⚠ It has characters that nobody can see:")
        text = " ".join(screen_text(pilot).split())
        assert "⚠ hidden" in text
        assert "⟨U+200B⟩ ZERO WIDTH SPACE" in text
        assert "The ⟨U+200B⟩pass⟨U+202E⟩word hint is blue." in text
        assert "\u202e" not in text


async def test_a_reply_that_could_not_be_read_is_shown_as_it_is_and_can_only_be_put_away(tmp_path: Path) -> None:
    with bank_in(tmp_path) as bank:
        said(bank, "Hello.")
        bank.hold("REMEMBER \x1b[31m[bold]what?", "it is in no form that can be read", source_message_id=1)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("i")
        await sees(pilot, "The model's reply could not be read")
        await sees(pilot, "REMEMBER �[31m[bold]what?")
        assert "held because it is in no form that can be read" in screen_text(pilot)
        for key in ("y", "e"):
            await pilot.press(key)
            await sees(pilot, "There is nothing in it to accept")
        await pilot.press("d")
        await sees(pilot, "✓ Put away")
        await sees(pilot, "Nothing waits for you.")


async def test_o_opens_the_message_it_came_from_in_the_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held(tmp_path)
    async with memory_mode(tmp_path) as pilot:
        opened = opened_in_chat(pilot, monkeypatch)
        await pilot.press("i")
        await sees(pilot, "No more tea for me.")
        await pilot.press("o")
        await until(pilot, lambda: pilot.app.current_mode == Mode.CHAT.name)
        assert opened == [3]


async def test_what_comes_in_while_one_reads_leaves_the_one_at_hand_alone(tmp_path: Path) -> None:
    held(tmp_path)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("i", "j")
        await sees(pilot, "Change this memory?")
        with bank_in(tmp_path) as other:
            said(other, "I have a canary.", adding("User has a canary."), held_for=UNSURE)
        pilot.app.memory_changed.publish(None)  # type: ignore[attr-defined]
        await sees(pilot, "▸ Inbox 4")
        assert "Change this memory?" in screen_text(pilot)


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (30, 10)])
async def test_wide_and_right_to_left_texts_do_not_break_the_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    text = "日本語のテキスト עברית 🇵🇹 " * 4
    with bank_in(tmp_path) as bank:
        said(bank, text, adding(text), held_for=UNSURE)
    async with memory_mode(tmp_path, (80, 24)) as pilot:
        await pilot.press("i")
        await sees(pilot, "Remember this?")
        await pilot.resize_terminal(*size)
        await pilot.pause(0.1)
        assert {strip.cell_length for strip in pilot.app.screen._compositor.render_strips()} == {size[0]}
