"""Following a run by what it writes: whole lines only, once each, in memory that does not grow."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from assistant.training.metrics import METRICS, Curve, Watch, read_metrics


def write(folder: Path, *steps: int, **more: float) -> None:
    with (folder / METRICS).open("a") as file:
        for step in steps:
            file.write(json.dumps({"step": step, "loss": 1 / step, "seconds": step * 2, **more}) + "\n")


def test_only_what_is_new_is_read_and_half_a_line_waits(tmp_path: Path) -> None:
    assert read_metrics(tmp_path).lines == ()
    write(tmp_path, 1, 2)
    first = read_metrics(tmp_path)
    assert [line["step"] for line in first.lines] == [1, 2]
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 3, "lo')
    assert read_metrics(tmp_path, first.offset).lines == ()
    with (tmp_path / METRICS).open("a") as file:
        file.write('ss": 0.5}\n')
    assert [dict(line) for line in read_metrics(tmp_path, first.offset).lines] == [{"step": 3, "loss": 0.5}]


def test_lines_that_are_no_metrics_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text(
        'nonsense\n[1]\n{"loss": 1}\n{"step": "x"}\n{"step": 4, "loss": NaN, "by": "me", "done": true}\n'
    )
    assert [dict(line) for line in read_metrics(tmp_path).lines] == [{"step": 4}]


def test_a_long_file_is_read_in_pieces_that_lose_nothing(tmp_path: Path) -> None:
    write(tmp_path, *range(1, 101))
    seen, offset = [], 0
    while (reading := read_metrics(tmp_path, offset, most=200)).lines:
        seen += [line["step"] for line in reading.lines]
        offset = reading.offset
    assert seen == list(range(1, 101))


def test_a_watch_knows_pace_and_time_left(tmp_path: Path) -> None:
    watch = Watch(tmp_path, of=100)
    assert not watch.look()
    assert watch.seconds_left is None
    write(tmp_path, 10, 20, 30)
    assert watch.look()
    assert (watch.step, watch.seconds_a_step, watch.seconds_left) == (30, 2.0, 140.0)
    assert not watch.look()
    assert sorted(watch.curves) == ["loss"]
    assert watch.curves["loss"].last == pytest.approx(1 / 30)


def test_a_run_that_was_resumed_replaces_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    watch = Watch(tmp_path, of=100)
    write(tmp_path, 10, 20, 30)
    watch.look()
    write(tmp_path, 20, dev=0.5)
    watch.look()
    assert [step for step, _ in watch.curves["loss"].points()] == [10, 20]
    assert watch.seconds_a_step is None
    assert watch.curves["dev"].points() == [(20, 0.5)]


def test_a_file_that_was_begun_anew_is_read_anew(tmp_path: Path) -> None:
    watch = Watch(tmp_path, of=100)
    write(tmp_path, 10, 20, 30)
    watch.look()
    (tmp_path / METRICS).unlink()
    write(tmp_path, 5)
    watch.look()
    assert watch.curves["loss"].points() == [(5, 0.2)]
    assert watch.step == 5


def test_a_curve_of_any_length_holds_few_points_and_keeps_its_shape() -> None:
    curve = Curve(most=64)
    for step in range(1, 100_001):
        curve.add(step, float(step))
    points = curve.points()
    assert 32 <= len(points) <= 64
    assert curve.last == 100_000.0
    widths = {b - a for (a, _), (b, _) in pairwise(points)}
    assert widths == {2048}
    for step, value in points[1:-1]:
        assert value == step + 1023.5


def test_no_more_than_so_many_curves_are_kept(tmp_path: Path) -> None:
    write(tmp_path, 1, **{f"measure {number}": 1.0 for number in range(40)})
    watch = Watch(tmp_path)
    watch.look()
    assert len(watch.curves) == 16
