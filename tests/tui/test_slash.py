"""What begins with a slash is a command, and what only looks like one is a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank
from assistant.tui.slash import Command, Slash, as_message, completed, fitting, parse
from assistant.tui.widgets.chat.composer import Composer
from tests.scripted import ScriptedGenerator, cites
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("/remember I like tea.", Slash(Command.REMEMBER, "I like tea.")),
        ("  /WHY  ", Slash(Command.WHY, "")),
        ("/nonsense at all", "nonsense"),
        ("//usr is a folder", None),
        ("/usr/bin is a folder", None),
        ("Is it 1/2 or 1/3?", None),
        ("/remember\nme", None),
    ],
)
def test_a_command_is_told_from_a_message(text: str, parsed: Slash | str | None) -> None:
    assert parse(text) == parsed


def test_two_slashes_begin_a_message_with_one() -> None:
    assert as_message("//temp is a folder") == "/temp is a folder"
    assert as_message("/usr/bin") == "/usr/bin"


def test_a_command_is_completed_once_only_one_fits() -> None:
    assert fitting("/f") == [Command.FORGET, Command.FIND]
    assert (completed("/f"), completed("/fo"), completed("/forget "), completed("f")) == ("", "/forget ", "", "")


def remembered(data: Path) -> list[str]:
    with MemoryBank.open(data / "recollect.db") as bank:
        return [memory.text for memory in bank.memories()]


def nodding() -> ScriptedEngine:
    return ScriptedEngine(ScriptedGenerator(default_answer="Memories: none\nAnswer: I see.", default_manager="NOOP"))


@pytest.mark.asyncio
async def test_what_is_to_be_remembered_is_remembered_word_for_word_and_can_be_undone(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await say(pilot, "/remember I like tea.")
        await sees(pilot, "remembered: I like tea.")
        assert remembered(tmp_path) == ["I like tea."]
        await pilot.press("ctrl+z")
        await sees(pilot, "taken back: I like tea.")
    assert remembered(tmp_path) == []


@pytest.mark.asyncio
async def test_forgetting_asks_which_and_forgets_those_that_are_marked(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        for text in ("User likes tea.", "User likes green tea.", "User has a boat."):
            bank.add(text)
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "ready")
        await say(pilot, "/forget tea")
        await sees(pilot, "Which of these?")
        assert "boat" not in screen_text(pilot)
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: screen_text(pilot).count("[x]") == 2)
        await pilot.press("enter")
        await sees(pilot, "Forgotten; it does not come back")
    assert remembered(tmp_path) == ["User has a boat."]


@pytest.mark.asyncio
async def test_a_command_that_there_is_not_is_refused_and_stays_in_the_box(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await sees(pilot, "ready")
        await say(pilot, "/recall everything")
        await sees(pilot, "There is no /recall.")
        assert pilot.app.screen.query_one(Composer).text == "/recall everything"


@pytest.mark.asyncio
async def test_commands_are_offered_while_one_types_and_tab_completes(tmp_path: Path) -> None:
    async with app_with(tmp_path, nodding()).run_test(size=(96, 24)) as pilot:
        await pilot.press("/", "e")
        await sees(pilot, "/export [FILE]")
        assert "/remember" not in screen_text(pilot)
        await pilot.press("tab")
        assert pilot.app.screen.query_one(Composer).text == "/export "


@pytest.mark.asyncio
async def test_why_shows_the_memory_its_source_and_how_it_was_found(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(
            answer=["Memories: none\nAnswer: Hello, Buddy.", cites(1, answer="Buddy.")],
            manager=["ADD: User has a dog named Buddy.", "NOOP"],
        )
    )
    async with app_with(tmp_path, engine).run_test(size=(96, 30)) as pilot:
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "remembered: ")
        await say(pilot, "What is my dog called?")
        await sees(pilot, "1 memory used")
        await say(pilot, "/why")
        await sees(pilot, "Asked: What is my dog called?")
        await sees(pilot, "1. User has a dog named Buddy.")
        await sees(pilot, "“I adopted a dog named Buddy.”")
        await sees(pilot, "shares the words")
        await pilot.press("enter")
        await until(pilot, lambda: "Why this answer" not in screen_text(pilot))


@pytest.mark.asyncio
async def test_a_conversation_is_written_down_and_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = Path("talk.md")
    async with app_with(tmp_path / "data", nodding()).run_test(size=(120, 24)) as pilot:
        await say(pilot, "I have a boat.")
        await sees(pilot, "I see.")
        await say(pilot, f"/export {target}")
        await sees(pilot, "Written to ")
        await say(pilot, f"/export {target}")
        await sees(pilot, "is there already")
    text = target.read_text()
    assert "I have a boat." in text
    assert "I see." in text
    assert target.stat().st_mode & 0o777 == 0o600
