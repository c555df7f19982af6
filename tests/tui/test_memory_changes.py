"""Somebody changes what is remembered, and takes it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.records import MemoryStatus
from tests.tui.driving import screen_text, sees, until
from tests.tui.memory_screen import FACTS, active, adding, bank_in, memory_mode, remember, said

pytestmark = pytest.mark.asyncio


async def test_a_memory_is_added_edited_undone_and_redone(tmp_path: Path) -> None:
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("a")
        await sees(pilot, "A new memory")
        await pilot.press(*"I like tea", "enter")
        await sees(pilot, "✓ Added: I like tea · u takes it back")
        await pilot.press("e")
        await sees(pilot, "What it should say")
        await pilot.press(*" now", "enter")
        await sees(pilot, "✓ Changed to: I like tea now · u takes it back")
        assert active(tmp_path) == ["I like tea now"]
        await pilot.press("u")
        await sees(pilot, "✓ Says again: I like tea · ctrl+y does it again")
        await pilot.press("ctrl+z")
        await sees(pilot, "✓ Gone again: I like tea · ctrl+y does it again")
        assert active(tmp_path) == []
        await pilot.press("ctrl+y")
        await sees(pilot, "✓ Brought back: I like tea · u takes it back")
        await pilot.press("ctrl+y")
        await sees(pilot, "✓ Says again: I like tea now · u takes it back")
        assert active(tmp_path) == ["I like tea now"]


async def test_esc_leaves_an_edit_and_nothing_changes(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("e")
        await sees(pilot, "What it should say")
        await pilot.press(*" and cake", "escape")
        await until(pilot, lambda: "What it should say" not in screen_text(pilot))
        assert active(tmp_path) == list(FACTS)


async def test_a_pin_can_be_taken_back_like_anything_else_and_gives_way_to_never(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("p")
        await sees(pilot, "✓ Pinned, always on offer: User likes genmaicha tea. · u takes it back")
        await sees(pilot, "▸ ♦ User likes")
        await sees(pilot, "♦ pinned: always on offer")
        await pilot.press("n")
        await sees(pilot, "▸ ⊘ User likes")
        await sees(pilot, "⊘ never used: known, but never on offer")
        await pilot.press("u")
        await sees(pilot, "▸ ♦ User likes")
        await pilot.press("u")
        await sees(pilot, "▸   User likes")
        await pilot.press("ctrl+y")
        await sees(pilot, "▸ ♦ User likes")
        assert active(tmp_path) == list(FACTS)


async def test_undo_takes_back_what_was_done_here_in_its_order_then_what_was_done_before(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("f")
        await sees(pilot, "✓ Forgot: User likes genmaicha tea. · u takes it back")
        await pilot.press("p")
        await sees(pilot, "✓ Pinned")
        await pilot.press("u")
        await sees(pilot, "✓ No longer pinned: User works as a nurse.")
        await pilot.press("u")
        await sees(pilot, "✓ Brought back: User likes genmaicha tea.")
        await pilot.press("u")
        await sees(pilot, "✓ Gone again: User likes genmaicha tea.")
        assert active(tmp_path) == [FACTS[0], FACTS[1]]


async def test_several_are_selected_forgotten_at_once_and_brought_back_by_one_undo(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("space", "space")
        await sees(pilot, "✓ 2 selected")
        await pilot.press("f")
        await sees(pilot, "✓ Forgot 2 memories · u takes it back")
        assert active(tmp_path) == ["User has a dog named Buddy."]
        await pilot.press("u")
        await sees(pilot, "✓ Taken back: 2 changes")
        assert active(tmp_path) == list(FACTS)


async def test_two_are_merged_into_a_text_that_begins_as_the_longest_and_undo_parts_them(tmp_path: Path) -> None:
    remember(tmp_path, "User has a dog.", "User has a dog named Buddy.")
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("m")
        await sees(pilot, "Select two memories or more with space")
        await pilot.press("space", "space", "m")
        await sees(pilot, "Merge 2 memories into one")
        await pilot.press(*" Woof.", "enter")
        await sees(pilot, "✓ Merged 2 into: User has a dog named Buddy. Woof. · u takes it back")
        assert active(tmp_path) == ["User has a dog named Buddy. Woof."]
        await pilot.press("u")
        await until(pilot, lambda: active(tmp_path) == ["User has a dog.", "User has a dog named Buddy."])


async def test_a_purge_asks_first_says_what_it_does_and_cannot_be_taken_back(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("x")
        await sees(pilot, "This cannot be undone.")
        await pilot.press("n")
        await until(pilot, lambda: "This cannot be undone." not in screen_text(pilot))
        assert active(tmp_path) == list(FACTS)
        await pilot.press("x")
        await sees(pilot, "Its text is wiped from this file")
        await pilot.press("y")
        await sees(pilot, "✓ Purged: its text is wiped")
        assert "takes it back" not in screen_text(pilot)
        assert active(tmp_path) == [FACTS[0], FACTS[1]]
        assert b"genmaicha" not in (tmp_path / "recollect.db").read_bytes()


async def test_what_is_wrong_is_forgotten_and_what_is_outdated_is_retired(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("w")
        await sees(pilot, "✓ Wrong, so forgotten: User likes genmaicha tea. · u takes it back")
        await pilot.press("l")
        await sees(pilot, "✓ Held until today: User works as a nurse. · u takes it back")
        with bank_in(tmp_path) as bank:
            assert bank.memory(3).status is MemoryStatus.FORGOTTEN
            assert bank.memory(2).status is MemoryStatus.RETIRED
            assert [feedback.kind for feedback in bank.feedback()] == ["outdated", "wrong"]


async def test_what_cannot_be_done_is_said_and_the_screen_goes_on(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("a")
        await sees(pilot, "A new memory")
        await pilot.press(*"User works as a nurse.", "enter")
        await sees(pilot, "✗ Nothing was added: ")
        await pilot.press("p")
        await sees(pilot, "✓ Pinned")


async def test_a_click_in_the_footer_does_what_its_key_does(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path, (80, 24)) as pilot:
        last = screen_text(pilot).split("\n")[-1]
        assert last.startswith(" ⏎ Open  / Search  e Edit  f Forget  p Pin  u Undo  a Add  n Never")
        await pilot.click(offset=(last.index("p Pin"), 23))
        await sees(pilot, "✓ Pinned")


async def test_a_click_on_the_marks_selects(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        lines = screen_text(pilot).split("\n")
        row = next(y for y, line in enumerate(lines) if "User works as a nurse." in line)
        await pilot.click(offset=(2, row))
        await sees(pilot, "✓ 1 selected")
        await sees(pilot, " ✓  User works as a nurse.")
        await pilot.press("escape")
        await until(pilot, lambda: "selected" not in screen_text(pilot))


async def test_what_the_chat_learned_can_be_taken_back_from_here(tmp_path: Path) -> None:
    with bank_in(tmp_path) as bank:
        said(bank, "I have a dog named Buddy.", adding("User has a dog named Buddy."))
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("u")
        await sees(pilot, "✓ Gone again: User has a dog named Buddy.")
        assert active(tmp_path) == []


async def test_the_palette_and_the_help_name_what_has_no_room_in_the_footer(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path, (80, 24)) as pilot:
        await pilot.press("f1")
        await sees(pilot, "purge: wipe the text for good")
        await pilot.press("escape")
        named = [command.title for command in pilot.app.screen.commands()]  # type: ignore[attr-defined]
        assert {"Purge the memory", "The memory is outdated", "What was known on a day"} <= set(named)
