"""Somebody new looks around: on a sample, for as long as they like, and nothing of it is theirs afterwards."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.widgets.chat.composer import Composer
from assistant.tui.widgets.chat.status import StatusLine
from assistant.tui.widgets.memory.table import MemoryTable
from assistant.tui.widgets.tour_box import TourBox
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio

OFFER = "Or look around first, on a sample · take the tour"
HINT = "/ shows commands, F1 the keys"


def nodding(**more: object) -> ScriptedEngine:
    script = ScriptedGenerator(default_answer="Memories: none\nAnswer: I see.", default_manager="NOOP")
    return ScriptedEngine(script, **more)  # type: ignore[arg-type]


def own_chat(pilot: Pilot[None]) -> bool:
    assert isinstance(pilot.app, RecollectApp)
    return pilot.app.screen is pilot.app.chat and not pilot.app.tour.is_on


async def begin(pilot: Pilot[None]) -> None:
    """Takes the tour, up to its first step."""
    await sees(pilot, "search by text")  # The bank is open.
    await say(pilot, "/tour")
    await sees(pilot, "Tour 1 of 6 · An answer, and what it rests on")
    await sees(pilot, "▾ 2 memories used")


async def to_step(pilot: Pilot[None], number: int) -> None:
    await begin(pilot)
    for step in range(2, number + 1):
        await pilot.press("enter")
        await sees(pilot, f"Tour {step} of 6")


async def click(pilot: Pilot[None], word: str) -> None:
    """Clicks on a word of the last line of the box of the tour."""
    lines = screen_text(pilot).split("\n")
    y = next(number for number, line in enumerate(lines) if "Esc leave" in line)
    await pilot.click(offset=(lines[y].index(word) + 1, y))


def remember(data: Path, text: str) -> None:
    paths = Paths(data)
    paths.create()
    with MemoryBank.open(paths) as bank:
        bank.add(text)


async def test_the_first_screen_offers_it_and_the_cursor_is_in_the_box_all_the_same(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, OFFER)
        assert pilot.app.screen.query_one(Composer).has_focus
        assert "Tour 1" not in screen_text(pilot)
        await say(pilot, "Hello.")
        await sees(pilot, "I see.")
        assert OFFER not in screen_text(pilot)
        await pilot.press("ctrl+n")
        await sees(pilot, "Tell me about yourself, and ask me later.")
        await pilot.pause(0.2)
        assert OFFER not in screen_text(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_six_steps_go_over_chat_and_memory_and_end_in_the_users_own_empty_chat(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    loading = threading.Event()  # The model is never there.
    async with app_with(tmp_path, nodding(loading=loading)).run_test(size=size) as pilot:
        await sees(pilot, OFFER)
        await pilot.press("shift+tab", "enter")
        await sees(pilot, "Tour 1 of 6 · An answer, and what it rests on")
        await sees(pilot, "▌    1. User has two dogs named Buddy and Scout.")
        await pilot.press("enter")
        await sees(pilot, "Tour 2 of 6 · What was kept, and how to take it back")
        await sees(pilot, "▌ updated: User has a dog named Buddy. → User has two dogs named")
        await pilot.press("enter")
        await sees(pilot, "Tour 3 of 6 · All that is remembered")
        await sees(pilot, "▸   User has two dogs named Buddy and Scout.")
        await pilot.press("right")
        await sees(pilot, "Tour 4 of 6 · What waits for you")
        await sees(pilot, "held because the message says this of your sister")
        await pilot.press("enter")
        await sees(pilot, "Tour 5 of 6 · When nothing is to be kept")
        await sees(pilot, "┏━ what you send goes to your own chat, and ends the tour")
        await pilot.press("enter")
        await sees(pilot, "Tour 6 of 6 · It is yours, and it stays here")
        await sees(pilot, "Enter to your own chat")
        await pilot.press("enter")
        await until(pilot, lambda: own_chat(pilot))
        await sees(pilot, "Hello.")
        assert pilot.app.screen.query_one(Composer).has_focus
        assert "Buddy and Scout" not in screen_text(pilot)
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert (bank.conversations(), bank.memories(include_all=True), bank.operations()) == ([], [], [])


async def test_nothing_of_the_sample_is_on_the_disk_even_while_one_looks_at_it(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await to_step(pilot, 4)
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert tmp_path / "recollect.db" in files
        assert not [file for file in files if b"Scout" in file.read_bytes() or b"Lena" in file.read_bytes()]


async def test_one_goes_on_back_and_out_with_the_mouse(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await begin(pilot)
        await click(pilot, "next")
        await sees(pilot, "Tour 2 of 6")
        await click(pilot, "back")
        await sees(pilot, "Tour 1 of 6")
        await click(pilot, "leave")
        await until(pilot, lambda: own_chat(pilot))


async def test_one_goes_back_from_memory_to_chat_with_a_key(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await to_step(pilot, 3)
        await pilot.press("left")
        await sees(pilot, "Tour 2 of 6")
        await sees(pilot, "▌ updated: User has a dog named Buddy.")
        await pilot.press("left", "left")
        await sees(pilot, "Tour 1 of 6")


async def test_escape_leaves_wherever_the_focus_is_and_f7_brings_it_back_to_the_box(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await to_step(pilot, 3)
        pilot.app.screen.query_one(MemoryTable).focus()
        await sees(pilot, "F7 brings the keys back here")
        await pilot.press("f7")
        await until(pilot, lambda: pilot.app.screen.query_one(TourBox).has_focus)
        await sees(pilot, "Enter next · ← back · Esc leave")
        pilot.app.screen.query_one(MemoryTable).focus()
        await pilot.press("escape")
        await until(pilot, lambda: own_chat(pilot))
        assert pilot.app.screen.query_one(Composer).has_focus


async def test_what_is_tried_out_on_the_sample_changes_nothing_of_ones_own(tmp_path: Path) -> None:
    remember(tmp_path, "User has a cat.")
    async with app_with(tmp_path, nodding()).run_test(size=(120, 40)) as pilot:
        await to_step(pilot, 2)
        await pilot.press("ctrl+z")
        await sees(pilot, "brought back: User works night shifts at the hospital.")
        await pilot.press("enter")
        await sees(pilot, "▸   User has two dogs named Buddy and Scout.")
        assert "User has a cat." not in screen_text(pilot)
        pilot.app.screen.query_one(MemoryTable).focus()
        await pilot.press("f")
        await sees(pilot, "Forgot: User has two dogs named Buddy and Scout.")
        await pilot.press("escape")
        await until(pilot, lambda: own_chat(pilot))
        await pilot.press("f3")
        await sees(pilot, "▸   User has a cat.")
        await pilot.press("ctrl+y")
        await sees(pilot, "There is nothing to redo.")
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert [row.text for row in bank.operations()] == ["User has a cat."]


async def test_a_message_sent_from_the_tour_ends_it_and_is_answered_in_ones_own_chat(tmp_path: Path) -> None:
    engine = nodding()
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        await to_step(pilot, 2)
        of_sample = pilot.app.screen.query_one(StatusLine)
        await pilot.press(*"Hi", "enter")
        await until(pilot, lambda: own_chat(pilot))
        await sees(pilot, "I see.")
        assert not of_sample.state.answering
        assert pilot.app.screen.query_one(Composer).text == ""
    assert "Lena" not in "".join(message.text for call in engine.script.calls for message in call.prompt)
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert [message.text for message in bank.messages(1, limit=10)] == ["Hi", "I see."]


async def test_what_is_typed_in_the_tour_stays_in_ones_own_box_and_outlives_quitting_in_its_middle(
    tmp_path: Path,
) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await begin(pilot)
        await pilot.press(*"half")
        await sees(pilot, "│ half")
        await pilot.press("f7", "enter", "enter")
        await sees(pilot, "Tour 3 of 6")
        await pilot.press("ctrl+q")
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(Composer).text == "half")
        await pilot.press("escape")
        assert own_chat(pilot)


async def test_a_draft_of_ones_own_stands_in_the_box_of_the_tour_too(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, OFFER)
        await pilot.press(*"one", "shift+tab", "enter")
        await sees(pilot, "▾ 2 memories used")
        await sees(pilot, "│ one")
        await pilot.press("X", "escape")
        await until(pilot, lambda: own_chat(pilot))
        assert pilot.app.screen.query_one(Composer).text == "oneX"


async def test_keys_for_modes_show_the_sample_where_there_is_one_and_end_the_tour_elsewhere(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await begin(pilot)
        await pilot.press("f3")
        await sees(pilot, "User prefers short answers.")
        assert "Tour 1 of 6" in screen_text(pilot)
        await pilot.press("f2")
        await sees(pilot, "▾ 2 memories used")
        await pilot.press("f6")
        await sees(pilot, "▸ Settings")
        await pilot.press("f3")
        await sees(pilot, "Nothing is remembered yet.")


async def test_the_source_of_a_memory_is_shown_in_the_sample(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(120, 40)) as pilot:
        await to_step(pilot, 3)
        await sees(pilot, "»Since last week I have a second dog")
        pilot.app.screen.query_one(MemoryTable).focus()
        await pilot.press("o")
        await sees(pilot, "▌ Since last week I have a second dog, Scout.")
        assert "A sample: two dogs and a birthday" in screen_text(pilot)
        assert not own_chat(pilot)


async def test_the_palette_leads_through_the_tour_too(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, OFFER)
        for command, seen in (("take the tour", "Tour 1 of 6"), ("tour: next", "Tour 2 of 6")):
            await pilot.press("ctrl+p")
            await pilot.press(*command)
            await sees(pilot, command.capitalize())
            await pilot.pause(0.3)
            await pilot.press("enter")
            await sees(pilot, seen)


async def test_why_explains_an_answer_of_the_sample_and_escape_closes_that_first(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(120, 40)) as pilot:
        await begin(pilot)
        pilot.app.screen.query_one(Composer).focus()
        await pilot.press("up", "w")
        await sees(pilot, "found as number 1: shares the words lena")
        await pilot.press("escape")
        await sees(pilot, "Tour 1 of 6")
        assert not own_chat(pilot)


async def test_nothing_is_answered_in_the_sample(tmp_path: Path) -> None:
    engine = nodding()
    async with app_with(tmp_path, engine).run_test(size=(120, 40)) as pilot:
        await begin(pilot)
        pilot.app.screen.query_one(Composer).focus()
        await pilot.press("up", "r")
        await sees(pilot, "Only a sample: nothing is answered.")
    assert engine.script.calls == []


async def test_new_and_all_conversations_are_ones_own_and_end_the_tour(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(120, 40)) as pilot:
        await begin(pilot)
        await pilot.press("ctrl+b")
        await until(pilot, lambda: own_chat(pilot))
        await until(pilot, lambda: "two dogs" not in screen_text(pilot))
        await pilot.press("escape")
        await begin(pilot)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: own_chat(pilot))
        await sees(pilot, "Hello.")


async def test_it_does_not_begin_while_an_answer_is_on_its_way(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(answer=["Memories: none\nAnswer: one two three four"], default_manager="NOOP"), pause_after=5
    )
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        await say(pilot, "Count.")
        await sees(pilot, "one two▍")
        await say(pilot, "/tour")
        await sees(pilot, "Still answering. Esc stops it.")
        assert own_chat(pilot)
        engine.go.set()
        await sees(pilot, "one two three four\n")


async def test_it_waits_for_ones_own_chat_so_that_a_draft_of_before_is_not_lost(tmp_path: Path) -> None:
    paths, may_open = Paths(tmp_path), threading.Event()
    paths.create()
    with MemoryBank.open(paths) as bank:
        bank.keep_draft(None, "typed before")

    def open_late(_: object) -> MemoryBank:
        may_open.wait()
        return MemoryBank.open(paths)

    async with RecollectApp(nodding, open_late, paths).run_test(size=(80, 24)) as pilot:
        await say(pilot, "/tour")
        await sees(pilot, "Your own chat is not open yet.")
        may_open.set()
        await until(pilot, lambda: pilot.app.screen.query_one(Composer).text == "typed before")


async def test_it_can_be_left_and_taken_again_at_once_with_the_sample_as_it_was(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await begin(pilot)
        await pilot.press("ctrl+z")
        await sees(pilot, "brought back: ")
        await pilot.press("escape")
        await until(pilot, lambda: own_chat(pilot))
        await to_step(pilot, 3)
        assert "User works night shifts at the hospital." not in screen_text(pilot)


async def test_the_first_answer_of_all_is_followed_by_a_quiet_hint_once(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await say(pilot, "Hello.")
        await sees(pilot, HINT)
        await say(pilot, "And now?")
        await until(pilot, lambda: screen_text(pilot).count("I see.") == 2)
        assert HINT not in screen_text(pilot)
    async with app_with(tmp_path, nodding()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "And now?")
        await say(pilot, "Once more.")
        await until(pilot, lambda: screen_text(pilot).count("I see.") == 3)
        await pilot.pause(0.2)
        assert HINT not in screen_text(pilot)
