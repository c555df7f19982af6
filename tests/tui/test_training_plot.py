"""Curves as plots that can be read without any colour."""

from __future__ import annotations

import pytest

from assistant.tui.widgets.training.plot import number, plot


def test_a_plot_has_its_numbers_and_its_steps_written_to_it() -> None:
    lines = plot([(step, 4.0 - step / 100) for step in range(0, 301, 50)], 40, 5)

    assert lines[0].startswith("  4┤")
    assert lines[2].startswith("2.5┤")
    assert lines[4].startswith("  1┤")
    assert lines[5] == "    0                           step 300"
    assert {len(line) for line in lines} == {40}


def test_a_falling_curve_falls_and_a_steep_one_has_no_gaps() -> None:
    lines = plot([(1, 1.0), (2, 0.0), (100, 0.0)], 30, 4)
    marked = [[x for x, cell in enumerate(line) if "\u2800" < cell <= "\u28ff"] for line in lines]

    assert [cells[0] for cells in marked[:4]] == [2, 2, 2, 2]
    assert marked[3] == list(range(2, 30))
    assert marked[0] == [2]


def test_what_is_yet_to_come_stays_empty() -> None:
    lines = plot([(0, 1.0), (50, 0.0)], 42, 4, of=100)

    marked = {x for line in lines for x, cell in enumerate(line) if "\u2800" < cell <= "\u28ff"}
    assert (min(marked), max(marked)) == (2, 22)
    assert lines[-1].endswith("step 100")


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0, 1e-9])
def test_a_level_curve_stands_in_the_middle(value: float) -> None:
    lines = plot([(0, value), (10, value)], 30, 5)
    is_drawn = [any("\u2800" < cell <= "\u28ff" for cell in line) for line in lines]
    assert is_drawn == [False, False, True, False, False, False]


def test_without_room_or_points_there_is_none() -> None:
    assert plot([(0, 1.0)], 80, 5) == []
    assert plot([(0, 1.0), (1, 2.0)], 23, 5) == []
    assert plot([(0, 1.0), (1, 2.0)], 80, 1) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (4.2136, "4.21"), (0.01234, "0.0123"), (123.4, "123"), (28000, "28,000"), (0.0000123, "1.2e-05")],
)
def test_numbers_take_few_characters(value: float, told: str) -> None:
    assert number(value) == told
