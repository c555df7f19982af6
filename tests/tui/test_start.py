"""The app starts at once and never waits for what is slow."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assistant.memory import backups
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.at_hand import ChatEngine
from assistant.tui.lane import Lane
from assistant.tui.widgets.chat.composer import Composer
from tests.scripted import FakeEmbedder, ScriptedGenerator
from tests.tui.driving import ScriptedEngine, say, screen_text, sees, until

FIRST_PAINT = """
import asyncio, sys, threading
from pathlib import Path
from assistant.paths import Paths
from assistant.tui.app import RecollectApp

opened = threading.Event()

def make_engine():
    opened.wait()
    from assistant.errors import EngineError
    raise EngineError("over")

def open_bank(embedder):
    from assistant.errors import StorageError
    raise StorageError("over")

async def main():
    async with RecollectApp(make_engine, open_bank, Paths(Path(sys.argv[1]))).run_test() as pilot:
        await pilot.pause()
        await pilot.press("h", "i")
        assert pilot.app.screen.query_one("Composer").text == "hi"
        print(sorted({"llama_cpp", "numpy", "apsw", "torch", "sqlite3"} & set(sys.modules)))
        opened.set()

asyncio.run(main())
"""


def test_the_first_paint_imports_neither_the_model_nor_the_database(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_PAINT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.returncode) == ("[]\n", 0), ran.stderr


@pytest.mark.asyncio
async def test_typing_works_while_the_bank_is_still_opening(tmp_path: Path) -> None:
    may_open = threading.Event()

    def slow_bank(embedder: ChatEngine | None) -> MemoryBank:
        may_open.wait()
        return MemoryBank.open(tmp_path / "recollect.db", embedder)

    script = ScriptedGenerator(answer=["Memories: none\nAnswer: Here I am."], default_manager="NOOP")
    async with RecollectApp(lambda: ScriptedEngine(script), slow_bank, Paths(tmp_path)).run_test(
        size=(80, 24)
    ) as pilot:
        await say(pilot, "Are you there?")
        await pilot.press(*"more")
        assert pilot.app.screen.query_one(Composer).text == "more"
        assert "loading the model" in screen_text(pilot)
        may_open.set()
        await sees(pilot, "Here I am.")


@pytest.mark.asyncio
async def test_an_undo_does_not_wait_for_the_answer_that_streams(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.add("User has a cat.")
    script = ScriptedGenerator(answer=["Memories: none\nAnswer: one two three"], default_manager="NOOP")
    engine = ScriptedEngine(script, pause_after=5)
    app = RecollectApp(
        lambda: engine, lambda embedder: MemoryBank.open(tmp_path / "recollect.db", embedder), Paths(tmp_path)
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await say(pilot, "Count.")
        await sees(pilot, "one two▍")
        await pilot.press("ctrl+z")
        await sees(pilot, "taken back: User has a cat.")
        assert "one two▍" in screen_text(pilot)


@pytest.mark.asyncio
async def test_a_message_waits_only_a_moment_for_the_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.tui.model_work.GRACE_SECONDS", 0.05)
    reading = threading.Event()
    answers = ["Memories: none\nAnswer: First.", "Memories: none\nAnswer: Second."]

    class SlowManager(ScriptedEngine):
        def generate(self, *args: object, **named: object) -> object:  # type: ignore[override]
            cancel = named["cancel"]
            if args[0] == "manager" and not reading.is_set():
                reading.set()
                assert isinstance(cancel, threading.Event)
                assert cancel.wait(60)
            return super().generate(*args, **named)  # type: ignore[arg-type]

    engine = SlowManager(ScriptedGenerator(answer=answers, default_manager="NOOP"))
    app = RecollectApp(
        lambda: engine, lambda embedder: MemoryBank.open(tmp_path / "recollect.db", embedder), Paths(tmp_path)
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await say(pilot, "One.")
        await sees(pilot, "First.")
        await until(pilot, reading.is_set)
        await say(pilot, "Two.")
        await sees(pilot, "Second.")
        with MemoryBank.open(tmp_path / "recollect.db") as other:
            await until(pilot, lambda: other.pending_jobs() == 0)
            assert [row.status for row in other.operations()] == ["applied", "applied"]


def test_a_lane_does_its_work_in_order_and_tells_of_bugs() -> None:
    bugs: list[BaseException] = []
    done: list[int] = []
    lane = Lane("test", bugs.append)
    error = ValueError("a bug")

    def fail() -> None:
        raise error

    for work in (lambda: done.append(1), fail, lambda: done.append(2)):
        lane.put(work)
    lane.close(drop=False)
    lane.put(lambda: done.append(3))
    lane.join(60)
    assert (done, bugs) == ([1, 2], [error])


def test_a_lane_that_is_closed_may_drop_what_has_not_begun() -> None:
    begun, go = threading.Event(), threading.Event()
    done: list[int] = []
    lane = Lane("test", lambda error: None)

    def first() -> None:
        begun.set()
        go.wait(60)
        done.append(1)

    lane.put(first)
    lane.put(lambda: done.append(2))
    begun.wait(60)
    lane.close(drop=True)
    go.set()
    lane.join(60)
    assert done == [1]


@pytest.mark.asyncio
async def test_a_start_makes_the_backup_of_the_day(tmp_path: Path) -> None:
    path = tmp_path / "recollect.db"
    with MemoryBank.open(path) as bank:
        bank.add("User has a cat.")
    for _ in range(2):
        app = RecollectApp(
            lambda: ScriptedEngine(ScriptedGenerator()),
            lambda embedder: MemoryBank.open(path, embedder),
            Paths(tmp_path),
        )
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: len(backups.all_of(path)) == 1)
    with MemoryBank.open(backups.all_of(path)[0]) as copy:
        assert [memory.text for memory in copy.memories()] == ["User has a cat."]


@pytest.mark.asyncio
async def test_a_backup_that_cannot_be_made_is_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "recollect.db"
    (tmp_path / "backups").write_text("in the way")
    with MemoryBank.open(path) as bank:
        bank.add("User has a cat.")
    script = ScriptedGenerator(answer=["Memories: none\nAnswer: Here I am."], default_manager="NOOP")
    app = RecollectApp(
        lambda: ScriptedEngine(script), lambda embedder: MemoryBank.open(path, embedder), Paths(tmp_path)
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await sees(pilot, "a file is in the way")
        await say(pilot, "Are you there?")
        await sees(pilot, "Here I am.")


@pytest.mark.asyncio
async def test_messages_are_given_vectors_while_nobody_waits(tmp_path: Path) -> None:
    path = tmp_path / "recollect.db"
    with MemoryBank.open(path) as bank:
        conversation = bank.new_conversation("").id
        for number in range(20):
            bank.add_message(conversation, "user", f"message {number}")
    app = RecollectApp(
        lambda: ScriptedEngine(ScriptedGenerator()), lambda embedder: MemoryBank.open(path, embedder), Paths(tmp_path)
    )
    with MemoryBank.open(path, FakeEmbedder()) as bank:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(
                pilot,
                lambda: [hit.matched_by for hit in bank.search("message 7", limit=1, kinds=["message"])] == ["both"],
            )
