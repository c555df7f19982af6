"""The Settings mode, about health: what a check has found and what to do, mending, and what was logged."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from assistant import health
from assistant.findings import Finding, Part, Status
from assistant.paths import Paths
from tests.tui.driving import screen_text, sees, until
from tests.tui.settings_driving import in_settings, point_at, row, settings_app

pytestmark = pytest.mark.asyncio

DAMAGED = [
    Finding(Part.FOLDER, Status.GOOD, "The folder is yours alone."),
    Finding(Part.BANK, Status.PROBLEM, "3 vectors are broken or missing", "`recollect doctor --rebuild` mends it."),
    Finding(Part.EMBEDDER, Status.WARNING, "The sentence model is not there."),
]
WHOLE = [Finding(Part.BANK, Status.GOOD, "The bank is whole.")]


async def test_h_checks_everything_and_says_with_marks_and_words_what_to_do(tmp_path: Path) -> None:
    asked = []

    def examine(mend: bool) -> list[Finding]:
        asked.append(mend)
        return DAMAGED

    async with settings_app(tmp_path, examine=examine).run_test(size=(120, 60)) as pilot:
        await in_settings(pilot)
        assert "not checked yet" in screen_text(pilot)
        assert asked == []
        await pilot.press("h")
        await sees(pilot, "✗ Check everything      1 thing is wrong (")
        await sees(pilot, "✓ Data folder           The folder is yours alone.")
        await sees(pilot, "✗ Bank                  3 vectors are broken or missing")
        await sees(pilot, "→ `recollect doctor --rebuild` mends it.")
        await sees(pilot, "! Search by meaning     The sentence model is not there.")
        await point_at(pilot, "finding:2")
        await sees(pilot, "Worth a look.")
        assert asked == [False]


async def test_what_really_is_there_is_checked_and_changed_by_nothing(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    app = settings_app(tmp_path, examine=lambda mend: health.check(paths, rebuild=mend))
    async with app.run_test(size=(120, 60)) as pilot:
        await in_settings(pilot)
        await pilot.press("h")
        await sees(pilot, "✓ Bank                  The bank is whole (")
        assert "worth a look" in row(pilot, "check").value


async def test_the_list_can_be_used_while_it_is_checked(tmp_path: Path) -> None:
    go = threading.Event()

    def examine(_: bool) -> list[Finding]:
        go.wait()
        return WHOLE

    async with settings_app(tmp_path, examine=examine).run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        try:
            await pilot.press("h")
            await sees(pilot, "… Check everything      checking…")
            await pilot.press("h")
            await sees(pilot, "It is being checked already.")
            await point_at(pilot, "theme")
            await pilot.press("enter")
            await until(pilot, lambda: row(pilot, "theme").value == "dark")
        finally:
            go.set()
        await sees(pilot, "✓ Checked: all is well")


async def test_indexes_are_made_anew_only_if_one_says_yes(tmp_path: Path) -> None:
    asked = []

    def examine(mend: bool) -> list[Finding]:
        asked.append(mend)
        return WHOLE if mend else DAMAGED

    async with settings_app(tmp_path, examine=examine).run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        await pilot.press("m")
        await sees(pilot, "Make the indexes anew?")
        await sees(pilot, "No text is touched.")
        await pilot.press("n")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert asked == []
        await pilot.press("enter")
        await sees(pilot, "Make the indexes anew?")
        await pilot.press("y")
        await sees(pilot, "✓ Bank                  The bank is whole.")
        assert asked == [True]


async def test_without_anything_that_checks_the_command_is_named(tmp_path: Path) -> None:
    async with settings_app(tmp_path).run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        await pilot.press("h")
        await sees(pilot, "✗ There is nothing here that checks. `recollect doctor` does.")


async def test_l_shows_how_the_logs_end_and_o_the_other_one(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    app = settings_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await in_settings(pilot)
        await pilot.press("l")
        await sees(pilot, "✗ Nothing has been logged yet.")
        lines = "".join(f"line {number} [bold]\n" for number in range(9000))
        (logs / "recollect.log").write_text(lines)
        (logs / "engine.log").write_text("llama.cpp said \x1b[2Jhello\n")
        await pilot.press("l")
        await sees(pilot, "line 8999 [bold]")
        shown = screen_text(pilot)
        assert "line 0 " not in shown
        await pilot.press("o")
        await sees(pilot, "llama.cpp said �[2Jhello")
        await pilot.press("escape")
        await sees(pilot, "Settings")
        assert len(app.screen_stack) == 1
