"""Things go wrong: nothing that was said is lost, and the screen says what happened and what to do."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from assistant.errors import DatabaseTooNew, DiskFull, EngineCrashed, ModelFileError
from assistant.memory.bank import MemoryBank, MessageState
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.at_hand import ChatEngine
from assistant.tui.widgets.chat.composer import Composer
from tests.scripted import Breaks, ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio

MISSING = ModelFileError("The model file starter.gguf is missing.", "Put it back, or name another one.")
CRASH = EngineCrashed("The model process ended unexpectedly (signal 11).", "Its last words are in engine.log.")


def messages(data: Path) -> list[tuple[str, MessageState]]:
    with MemoryBank.open(data / "recollect.db") as bank:
        return [(message.text, message.state) for message in bank.messages(1, limit=10)]


async def test_without_a_model_file_messages_are_saved_and_the_screen_says_what_to_do(tmp_path: Path) -> None:
    def no_engine() -> ChatEngine:
        raise MISSING

    app = RecollectApp(
        no_engine, lambda embedder: MemoryBank.open(tmp_path / "recollect.db", embedder), Paths(tmp_path)
    )
    async with app.run_test(size=(96, 30)) as pilot:
        await sees(pilot, "The model file starter.gguf is missing. Put it back, or name another one.")
        await sees(pilot, "○ no model")
        await say(pilot, "I moved to Lisbon.")
        await sees(pilot, "another one. · try again")
    assert messages(tmp_path) == [("I moved to Lisbon.", MessageState.COMPLETE)]


async def test_a_model_that_does_not_load_is_told_of_and_tried_again_with_the_next_message(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(answer=["Memories: none\nAnswer: Hello."], default_manager="NOOP"), load_error=MISSING
    )
    async with app_with(tmp_path, engine).run_test(size=(96, 30)) as pilot:
        await sees(pilot, "The model file starter.gguf is missing.")
        engine.load_error = None
        await say(pilot, "Hello?")
        await sees(pilot, "Hello.")
        await sees(pilot, "● ready")
        assert "missing" not in screen_text(pilot)


async def test_a_crash_in_the_middle_of_an_answer_keeps_its_beginning_and_can_be_tried_again(tmp_path: Path) -> None:
    breaks = Breaks("Memories: none\nAnswer: one two", CRASH)
    script = ScriptedGenerator(answer=[breaks, "Memories: none\nAnswer: All of it."], default_manager="NOOP")
    async with app_with(tmp_path, ScriptedEngine(script)).run_test(size=(96, 30)) as pilot:
        await say(pilot, "Count.")
        await sees(pilot, "one two\n    cut off here")
        await sees(pilot, "The model process ended unexpectedly (signal 11). Its last words are in engine.log.")
        await pilot.press("shift+tab", "enter")
        await sees(pilot, "All of it.")
        assert "signal 11" not in screen_text(pilot)
    assert messages(tmp_path) == [("Count.", MessageState.COMPLETE), ("All of it.", MessageState.COMPLETE)]
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        beside = [bank.message(sibling) for sibling in bank.siblings(bank.messages(1, limit=1)[0].id)]
    assert [(message.text, message.state) for message in beside] == [
        ("one two", MessageState.PARTIAL),
        ("All of it.", MessageState.COMPLETE),
    ]


async def test_a_message_that_cannot_be_saved_goes_back_into_the_box(tmp_path: Path) -> None:
    full = True

    class FullDisk(MemoryBank):
        def add_message(self, *args: object, **named: object) -> object:  # type: ignore[override]
            if full:
                raise DiskFull("The disk is full.", "Make room and send it again.")
            return super().add_message(*args, **named)  # type: ignore[arg-type]

    engine = ScriptedEngine(ScriptedGenerator(answer=["Memories: none\nAnswer: Saved."], default_manager="NOOP"))
    app = RecollectApp(
        lambda: engine, lambda embedder: FullDisk.open(tmp_path / "recollect.db", embedder), Paths(tmp_path)
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await say(pilot, "Something that matters")
        await sees(pilot, "The disk is full. Make room and send it again.")
        composer = pilot.app.screen.query_one(Composer)
        assert composer.text == "Something that matters"
        full = False
        await pilot.press("enter")
        await sees(pilot, "Saved.")


async def test_a_bank_of_a_later_version_is_explained_and_ends_with_exit_code_4(tmp_path: Path) -> None:
    def too_new(embedder: ChatEngine | None) -> MemoryBank:
        raise DatabaseTooNew("The database was written by a later version of Recollect.", "Update Recollect.")

    app = RecollectApp(lambda: ScriptedEngine(ScriptedGenerator()), too_new, Paths(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await sees(pilot, "The database was written by a later version of Recollect. Update")
        await say(pilot, "Do not lose me")
        await until(pilot, lambda: pilot.app.screen.query_one(Composer).text == "Do not lose me")
        await pilot.press("ctrl+q")
    assert app.return_code == 4


async def test_quitting_in_the_middle_of_an_answer_keeps_what_was_said(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(answer=["Memories: none\nAnswer: one two three"], default_manager="NOOP"), pause_after=5
    )
    app = app_with(tmp_path, engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await say(pilot, "Count.")
        await sees(pilot, "one two▍")
        await pilot.press("ctrl+q")
    assert app.return_code == 0
    assert engine.closed.is_set()
    assert messages(tmp_path) == [("Count.", MessageState.COMPLETE), ("one two", MessageState.STOPPED)]


async def test_quitting_right_after_enter_still_saves_the_message(tmp_path: Path) -> None:
    may_open = threading.Event()

    def slow_bank(embedder: ChatEngine | None) -> MemoryBank:
        may_open.wait(10)
        return MemoryBank.open(tmp_path / "recollect.db", embedder)

    app = RecollectApp(lambda: ScriptedEngine(ScriptedGenerator(default_manager="NOOP")), slow_bank, Paths(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await say(pilot, "Remember this")
        await until(pilot, lambda: pilot.app.screen.query_one(Composer).text == "")
        asyncio.get_running_loop().call_later(0.2, may_open.set)
        await pilot.press("ctrl+q")
    assert messages(tmp_path) == [("Remember this", MessageState.COMPLETE)]


async def test_a_message_whose_answer_was_lost_can_be_answered_after_a_restart(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.add_message(bank.new_conversation("Hello").id, "user", "Are you there?", remember=True)
    engine = ScriptedEngine(ScriptedGenerator(answer=["Memories: none\nAnswer: I am."], default_manager="NOOP"))
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "This message has no answer yet. · answer it now")
        await pilot.press("shift+tab", "enter")
        await sees(pilot, "I am.")
        assert "no answer yet" not in screen_text(pilot)


async def test_a_bug_in_a_thread_ends_the_app_instead_of_leaving_it_waiting(tmp_path: Path) -> None:
    engine = ScriptedEngine(ScriptedGenerator(answer=[Breaks("", ZeroDivisionError("a bug"))], default_manager="NOOP"))
    app = app_with(tmp_path, engine)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        async with app.run_test(size=(80, 24)) as pilot:
            await say(pilot, "Hello?")
            await until(pilot, lambda: app.return_code == 1)
