"""The Settings mode, about the user's data: bringing in files, writing everything out, and keeping copies."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from assistant.memory.bank import MemoryBank
from assistant.memory.operations import OperationStatus
from assistant.tui.screens.asking import AskLine, Choose
from assistant.tui.screens.settings import SettingsScreen
from tests.scripted import Call, ScriptedGenerator
from tests.tui.driving import say, screen_text, sees, until
from tests.tui.settings_driving import in_settings, point_at, row, settings_app

pytestmark = pytest.mark.asyncio

DIARY = "I have a dog, Rex.\n\nI live in Oslo.\n\nI like tea.\n"
ANSWER = "Memories: none\nAnswer: Hello."


def proposals(data: Path) -> list[tuple[str, str]]:
    with MemoryBank.open(data / "recollect.db") as bank:
        return sorted((held.operation.text or "", held.operation.reason) for held in bank.proposals())


def memories(data: Path) -> list[str]:
    with MemoryBank.open(data / "recollect.db") as bank:
        return [memory.text for memory in bank.memories()]


def slow_script(may_go_on: threading.Event, reading: threading.Event) -> ScriptedGenerator:
    """A manager that thinks about the second message until it may go on."""

    def wait(_: Call) -> str:
        reading.set()
        may_go_on.wait()
        return "ADD: User lives in Oslo."

    manager: list[str | Callable[[Call], str]] = ["ADD: User has a dog, Rex.", wait, "ADD: User likes tea."]
    return ScriptedGenerator(manager=manager, default_manager="NOOP", default_answer=ANSWER)


async def name_file(pilot: Pilot[None], text: object) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, AskLine))
    pilot.app.screen.query_one(Input).value = str(text)
    await pilot.press("enter")


async def begin_import(pilot: Pilot[None], file: Path) -> None:
    """By the keys, up to the last question."""
    await pilot.press("i")
    await name_file(pilot, file)
    await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
    await pilot.press("enter")


async def test_what_is_proposed_from_a_text_waits_in_the_inbox(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "diary.txt"
    file.write_text(DIARY)
    script = ScriptedGenerator(
        manager=["ADD: User has a dog, Rex.", "NOOP", "ADD: User likes tea."], default_answer=ANSWER
    )
    async with settings_app(data, script).run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await begin_import(pilot, file)
        await sees(pilot, "1 conversation, 3 messages, 3 of them yours")
        await sees(pilot, "waits in the inbox; nothing of it is remembered by itself.")
        await pilot.press("y")
        await sees(pilot, "✓ All 3 messages are here; 2 proposals in the inbox (F3, i).")
        await until(pilot, lambda: row(pilot, "inbox").value == "2 wait")
    why = "it comes from an imported file"
    assert proposals(data) == [("User has a dog, Rex.", why), ("User likes tea.", why)]
    assert memories(data) == []


async def test_nothing_is_brought_in_if_one_says_no(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "diary.txt"
    file.write_text(DIARY)
    async with settings_app(data).run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        await begin_import(pilot, file)
        await sees(pilot, "Import diary.txt?")
        await pilot.press("n")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert row(pilot, "import").value == ""
    with MemoryBank.open(data / "recollect.db") as bank:
        assert bank.conversations() == []


async def test_an_import_can_be_stopped_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "diary.txt"
    file.write_text(DIARY)
    may_go_on, reading = threading.Event(), threading.Event()
    app = settings_app(data, slow_script(may_go_on, reading))
    async with app.run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        try:
            await begin_import(pilot, file)
            await sees(pilot, "Import diary.txt?")
            await pilot.press("y")
            await until(pilot, reading.is_set)
            await sees(pilot, "↓ Import a file…        1/3 messages")
            await sees(pilot, "1 proposal · Esc stops")
            await pilot.press("i")
            await sees(pilot, "Something is being brought in already. Esc stops it.")
            await pilot.press("escape")
            await sees(pilot, "stopping…")
        finally:
            may_go_on.set()
        await sees(pilot, "Stopped after 1 of 3 messages; importing the file again goes on from there.")
        await until(pilot, lambda: len(proposals(data)) == 2)  # What waited was read, and is asked about as well.
        await begin_import(pilot, file)
        await sees(pilot, "Import diary.txt?")
        await pilot.press("y")
        await sees(pilot, "✓ All 3 messages are here; 1 proposal in the inbox (F3, i).")
    assert [text for text, _ in proposals(data)] == [
        "User has a dog, Rex.",
        "User likes tea.",
        "User lives in Oslo.",
    ]
    assert memories(data) == []


async def test_leaving_in_the_middle_of_an_import_ends_it_in_order(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "diary.txt"
    file.write_text(DIARY)
    may_go_on, reading = threading.Event(), threading.Event()
    app = settings_app(data, slow_script(may_go_on, reading))
    async with app.run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await begin_import(pilot, file)
        await sees(pilot, "Import diary.txt?")
        await pilot.press("y")
        await until(pilot, reading.is_set)
        asyncio.get_running_loop().call_later(0.5, may_go_on.set)
        await pilot.press("ctrl+q")
    assert app.return_code == 0
    assert [text for text, _ in proposals(data)] == ["User has a dog, Rex."]


async def test_the_chat_answers_while_a_file_is_brought_in(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "diary.txt"
    file.write_text(DIARY)
    may_go_on, reading = threading.Event(), threading.Event()
    async with settings_app(data, slow_script(may_go_on, reading)).run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        try:
            await begin_import(pilot, file)
            await sees(pilot, "Import diary.txt?")
            await pilot.press("y")
            await until(pilot, reading.is_set)
            await pilot.press("f2")
            await say(pilot, "Are you there?")
            await sees(pilot, "Hello.")
        finally:
            may_go_on.set()
        await until(pilot, lambda: len(proposals(data)) == 3)
    with MemoryBank.open(data / "recollect.db") as bank:
        assert bank.pending_jobs() == 0


async def test_a_name_that_is_no_file_is_told_and_asked_for_again(tmp_path: Path) -> None:
    file = tmp_path / "my notes.txt"
    file.write_text("I like tea.\n")
    async with settings_app(tmp_path / "data").run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await pilot.press("i")
        await name_file(pilot, "/none/such.zip")
        await sees(pilot, "✗ /none/such.zip is not there. Check the name.")
        await name_file(pilot, f"'{file}'")  # As terminals write it when a file is dropped.
        await sees(pilot, "What is in my notes.txt?")
        await sees(pilot, "is something you wrote down (likely)")


async def test_a_file_of_another_form_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps([{"chat_messages": 7}]))
    async with settings_app(tmp_path / "data").run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await begin_import(pilot, file)
        await sees(pilot, "is not an export of Claude")
        await until(pilot, lambda: row(pilot, "import").value == "")


async def test_a_list_in_markdown_is_remembered_as_it_stands(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "list.md"
    with MemoryBank.open(data / "recollect.db") as bank:
        bank.add("User likes tea.")
    file.write_text("# Memories\n\n- User likes tea.\n- User lives in Oslo.\n")
    async with settings_app(data).run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await begin_import(pilot, file)
        await sees(pilot, "✓ 1 of 2 items are remembered that were not before.")
    assert memories(data) == ["User likes tea.", "User lives in Oslo."]


async def test_everything_is_written_into_a_new_file_and_no_file_is_overwritten(tmp_path: Path) -> None:
    data, taken, new = tmp_path / "data", tmp_path / "taken.md", tmp_path / "new.md"
    with MemoryBank.open(data / "recollect.db") as bank:
        bank.add("User lives in Oslo.")
    taken.write_text("mine\n")
    async with settings_app(data).run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await pilot.press("e")
        await sees(pilot, "In which form?")
        await pilot.press("down", "enter")
        await sees(pilot, "it is not encrypted")
        await name_file(pilot, taken)
        await sees(pilot, "✗ ")
        await sees(pilot, "is there already.")
        await name_file(pilot, new)
        await sees(pilot, "holds 3 lines.")
    assert taken.read_text() == "mine\n"
    assert new.read_text().startswith("# Memories\n\n- User lives in Oslo. <!-- said ")
    assert new.stat().st_mode & 0o777 == 0o600


async def test_json_lines_hold_all_of_the_bank(tmp_path: Path) -> None:
    data, new = tmp_path / "data", tmp_path / "all.jsonl"
    async with settings_app(data).run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        await pilot.press("enter")
        await name_file(pilot, new)
        await until(pilot, new.exists)
    lines = new.read_text().splitlines()
    assert json.loads(lines[0])["recollect"] == 1
    assert json.loads(lines[-1]) == {"rows": len(lines) - 2}


async def test_b_makes_a_backup_and_the_list_shows_it(tmp_path: Path) -> None:
    async with settings_app(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await sees(pilot, "Back up now           there is none yet")
        await pilot.press("b")
        await sees(pilot, "Back up now           newest today, ")
        [backup] = (tmp_path / "backups").iterdir()
        with MemoryBank.open(backup) as copy:
            assert copy.memories() == []
        await point_at(pilot, "backups")
        await pilot.press("enter")
        await sees(pilot, f"kB  {backup.name}")
        await sees(pilot, "`recollect restore FILE`, while Recollect is closed")


async def test_the_next_backup_lets_go_what_is_more_than_is_to_be_kept(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir(parents=True)
    for day in (1, 2, 3):
        (folder / f"recollect-2020010{day}T120000Z.db").touch()
    async with settings_app(tmp_path).run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await point_at(pilot, "backups_kept")
        await pilot.press("enter")
        await name_file(pilot, 2)
        await sees(pilot, "✓ Backups kept: 2.")
        await pilot.press("b")
        await until(pilot, lambda: row(pilot, "backups").value == "2 backups")
    assert min(path.name for path in folder.iterdir()) == "recollect-20200103T120000Z.db"


async def test_a_proposal_of_an_import_can_be_accepted(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "diary.txt"
    file.write_text("I like tea.\n")
    script = ScriptedGenerator(manager=["ADD: User likes tea."], default_answer=ANSWER)
    async with settings_app(data, script).run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await begin_import(pilot, file)
        await sees(pilot, "Import diary.txt?")
        await pilot.press("y")
        await until(pilot, lambda: row(pilot, "inbox").value == "1 waits")
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen)
        [held] = await screen.backstage.bank(lambda bank: bank.proposals())
        done = await screen.backstage.bank(lambda bank: bank.accept(held.operation.id))
        assert done.status is OperationStatus.APPLIED
        await sees(pilot, "Inbox")
        assert "✗" not in screen_text(pilot)
    assert memories(data) == ["User likes tea."]


async def test_somebody_new_is_led_from_the_empty_chat_to_the_import(tmp_path: Path) -> None:
    async with settings_app(tmp_path).run_test(size=(96, 30)) as pilot:
        await sees(pilot, "Or bring along what you told ChatGPT or Claude · import an export")
        await pilot.press("shift+tab", "shift+tab", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskLine))
        await sees(pilot, "Import a file")
