"""The benchmark of training does the same work on both sides; how fast it is, is not asked here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import training as benchmark


def rounds(*pairs: tuple[list[float], list[float]]) -> list[dict[str, list[float]]]:
    return [{"ours": ours, "plain": plain} for ours, plain in pairs]


def test_a_row_compares_the_sides_in_each_round_and_says_where_the_floor_is_missed() -> None:
    result = {"algorithm": "grpo", "group": 8, "batch": 64, "completion": 25}
    result["rounds"] = rounds(([2.0, 1.0, 9.0], [4.0]), ([4.0], [4.0]), ([1.0], [4.0]))  # 32 to 16, 16 to 16, 64 to 16.
    name = "GRPO, 64 completions a step, 8 a prompt, 25 tokens each: samples a second"
    assert benchmark.grid([result])[1:] == [[name, "32.0", "16.0", "2.00", "1.00 to 4.00", "≥ 1.5", ""]]

    result["rounds"] = rounds(([3.0], [4.0]))
    assert benchmark.grid([result])[1][-2:] == ["≥ 1.5", "missed"]


def test_the_command_in_the_report_has_what_was_chosen_and_no_folder() -> None:
    options = benchmark._parser().parse_args(["--rounds", "1", "--json", "/somewhere/file.json"])
    assert benchmark._machine(options)["command"] == "python -m benchmarks.training --rounds 1"


@pytest.mark.slow
def test_both_sides_train_on_the_same_prompts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = "--rounds 1 --steps 1 --group 2 --batch 4 --completion 3 --vocabulary 2048 --lives 12 --threads 1"
    assert benchmark.main([*small.split(), "--json", str(tmp_path / "training.json")]) == 0

    report = json.loads((tmp_path / "training.json").read_text("utf-8"))
    [result] = report["results"]
    [[one], [other]] = (result["rounds"][0][who] for who in ("ours", "plain"))
    assert one > 0
    assert other > 0
    assert "GRPO, 4 completions a step, 2 a prompt, 3 tokens each: samples a second" in capsys.readouterr().out
