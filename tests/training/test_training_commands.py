"""`recollect training` and `recollect runs` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.cli import main
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.training import runs
from tests.training.going import PROGRAM, begin, ended, finished, steps, until


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(runs, "PROGRAM", PROGRAM)
    return Paths(tmp_path)


def fill(paths: Paths) -> None:
    with MemoryBank.open(paths) as bank:
        conversation = bank.new_conversation("Dogs").id
        for text in ("Mail anna@example.org.", "Anna has a dog."):
            bank.add_message(conversation, "user", text)
            bank.add_message(conversation, "assistant", "I see.")
        bank.add_message(bank.new_conversation("Hello").id, "user", "Hello.")


def test_what_may_be_learned_from_is_listed_with_why_not(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    fill(paths)
    assert main(["training"]) == 0
    told = capsys.readouterr()
    assert told.out == (
        "[-]     2  Hello  (1 message, 0 decisions, too short)\n"
        "[x]     1  Dogs  (2 messages, 0 decisions, 1 of 2 held out)\n"
    )
    assert "1 of 2 conversations may be learned from: 2 messages of yours, 0 decisions." in told.err
    assert main(["training", "data", "--json"]) == 0
    told_json = json.loads(capsys.readouterr().out)
    assert (told_json["messages"], told_json["held_out"]) == (2, 1)
    assert [one["why_not"] for one in told_json["conversations"]] == ["too short", None]


def test_a_conversation_is_shown_with_what_is_taken_out(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    fill(paths)
    assert main(["training", "words", "--hide", "Anna"]) == 0
    capsys.readouterr()
    assert main(["training", "preview", "1"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "you (held out): Mail [email: anna@example.org].",
        "assistant (held out): I see.",
        "you: [private: Anna] has a dog.",
        "assistant: I see.",
    ]
    assert told.err == "Taken out: 1 email, 1 private.\n"
    assert main(["training", "words", "--show", "anna", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["training", "preview", "99"]) == 3


def test_an_empty_bank_says_what_there_is_not(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["training", "data"]) == 0
    assert "Nothing was said yet" in capsys.readouterr().err
    assert main(["runs"]) == 0
    assert "`recollect runs start starter` begins a run" in capsys.readouterr().err


def test_a_run_is_listed_shown_stopped_and_resumed(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    paths.create()
    run = begin(paths, pace="0.02")
    until(lambda: steps(run) >= 3)
    assert main(["runs", "list"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("train the starter model anew  running")
    assert main(["runs", "show", run.name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["state"], told["seed"]) == (run.name, "running", 0)
    assert told["step"] >= 3
    assert main(["runs", "stop", run.name]) == 0
    assert "is stopping" in capsys.readouterr().out
    assert ended(paths, run).state == "stopped"
    assert main(["runs", "stop", run.name]) == 2
    assert main(["runs", "resume", run.name]) == 0
    assert ended(paths, run).state == "finished"


def test_a_model_is_adopted_and_left_again(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    paths.create()
    better, worse = finished(paths), finished(paths, shares="0.1")
    assert main(["runs", "show", better.name]) == 0
    shown = capsys.readouterr().out
    assert "operations        80.0%    90.0%" in shown
    assert main(["runs", "adopt", better.name]) == 0
    assert "is used from the next start of the chat" in capsys.readouterr().out
    assert main(["runs", "adopt", worse.name]) == 2, "there is nobody to ask"
    assert main(["runs", "adopt", worse.name, "--yes", "--json"]) == 0
    capsys.readouterr()
    assert main(["runs", "roll-back"]) == 0
    assert capsys.readouterr().out == f"{worse.name} is no longer used; {better.name} is again.\n"
    assert main(["runs", "roll-back"]) == 0
    assert main(["runs", "roll-back"]) == 2
    assert main(["runs", "show", "nothing"]) == 3
