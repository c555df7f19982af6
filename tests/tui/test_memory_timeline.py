"""Somebody looks at what the bank learned over time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from assistant.memory import times
from assistant.memory.records import Growth
from assistant.tui.widgets.memory.plot import plot
from assistant.tui.widgets.memory.timeline import MemoryTimeline
from tests.tui.driving import screen_text, sees, until
from tests.tui.memory_screen import FACTS, bank_in, memory_mode


def three_days(data: Path, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Adds, changes and forgets, a day each; the last one today."""
    now = datetime.now().astimezone()
    with bank_in(data) as bank:
        monkeypatch.setattr(times, "now", lambda: now - timedelta(days=2))
        for fact in FACTS:
            bank.add(fact)
        monkeypatch.setattr(times, "now", lambda: now - timedelta(days=1))
        bank.edit(1, "User has two dogs.")
        monkeypatch.setattr(times, "now", lambda: now)
        bank.forget(2)
    monkeypatch.undo()
    return now


@pytest.mark.asyncio
async def test_changes_stand_under_their_days_newest_first_with_a_sign_each_and_who_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = three_days(tmp_path, monkeypatch)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("t")
        await sees(pilot, "- User works as a nurse.")
        text = screen_text(pilot)
        ago = [(now - timedelta(days=n)).date() for n in range(3)]
        days = [f" {day:%A} {day.day} {day:%B} {day.year}\n" for day in ago]
        assert text.index(days[0]) < text.index("- User works as a nurse.") < text.index(days[1])
        assert text.index("~ User has [-a dog named Buddy-]{+two dogs+}.") < text.index(days[2])
        assert text.index("+ User likes genmaicha tea.") < text.index("+ User has a dog named Buddy.")
        assert "+ added   ~ changed   - ended" in text
        assert f"{ago[2]}: 3 memories" in text
        assert f"{ago[0]}: 2 memories" in text
        assert "█" in text


@pytest.mark.asyncio
async def test_enter_shows_the_memory_even_if_it_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_days(tmp_path, monkeypatch)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("slash", *"tea", "down", "t")
        await sees(pilot, "- User works as a nurse.")
        await pilot.press("enter")
        await sees(pilot, "▸ Memories")
        await sees(pilot, "▸   User works as a nurse.")
        assert "forgotten" in screen_text(pilot)


@pytest.mark.asyncio
async def test_it_is_read_a_page_at_a_time_as_one_goes_down(tmp_path: Path) -> None:
    with bank_in(tmp_path) as bank:
        for number in range(450):
            bank.add(f"Fact {number:03}.")
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("t")
        await sees(pilot, "+ Fact 449.")
        lines = pilot.app.screen.query_one(MemoryTimeline)
        assert len(lines.operations) == 200
        await pilot.press("end")
        await until(pilot, lambda: len(lines.operations) == 400)
        await pilot.press("end")
        await until(pilot, lambda: len(lines.operations) == 450)
        await pilot.press("end")
        await sees(pilot, "+ Fact 000.")


@pytest.mark.asyncio
async def test_an_empty_one_says_what_will_stand_there(tmp_path: Path) -> None:
    async with memory_mode(tmp_path, (80, 24)) as pilot:
        await pilot.press("t")
        await sees(pilot, "Nothing has changed yet: whatever is remembered")
        await pilot.press("escape")
        await sees(pilot, "Nothing is remembered yet.")


def test_a_plot_is_as_wide_as_there_is_room_and_says_from_when_to_when_and_how_many() -> None:
    growth = [Growth(date(2026, 1, 1), 1, 1, 0, 0), Growth(date(2026, 1, 3), 4, 3, 0, 0)]
    assert plot(growth, 40, date(2026, 1, 5)) == [
        "4┤                   ███████████████████",
        " │                   ███████████████████",
        "0┤▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆███████████████████",
        "  2026-01-01: 1 memory  2026-01-05: 4 memories",
    ]
    assert plot([], 40, date(2026, 1, 5)) == []
    assert {len(line) for line in plot(growth, 90, date(2026, 1, 5))} == {90}


def test_a_plot_of_nothing_left_and_of_one_day_can_be_drawn() -> None:
    [*_, days] = plot([Growth(date(2026, 1, 1), 0, 1, 0, 1)], 60, date(2026, 1, 1))
    assert days.split() == ["2026-01-01:", "0", "memories", "2026-01-01:", "0", "memories"]
