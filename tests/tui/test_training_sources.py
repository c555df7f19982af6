"""The Training mode, about what may be learned from: choosing conversations, looking at them, hiding words."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.widgets.training.preview import TrainingPreview
from assistant.tui.widgets.training.sources import TrainingSources
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, screen_text, sees, until

pytestmark = pytest.mark.asyncio


def app_on(data: Path) -> RecollectApp:
    return app_with(data, ScriptedEngine(ScriptedGenerator()))


def fill(data: Path) -> None:
    paths = Paths(data)
    paths.create()
    with MemoryBank.open(paths) as bank:
        for title in ("The dogs", "The \x1b[31mcats[/]"):
            conversation = bank.new_conversation(title).id
            for text in ("Mail anna@example.org about Buddy.", "My phone is +49 170 1234567 [bold]."):
                bank.add_message(conversation, "user", text)
                bank.add_message(conversation, "assistant", "I see.")
        bank.add_message(bank.new_conversation("Hello").id, "user", "Hello.")


def excluded(data: Path) -> list[bool]:
    with MemoryBank.open(Paths(data)) as bank:
        return [conversation.excluded for conversation in bank.conversations()]


async def test_without_a_word_said_it_says_what_to_do(tmp_path: Path) -> None:
    async with app_on(tmp_path).run_test(size=(80, 24)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "Nothing was said yet, so there is nothing to learn from.")
        await sees(pilot, "No recipe trains on your conversations yet; this is what one would get.")
        await pilot.press("space", "h", "escape", "v", "H")
        await sees(pilot, "No words of yours are hidden. h hides one.")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_each_conversation_is_listed_with_what_there_is_and_why_not(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    fill(tmp_path)
    async with app_on(tmp_path).run_test(size=size) as pilot:
        await pilot.press("f5")
        await sees(pilot, "2 of 3 to learn from · 4 messages · 0 decisions · 2 of 4 held out")
        shown = screen_text(pilot)
        assert " -  Hello" in shown
        assert "no: too short" in shown
        assert "[x] The \N{REPLACEMENT CHARACTER}[31mcats[/]" in shown
        assert "[x] The dogs" in shown


async def test_space_leaves_a_conversation_out_and_lets_it_in_again(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_on(tmp_path).run_test(size=(120, 40)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "2 of 3 to learn from")
        await pilot.press("space")
        await sees(pilot, "It is never learned from. You said fewer than 2 things in it.")
        await pilot.press("down", "down", "space")
        await sees(pilot, "[ ] The dogs")
        await sees(pilot, "no: your choice")
        await sees(pilot, "1 of 3 to learn from · 2 messages")
        assert excluded(tmp_path) == [False, False, True]
        await pilot.press("space")
        await sees(pilot, "2 of 3 to learn from")
        assert excluded(tmp_path) == [False, False, False]


async def test_the_box_can_be_clicked_and_the_rest_of_the_line_only_looks(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_on(tmp_path).run_test(size=(120, 40)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "2 of 3 to learn from")
        await pilot.click(TrainingSources, offset=(12, 3))
        await sees(pilot, "▸ [x] The dogs")
        assert excluded(tmp_path) == [False, False, False]
        await pilot.click(TrainingSources, offset=(4, 2))
        await until(pilot, lambda: excluded(tmp_path) == [False, True, False])


async def test_what_is_taken_out_stands_in_brackets_and_can_be_seen_as_it_is_learned(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_on(tmp_path).run_test(size=(120, 40)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "2 of 3 to learn from")
        await pilot.press("down", "down")
        await sees(pilot, "Mail [email: anna@example.org] about Buddy.")
        await sees(pilot, "My phone is [phone: +49 170 1234567] [bold].")
        await sees(pilot, "Taken out: email 1, phone 1.")
        await sees(pilot, "you · held out")
        await pilot.press("v")
        await sees(pilot, "My phone is [phone] [bold].")
        assert "1234567" not in screen_text(pilot)


async def test_a_word_is_hidden_and_shown_again(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_on(tmp_path).run_test(size=(120, 40)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "2 of 3 to learn from")
        await pilot.press("down", "down", "h")
        await until(pilot, lambda: bool(pilot.app.screen.query(Input)))
        await pilot.press(*"buddy", "enter")
        await sees(pilot, "about [private:")
        await sees(pilot, "Your own words: buddy")
        with MemoryBank.open(Paths(tmp_path)) as bank:
            assert bank.private_words() == ("buddy",)
        await pilot.press("H")
        await sees(pilot, "Which of them may be learned again?")
        await pilot.press("enter")
        await sees(pilot, "about Buddy.")
        with MemoryBank.open(Paths(tmp_path)) as bank:
            assert bank.private_words() == ()


async def test_enter_leads_to_the_preview_and_escape_back(tmp_path: Path) -> None:
    fill(tmp_path)
    async with app_on(tmp_path).run_test(size=(80, 24)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "2 of 3 to learn from")
        await pilot.press("down", "enter")
        assert isinstance(pilot.app.focused, TrainingPreview)
        await pilot.press("escape")
        assert isinstance(pilot.app.focused, TrainingSources)


async def test_a_bank_that_cannot_be_opened_is_told_and_the_runs_are_there(tmp_path: Path) -> None:
    (tmp_path / "recollect.db").write_bytes(b"this is no database, and was never one" * 100)
    async with app_on(tmp_path).run_test(size=(120, 40)) as pilot:
        await pilot.press("f5")
        await sees(pilot, "✗ ")
        await pilot.press("r")
        await sees(pilot, "Nothing was trained here yet.")
