"""Somebody opens the app for the first time, tells it something, and is answered."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual import events

from assistant.memory.bank import MemoryBank, MessageState
from assistant.memory.operations import Action
from assistant.tui.widgets.chat.composer import Composer
from tests.scripted import ScriptedGenerator, cites, updates
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio


def dogs() -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedGenerator(
            answer=[
                "Memories: none\nAnswer: Welcome home, Buddy.",
                cites(1, answer="Buddy has company now."),
                cites(1, answer="Two, Buddy and Scout."),
            ],
            manager=[
                "ADD: User has a dog named Buddy.",
                updates(1, "User has two dogs named Buddy and Scout."),
                "NOOP",
            ],
        )
    )


async def test_an_empty_app_says_what_it_is_for(tmp_path: Path) -> None:
    async with app_with(tmp_path, ScriptedEngine(ScriptedGenerator())).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "Tell me about yourself, and ask me later.")
        await sees(pilot, "ready")
        assert "Everything stays on this machine." in screen_text(pilot)


async def test_two_dogs_become_one_memory_that_the_third_answer_names(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(96, 40)) as pilot:
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "Welcome home, Buddy.")
        await sees(pilot, "remembered: User has a dog named Buddy. · undo")
        await say(pilot, "I adopted another dog, Scout.")
        await sees(pilot, "User has a dog named Buddy. → User has two dogs named Buddy and Scout.")
        await say(pilot, "How many dogs do I have?")
        await sees(pilot, "Two, Buddy and Scout.")
        await pilot.press("ctrl+o")
        await sees(pilot, "▾ 1 memory used\n      1. User has two dogs named Buddy and Scout.")
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert [memory.text for memory in bank.memories()] == ["User has two dogs named Buddy and Scout."]


async def test_the_answer_streams_while_the_box_takes_the_next_words(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(answer=["Memories: none\nAnswer: one two three four"], default_manager="NOOP"), pause_after=5
    )
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        await say(pilot, "Count.")
        await sees(pilot, "one two▍")
        await pilot.press(*"next")
        await pilot.press("enter")
        await sees(pilot, "Still answering. Esc stops it.")
        assert pilot.app.screen.query_one(Composer).text == "next"
        engine.go.set()
        await sees(pilot, "one two three four\n")


async def test_escape_stops_the_answer_and_keeps_its_beginning(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(answer=["Memories: none\nAnswer: one two three four"], default_manager="NOOP"), pause_after=5
    )
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        await say(pilot, "Count.")
        await sees(pilot, "one two▍")
        await pilot.press("escape")
        await sees(pilot, "one two\n    stopped here")
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        reply = bank.messages(1, limit=10)[-1]
    assert (reply.text, reply.state) == ("one two", MessageState.STOPPED)


async def test_a_message_sent_while_the_model_loads_is_saved_at_once_and_answered_later(tmp_path: Path) -> None:
    loading = threading.Event()
    engine = ScriptedEngine(
        ScriptedGenerator(answer=["Memories: none\nAnswer: Hello!"], default_manager="NOOP"), loading=loading
    )
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "loading the model")
        await say(pilot, "Good morning.")
        await sees(pilot, "waiting for the model to load…")
        with MemoryBank.open(tmp_path / "recollect.db") as other:
            assert [message.text for message in other.messages(1, limit=10)] == ["Good morning."]
        loading.set()
        await sees(pilot, "Hello!")


async def test_keys_that_come_faster_than_they_are_handled_keep_their_order(tmp_path: Path) -> None:
    engine = ScriptedEngine(ScriptedGenerator(answer=["Memories: none\nAnswer: Yes."], default_manager="NOOP"))
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        for key in ("o", "n", "e", "ctrl+j", "t", "w", "o", "shift+enter", "x", "enter"):
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await sees(pilot, "Yes.")
    assert engine.script.calls[0].question.endswith("Now: User: one two x")
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert bank.messages(1, limit=10)[0].text == "one\ntwo\nx"


async def test_typing_goes_into_the_box_from_wherever_the_focus_is(tmp_path: Path) -> None:
    async with app_with(tmp_path, dogs()).run_test(size=(80, 24)) as pilot:
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "· undo")
        await pilot.press("shift+tab")
        assert not pilot.app.screen.query_one(Composer).has_focus
        await pilot.press(*"hi")
        await until(pilot, lambda: pilot.app.screen.query_one(Composer).text == "hi")


async def test_a_reply_of_the_manager_that_makes_no_sense_is_shown_for_review(tmp_path: Path) -> None:
    engine = ScriptedEngine(ScriptedGenerator(answer=["Memories: none\nAnswer: Fine."], manager=["REMEMBER it all"]))
    async with app_with(tmp_path, engine).run_test(size=(96, 24)) as pilot:
        await say(pilot, "I moved.")
        await sees(pilot, "kept for review: ")
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        [held] = bank.operations()
    assert (held.action, held.completion) == (Action.NOOP, "REMEMBER it all")


async def test_an_answer_without_its_form_is_shown_as_it_came(tmp_path: Path) -> None:
    engine = ScriptedEngine(ScriptedGenerator(answer=["I forgot the form."], default_manager="NOOP"))
    async with app_with(tmp_path, engine).run_test(size=(96, 24)) as pilot:
        await say(pilot, "Hello?")
        await sees(pilot, "I forgot the form.\n    not in the form asked for")


async def test_who_wants_alt_enter_to_send_begins_a_new_line_with_enter(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('send_key = "alt+enter"\n')
    async with app_with(tmp_path, dogs()).run_test(size=(80, 24)) as pilot:
        await pilot.press("o", "n", "e", "enter", "t", "w", "o")
        assert pilot.app.screen.query_one(Composer).text == "one\ntwo"
        await pilot.press("alt+enter")
        await sees(pilot, "Welcome home, Buddy.")
