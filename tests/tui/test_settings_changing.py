"""The Settings mode, about what is set: changed in place, written to the file, taken back, and fixed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from assistant import log
from assistant.errors import StorageError
from assistant.memory.bank import MemoryBank
from assistant.memory.deciding import Mode
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.screens.asking import AskLine
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, screen_text, sees, until
from tests.tui.settings_driving import QUIET, in_settings, point_at, row, settings_app

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    yield
    log.stop()


def told(data: Path) -> str:
    """What the file says, without its first line."""
    file = data / "config.toml"
    return file.read_text().partition("\n")[2] if file.exists() else ""


async def test_enter_goes_through_the_looks_and_d_back_to_the_default(tmp_path: Path) -> None:
    app = settings_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        await sees(pilot, "▸   Look                  auto                      default")
        await pilot.press("enter")
        await until(pilot, lambda: told(tmp_path) == 'theme = "dark"\n')
        await pilot.press("space")
        await sees(pilot, "▸   Look                  light                     from config.toml")
        assert (told(tmp_path), app.theme) == ('theme = "light"\n', "recollect-light")
        await pilot.press("left")
        await until(pilot, lambda: app.theme == "recollect-dark")
        await sees(pilot, "Enter changes it · d goes back to the default")
        await pilot.press("d")
        await sees(pilot, "▸   Look                  auto                      default")
        assert told(tmp_path) == ""


async def test_what_was_set_holds_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('theme = "light"\n')
    assert settings_app(tmp_path).theme == "recollect-light"


async def test_keys_that_are_pressed_fast_all_count(tmp_path: Path) -> None:
    async with settings_app(tmp_path).run_test(size=(80, 24)) as pilot:
        screen = await in_settings(pilot)
        await point_at(pilot, "log")
        for _ in range(3):  # Without a pause in between, as a key that is held down.
            screen.settings_list.action_step(1)
        await until(pilot, lambda: told(tmp_path) == 'log = "errors"\n')
        await until(pilot, lambda: row(pilot, "log").value == "errors")


async def test_what_the_environment_sets_cannot_be_changed_here_and_it_is_said_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_THEME", "light")
    app = settings_app(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        assert app.theme == "recollect-light"
        await sees(pilot, "▸   Look                  light                     from RECOLLECT_THEME")
        await sees(pilot, "start Recollect without that")
        assert "Enter changes it" not in screen_text(pilot)
        await pilot.press("enter", "d")
        await sees(pilot, "Look: RECOLLECT_THEME sets it in the environment that Recollect was started in")
        assert told(tmp_path) == ""


async def test_a_number_is_asked_for_until_it_can_be_used(tmp_path: Path) -> None:
    async with settings_app(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        await point_at(pilot, "threads")
        await pilot.press("enter")
        await sees(pilot, "Threads: auto or a whole number from 1 to 256. Usually auto.")
        for wrong in ("lots", "257"):
            pilot.app.screen.query_one(Input).value = wrong
            await pilot.press("enter")
            await sees(pilot, f"✗ threads cannot be '{wrong}'.")
        assert told(tmp_path) == ""
        pilot.app.screen.query_one(Input).value = "4"
        await pilot.press("enter")
        await until(pilot, lambda: told(tmp_path) == "threads = 4\n")
        await sees(pilot, "4                         from config.toml")
        await sees(pilot, "from the next start on")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskLine))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, AskLine))
        assert told(tmp_path) == "threads = 4\n"


async def test_what_becomes_of_proposals_is_kept_in_the_bank_and_told_to_the_chat(tmp_path: Path) -> None:
    app = settings_app(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await point_at(pilot, "mode")
        await pilot.press("enter")
        await sees(pilot, "What is proposed      ask                       kept in the bank")
        await pilot.press("enter")
        await sees(pilot, "What is proposed      off (paused)")
        with MemoryBank.open(tmp_path / "recollect.db") as bank:
            assert bank.mode is Mode.OFF
        await pilot.press("f2")
        await sees(pilot, "remembering is paused")
        await pilot.press("f6", "d")
        await until(pilot, lambda: row(pilot, "mode").value == "automatic")
        with MemoryBank.open(tmp_path / "recollect.db") as bank:
            assert bank.mode is Mode.AUTOMATIC


async def test_a_click_points_and_a_second_one_changes(tmp_path: Path) -> None:
    async with settings_app(tmp_path).run_test(size=(80, 24)) as pilot:
        screen = await in_settings(pilot)
        at = (12, 3)  # The key that sends: two lines below the title.
        await pilot.click(screen.settings_list, offset=at)
        await sees(pilot, "▸   Key that sends        enter")
        assert told(tmp_path) == ""
        await pilot.click(screen.settings_list, offset=at)
        await until(pilot, lambda: told(tmp_path) == 'send_key = "alt+enter"\n')


async def test_tab_goes_from_section_to_section_and_around(tmp_path: Path) -> None:
    async with settings_app(tmp_path).run_test(size=(80, 24)) as pilot:
        screen = await in_settings(pilot)
        reached = []
        for _ in range(6):
            await pilot.press("tab")
            assert screen.settings_list.row is not None
            reached.append(screen.settings_list.row.key)
        assert reached == ["mode", "model:answer", "import", "check", "file", "theme"]
        await sees(pilot, "Look and keys")


async def test_a_passphrase_is_said_to_be_set_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_PASSPHRASE", "open sesame")
    async with settings_app(tmp_path).run_test(size=(120, 60)) as pilot:
        await in_settings(pilot)
        await sees(pilot, "Passphrase            set in the environment    from RECOLLECT_PASSPHRASE")
        await sees(pilot, "Encryption            the bank is a plain file")
        assert "sesame" not in screen_text(pilot)


async def test_what_cannot_be_used_in_the_file_is_told_and_keeps_nothing_from_working(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('theme = "pink"\nlog = "off"\n')
    async with settings_app(tmp_path).run_test(size=(160, 60)) as pilot:
        await in_settings(pilot)
        await sees(pilot, "! Something that was set is not used")
        await sees(pilot, "is not used: theme cannot be 'pink'")
        assert (row(pilot, "theme").value, row(pilot, "log").value) == ("auto", "off")
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "config.toml").read_text() == 'theme = "dark"\nlog = "off"\n')


async def test_a_change_that_cannot_be_written_is_told_and_changes_nothing(tmp_path: Path) -> None:
    app = settings_app(tmp_path)
    (tmp_path / "config.toml").mkdir()
    async with app.run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        before = app.theme
        await pilot.press("enter")
        await sees(pilot, "✗ The settings in")
        assert (row(pilot, "theme").value, app.theme) == ("auto", before)
        assert len(app.problems) == 1


async def test_settings_can_be_changed_while_the_bank_cannot_be_opened(tmp_path: Path) -> None:
    def no_bank(_: object) -> MemoryBank:
        raise StorageError("The disk is gone.", "Plug it in.")

    paths = Paths(tmp_path)
    paths.create()
    app = RecollectApp(lambda: ScriptedEngine(ScriptedGenerator(**QUIET)), no_bank, paths)  # type: ignore[arg-type]
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.current_mode == "CHAT")
        await pilot.press("f6")
        await sees(pilot, "✗ The disk is gone. Plug it in.")
        await sees(pilot, "! What is proposed      not known")
        await pilot.press("enter")
        await until(pilot, lambda: told(tmp_path) == 'theme = "dark"\n')


async def test_the_log_is_written_as_is_set_at_once(tmp_path: Path) -> None:
    async with settings_app(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        await point_at(pilot, "log")
        await pilot.press("right")
        await until(pilot, lambda: row(pilot, "log").value == "full")
        log.event("something happened")
        assert "something happened" in (tmp_path / "logs" / "recollect.log").read_text()


async def test_the_inbox_and_what_is_left_out_are_one_key_away(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.keep_private(["Zurich"])
        bank.exclude_conversation(bank.new_conversation("about work").id, True)
    app = settings_app(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await in_settings(pilot)
        await sees(pilot, "Left out of learning  1 conversation, 1 word")
        await sees(pilot, "Inbox                 nothing waits")
        await point_at(pilot, "learning")
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "TRAINING")
        await pilot.press("f6")
        await point_at(pilot, "inbox")
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "MEMORY")
        await sees(pilot, "▸ Inbox")
