"""Somebody looks through what is remembered."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual import events
from textual.content import Content
from textual.pilot import Pilot

from assistant.memory.bank import MemoryBank
from assistant.tui.widgets.memory.facets import MemoryFacets
from assistant.tui.widgets.memory.places import MemoryPlaces
from assistant.tui.widgets.memory.rows import Column, ago, columns, on_one_line
from assistant.tui.widgets.memory.search import MemorySearch
from assistant.tui.widgets.memory.table import MemoryTable
from tests.tui.driving import screen_text, sees, until
from tests.tui.memory_screen import FACTS, bank_in, memory_mode, remember


def listed(pilot: Pilot[None]) -> list[str]:
    """The texts in the table, from above."""
    return [row.text for row in pilot.app.screen.query_one(MemoryTable).shown]


@pytest.mark.asyncio
async def test_the_newest_memory_stands_first_with_its_kind_and_the_day_since_when(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        text = screen_text(pilot)
        day = f"{datetime.now().astimezone():%Y-%m-%d}"
        assert re.search(rf"▸   User likes genmaicha tea\. +preference  {day}", text)
        assert listed(pilot) == ["User likes genmaicha tea.", "User works as a nurse.", "User has a dog named Buddy."]
        assert "3 memories · ♦ pinned   ⊘ never used" in text


@pytest.mark.asyncio
async def test_typing_filters_at_once_by_parts_of_words_and_esc_shows_all_again(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("slash", *"DOG bud")
        await sees(pilot, "1 of 3 memories")
        assert listed(pilot) == ["User has a dog named Buddy."]
        await pilot.press("escape")
        await sees(pilot, "3 memories")
        assert len(listed(pilot)) == 3
        assert pilot.app.screen.query_one(MemoryTable).has_focus


@pytest.mark.asyncio
async def test_what_is_typed_stands_while_one_goes_down_into_the_list(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("slash", *"nurse", "down")
        await until(pilot, lambda: pilot.app.screen.query_one(MemoryTable).has_focus)
        assert listed(pilot) == ["User works as a nurse."]
        await pilot.press("escape")
        await sees(pilot, "3 memories")


@pytest.mark.asyncio
async def test_enter_searches_by_words_and_meaning_and_says_by_which_each_was_found(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("slash", *"nursing the tea", "enter")
        await sees(pilot, "best first, by words and meaning")
        assert sorted(listed(pilot)) == ["User likes genmaicha tea.", "User works as a nurse."]
        assert "Found by" in screen_text(pilot)
        assert re.search(r"User works as a nurse\. +\w+ +words ", screen_text(pilot))
        await pilot.press("slash", "x")
        await sees(pilot, "No memory matches.")


@pytest.mark.asyncio
async def test_keys_and_clicks_show_one_kind_or_all(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        number = next(n for n in "123456" if f"{n} preference" in screen_text(pilot))
        await pilot.press(number)
        await sees(pilot, "1 of 3 memories")
        assert listed(pilot) == ["User likes genmaicha tea."]
        assert "▸ preference 1" in screen_text(pilot)
        await pilot.click(MemoryFacets, offset=(4, 0))
        await sees(pilot, "▸ all 3")
        assert len(listed(pilot)) == 3


@pytest.mark.asyncio
async def test_a_click_above_a_column_sorts_by_it_and_another_the_other_way_round(tmp_path: Path) -> None:
    remember(tmp_path, "b two", "a one", "c three")
    async with memory_mode(tmp_path) as pilot:
        await pilot.click(MemoryTable, offset=(8, 0))
        await sees(pilot, "Memory ▲")
        assert listed(pilot) == ["a one", "b two", "c three"]
        await pilot.click(MemoryTable, offset=(8, 0))
        await sees(pilot, "Memory ▼")
        assert listed(pilot) == ["c three", "b two", "a one"]
        await pilot.press("S")
        await sees(pilot, "Memory ▲")
        await pilot.press("s", "s")
        await sees(pilot, "Since ▼")
        assert listed(pilot) == ["c three", "a one", "b two"]


@pytest.mark.asyncio
async def test_the_wheel_clicks_and_keys_move_through_a_long_list(tmp_path: Path) -> None:
    remember(tmp_path, *(f"Fact {n:03}." for n in range(200)))
    async with memory_mode(tmp_path) as pilot:
        table = pilot.app.screen.query_one(MemoryTable)
        await pilot.press("end")
        await sees(pilot, "▸   Fact 000.")
        await pilot.press("home", "pagedown")
        await until(pilot, lambda: table.here == table.size.height - 2)
        await pilot.press("home", "j", "j", "k")
        await sees(pilot, "▸   Fact 198.")
        await pilot.click(MemoryTable, offset=(10, 5))
        await sees(pilot, "▸   Fact 195.")
        await pilot._post_mouse_events([events.MouseScrollDown], MemoryTable)
        await until(pilot, lambda: table.scroll_offset.y > 0)
        assert table.here == 4


@pytest.mark.asyncio
async def test_those_that_ended_are_shown_on_demand_with_how_they_stand(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    with bank_in(tmp_path) as bank:
        bank.forget(1)
    async with memory_mode(tmp_path) as pilot:
        assert "User has a dog" not in screen_text(pilot)
        await pilot.press("v")
        await sees(pilot, "State")
        assert re.search(r"User has a dog named Buddy\. +\w+ +forgotten", screen_text(pilot))
        assert "v ▸ with ended" in screen_text(pilot)
        await pilot.press("v")
        await until(pilot, lambda: "User has a dog" not in screen_text(pilot))


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (20, 8), (1, 1)])
async def test_wide_characters_emoji_and_right_to_left_text_keep_the_columns_in_line(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    texts = (
        "日本語のテキストが長く続いて列を越えるまで書かれている文章です",
        "🐕 dogs 🇵🇹 and é e\u0301",
        "עברית العربية",
        "x",
    )
    remember(tmp_path, *texts)
    async with memory_mode(tmp_path, size) if size[0] >= 80 else memory_mode(tmp_path, (80, 24)) as pilot:
        await pilot.resize_terminal(*size)
        await pilot.pause(0.1)
        widths = {strip.cell_length for strip in pilot.app.screen._compositor.render_strips()}
        assert widths == {size[0]}
        if size[0] >= 80:
            day = f"{datetime.now().astimezone():%Y-%m-%d}"
            lines = [line for line in screen_text(pilot).split("\n") if f"  {day}" in line]
            assert len(lines) == 4
            assert len({Content(line.partition(f"  {day}")[0]).cell_length for line in lines}) == 1


@pytest.mark.asyncio
async def test_brackets_escapes_and_what_nobody_can_see_are_only_text(tmp_path: Path) -> None:
    assert on_one_line("a\u202eb\x1b[31m\nc") == "a⟨U+202E⟩b�[31m c"
    remember(tmp_path, "[bold]x[/bold] [@click=app.quit]y[/]")
    async with memory_mode(tmp_path) as pilot:
        assert "[bold]x[/bold] [@click=app.quit]y[/]" in screen_text(pilot)


@pytest.mark.asyncio
async def test_an_empty_bank_says_what_to_do_and_the_key_it_names_works(tmp_path: Path) -> None:
    async with memory_mode(tmp_path, (80, 24)) as pilot:
        await sees(pilot, "Nothing is remembered yet. Tell me something about yourself")
        await pilot.press("a")
        await sees(pilot, "A new memory")
        await pilot.press(*"Tea", "enter")
        await sees(pilot, "✓ Added: Tea · u takes it back")
        assert "Nothing is remembered yet" not in screen_text(pilot)


@pytest.mark.asyncio
async def test_what_the_model_remembers_meanwhile_comes_in_and_the_line_at_hand_stays(tmp_path: Path) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("down")
        await sees(pilot, "▸   User works as a nurse.")
        await pilot.app.backstage.bank(lambda bank: bank.add("User plays the oboe."))  # type: ignore[attr-defined]
        pilot.app.memory_changed.publish(None)  # type: ignore[attr-defined]
        await sees(pilot, "User plays the oboe.")
        assert "▸   User works as a nurse." in screen_text(pilot)


@pytest.mark.asyncio
async def test_ten_thousand_memories_need_no_more_widgets_than_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(tmp_path, *FACTS)
    async with memory_mode(tmp_path) as pilot:
        with_three = len(list(pilot.app.screen.walk_children()))
    with bank_in(tmp_path) as bank:
        [row, *_] = bank.memory_rows()
    many = [replace(row, memory=replace(row.memory, id=n, text=f"Fact number {n}.")) for n in range(1, 10_001)]
    monkeypatch.setattr(MemoryBank, "memory_rows", lambda bank, **_: many)  # To write them takes ten seconds.
    async with memory_mode(tmp_path) as pilot:
        await sees(pilot, "10,000 memories")
        await pilot.press("end", "home", "slash", *"777")
        await sees(pilot, "19 of 10,000 memories")
        assert len(list(pilot.app.screen.walk_children())) <= with_three + 5


@pytest.mark.asyncio
async def test_without_any_colour_the_screen_still_says_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    remember(tmp_path, *FACTS)
    with bank_in(tmp_path) as bank:
        bank.pin(1)
        bank.never_use(2)
        bank.edit(3, "User likes sencha tea.")
    async with memory_mode(tmp_path) as pilot:
        await pilot.press("space")
        text = screen_text(pilot)
        assert pilot.app.no_color
        assert " ✓  User likes sencha tea." in text
        assert "▸ ⊘ User works as a nurse." in text
        assert "  ♦ User has a dog named Buddy." in text
        await pilot.press("up")
        await sees(pilot, "User likes [-genmaicha-]{+sencha+} tea.")


@pytest.mark.asyncio
async def test_the_places_can_be_clicked(tmp_path: Path) -> None:
    async with memory_mode(tmp_path) as pilot:
        await pilot.click(MemoryPlaces, offset=(15, 0))
        await sees(pilot, "▸ Inbox 0")
        await pilot.press("t")
        await sees(pilot, "▸ Timeline")
        await pilot.press("slash")
        await sees(pilot, "▸ Memories")
        assert pilot.app.screen.query_one(MemorySearch).has_focus


def test_at_80_columns_the_text_gets_the_room_and_at_120_there_is_more_to_read() -> None:
    assert [column for column, _ in columns(76, with_state=False, with_found=False)] == [
        Column.TEXT,
        Column.KIND,
        Column.SINCE,
    ]
    assert [column for column, _ in columns(120, with_state=True, with_found=False)] == [
        Column.TEXT,
        Column.KIND,
        Column.STATE,
        Column.SINCE,
        Column.USED,
    ]
    assert [column for column, _ in columns(150, with_state=False, with_found=False)] == [
        Column.TEXT,
        Column.KIND,
        Column.SINCE,
        Column.USED,
        Column.SOURCE,
    ]
    assert columns(30, with_state=True, with_found=True) == [(Column.TEXT, 30)]
    for width in range(20, 200):
        found = columns(width, with_state=True, with_found=True)
        assert sum(cells for _, cells in found) + 2 * (len(found) - 1) == width


def test_how_long_ago_fits_its_column() -> None:
    now = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    told = [ago(now - timedelta(minutes=m), now) for m in (0, 5, 61, 60 * 49, 60 * 24 * 20, 60 * 24 * 364, 1_500_000)]
    assert told == ["just now", "5 m ago", "1 h ago", "2 d ago", "2 wk ago", "11 mo ago", "2 yr ago"]
    assert ago(None, now) == "never"
