"""Curves of runs are drawn from what they have told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from trainer.errors import TrainingError
from trainer.plotting import curves, plot


def run_with(
    folder: Path, metrics: Sequence[Mapping[str, object]], watched: Sequence[Mapping[str, object]] = ()
) -> Path:
    folder.mkdir()
    for name, lines in (("metrics.jsonl", metrics), ("evaluation.jsonl", watched)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def ppo(tmp_path: Path) -> Path:
    metrics = [{"step": 1, "reward": 0.25, "loss": 2}, {"step": 2, "reward": 0.5, "epoch": "x"}]
    return run_with(tmp_path / "ppo", metrics, [{"step": 0, "reward": 0.125}, {"step": 2, "reward": 0.75}])


def test_each_number_is_a_curve_and_what_is_held_out_one_beside_it(ppo: Path) -> None:
    assert curves(ppo) == {
        "reward": [(1, 0.25), (2, 0.5)],
        "loss": [(1, 2.0)],
        "held out": [(0, 0.125), (2, 0.75)],
    }


def test_a_line_that_is_on_its_way_is_left_out(ppo: Path) -> None:
    with (ppo / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "rew')
    assert curves(ppo)["reward"] == [(1, 0.25), (2, 0.5)]


def test_runs_are_drawn_beside_each_other_as_png_or_svg(ppo: Path, tmp_path: Path) -> None:
    grpo = run_with(tmp_path / "grpo", [{"step": 1, "reward": 0.5, "kl": 0.01}])
    assert plot([ppo, grpo], tmp_path / "pictures" / "both.svg") == ("held out", "reward", "loss", "kl")
    drawn = (tmp_path / "pictures" / "both.svg").read_text()
    for words in ("held out", "reward", "kl", "ppo", "grpo", "step"):
        assert f"<!-- {words} -->" in drawn
    assert plot([ppo], tmp_path / "one.png", ["loss"]) == ("loss",)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_said(ppo: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"None of the runs tells of losss. They tell of reward, loss, held out\."):
        plot([ppo], tmp_path / "one.png", ["losss"])
    with pytest.raises(TrainingError, match=r"one\.jpg says no kind of picture"):
        plot([ppo], tmp_path / "one.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="has told nothing yet"):
        plot([tmp_path / "empty"], tmp_path / "one.png")
