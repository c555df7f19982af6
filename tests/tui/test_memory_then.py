"""Somebody wants to know what was known on a day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from assistant.memory import times
from assistant.tui.widgets.memory.words import day_in
from tests.tui.driving import screen_text, sees, until
from tests.tui.memory_screen import active, bank_in, memory_mode

TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-03-01", date(2026, 3, 1)),
        ("2026-3-1", date(2026, 3, 1)),
        ("2026-02", date(2026, 2, 28)),
        ("2026-12", date(2026, 12, 31)),
        ("2025", date(2025, 12, 31)),
        ("-30", date(2026, 10, 28)),
        ("-2w", date(2026, 11, 13)),
        ("- 1 year", date(2025, 11, 27)),
        ("Yesterday", date(2026, 11, 26)),
        ("last  week", date(2026, 11, 20)),
        ("last month", date(2026, 10, 28)),
        ("2026-02-30", None),
        ("2026-13", None),
        ("-99999y", None),
        ("9999-12", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_day_is_read_as_people_write_it_or_not_at_all(said: str, day: date | None) -> None:
    assert day_in(said, TODAY) == day


@pytest.mark.asyncio
async def test_a_day_shows_what_was_known_then_read_only_and_esc_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now().astimezone()
    with bank_in(tmp_path) as bank:
        monkeypatch.setattr(times, "now", lambda: now - timedelta(days=40))
        bank.add("User has a dog named Buddy.")
        monkeypatch.setattr(times, "now", lambda: now - timedelta(days=1))
        bank.edit(1, "User has two dogs.")
        bank.pin(1)
        bank.add("User likes tea.")
    monkeypatch.undo()
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("d")
        await sees(pilot, "What was known on…")
        await pilot.press(*"soon", "enter")
        await sees(pilot, "That is no day I can read.")
        await pilot.press(*["backspace"] * 4, *"2999-01-01", "enter")
        await sees(pilot, "That day is yet to come.")
        await pilot.press(*["backspace"] * 10, *"-30", "enter")
        await sees(pilot, "◷ As it was known on")
        await until(pilot, lambda: "▸   User has a dog named Buddy." in screen_text(pilot))
        assert "read-only" in screen_text(pilot)
        assert "User likes tea." not in screen_text(pilot)
        for key in ("p", "f", "u", "a"):
            await pilot.press(key)
            await sees(pilot, "which nobody can change. Esc returns to today.")
        await pilot.press("escape")
        await sees(pilot, "♦ User has two dogs.")
        assert "◷" not in screen_text(pilot)
        assert active(tmp_path) == ["User has two dogs.", "User likes tea."]


@pytest.mark.asyncio
async def test_a_day_before_the_first_memory_says_that_nothing_was_known(tmp_path: Path) -> None:
    with bank_in(tmp_path) as bank:
        bank.add("User likes tea.")
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("d")
        await sees(pilot, "What was known on…")
        await pilot.press(*"2001", "enter")
        await sees(pilot, "Nothing was known yet on that day. Esc returns to today.")
        await pilot.press("escape")
        await sees(pilot, "User likes tea.")
