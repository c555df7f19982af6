"""Multi-Session Chat's format, and MemGPT's variant with a question, as dialogues."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trainer.data.dialogues import msc
from trainer.data.wordings import Split
from trainer.dialogues import Asked, Said
from trainer.errors import TrainingError


def line(**changes: Any) -> dict[str, Any]:
    """Three sessions: 7 hours after the first one the second, and, as nobody noted it, a day after that the last."""
    made: dict[str, Any] = {
        "personas": [["I like tea."], ["I ski."]],
        "previous_dialogs": [
            {
                "personas": [[], []],
                "dialog": [{"text": "Hi, I like tea."}, {"text": "I ski."}, {"text": " "}, {"text": "Bye."}],
                "time_num": 7,
                "time_unit": "hours",
                "time_back": "1 day 7 hours ago",
            },
            {"dialog": [{"text": "Skied today?", "id": "speaker 2"}, {"text": "No.", "id": "speaker 1"}]},
        ],
        "dialog": [{"id": "Speaker 1", "text": "More tea!", "convai2_id": "x"}],
        "metadata": {"initial_data_id": "valid_1", "session_id": 2},
    }
    return made | changes


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_the_sessions_of_a_line_follow_each_other_and_the_speakers_take_turns(tmp_path: Path) -> None:
    folder = write(tmp_path / "session_4" / "valid.txt", line()).parent

    (dialogue,) = msc.read(folder, Split.DEV)

    first = datetime(2022, 1, 1, 12, tzinfo=UTC)
    second = datetime(2022, 1, 1, 19, tzinfo=UTC)
    assert dialogue.id == "session_4 dev line 1"
    assert dialogue.turns == (
        Said("1:1", "Speaker 1", "Hi, I like tea.", first),
        Said("1:2", "Speaker 2", "I ski.", first),
        Said("1:4", "Speaker 2", "Bye.", first),
        Said("2:1", "Speaker 2", "Skied today?", second),
        Said("2:2", "Speaker 1", "No.", second),
        Said("3:1", "Speaker 1", "More tea!", datetime(2022, 1, 2, 19, tzinfo=UTC)),
    )
    assert dialogue.questions == ()


def test_each_split_has_a_file_of_its_own(tmp_path: Path) -> None:
    for name, count in (("train.txt", 1), ("valid.txt", 2), ("test.txt", 3)):
        write(tmp_path / name, *[line()] * count)

    assert [len(msc.read(tmp_path, split)) for split in (Split.TRAIN, Split.DEV, Split.TEST)] == [1, 2, 3]


def test_the_variant_has_one_question_a_dialogue(tmp_path: Path) -> None:
    exchange = {"B": "What did you say you like to drink?", "A": "Tea!"}
    path = write(tmp_path / "msc_self_instruct.jsonl", line(self_instruct=exchange), line(self_instruct=exchange))

    first, second = msc.read_self_instruct(path)

    assert (first.id, second.id) == ("self-instruct line 1", "self-instruct line 2")
    assert first.questions == (Asked("What did you say you like to drink?", "Tea!", (), "self-instruct"),)
    assert len(first.turns) == 6
    assert msc.read_self_instruct(tmp_path) == (first, second)


@pytest.mark.parametrize(("count", "unit", "day"), [(2, "days", 3), (1, "Day", 2), (2, "weeks", 15), (48, "hour", 3)])
def test_time_passes_between_sessions_as_it_is_noted(tmp_path: Path, count: int, unit: str, day: int) -> None:
    before = {"dialog": [{"text": "Hi."}], "time_num": count, "time_unit": unit}
    write(tmp_path / "test.txt", line(previous_dialogs=[before]))

    (dialogue,) = msc.read(tmp_path, Split.TEST)

    assert dialogue.turns[-1].at == datetime(2022, 1, day, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"dialog": None}, 'line 1: "dialog" is missing.'),
        ({"dialog": [{"id": "Speaker 1"}]}, 'line 1.dialog[0]: "text" is missing.'),
        ({"dialog": [], "previous_dialogs": []}, "line 1: nothing is said there."),
        ({"previous_dialogs": [{"personas": []}]}, 'line 1.previous_dialogs[0]: "dialog" is missing.'),
        (
            {"previous_dialogs": [{"dialog": [], "time_num": 2, "time_unit": "moons"}]},
            "line 1.previous_dialogs[0].time_unit: a unit of time is minutes, hours, days or weeks.",
        ),
        (
            {"previous_dialogs": [{"dialog": [], "time_num": "2", "time_unit": "days"}]},
            "line 1.previous_dialogs[0].time_num: a number of units of time was expected here.",
        ),
        (
            {"previous_dialogs": [{"dialog": [], "time_num": 10**12, "time_unit": "days"}]},
            "line 1.previous_dialogs[0].time_num: so much time cannot pass.",
        ),
        ({"self_instruct": None}, 'line 1: "self_instruct" is missing.'),
        ({"self_instruct": {"B": "What?"}}, 'line 1.self_instruct: "A" is missing.'),
    ],
)
def test_a_line_of_another_form_is_refused_with_the_place_and_what_is_wrong(
    tmp_path: Path, row: dict[str, Any], said: str
) -> None:
    path = write(tmp_path / "msc.jsonl", line(**{"self_instruct": {"B": "What?", "A": "Tea."}} | row))
    with pytest.raises(TrainingError) as refused:
        msc.read_self_instruct(path)
    assert refused.value.message == f"{path}, {said}"


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "test.txt", line())
    path.write_text(path.read_text() + "\n{oops\n")
    with pytest.raises(TrainingError) as refused:
        msc.read(tmp_path, Split.TEST)
    assert refused.value.message.startswith(f"{path}, line 3: this is not JSON")


def test_an_empty_file_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "test.txt")
    with pytest.raises(TrainingError) as refused:
        msc.read(tmp_path, Split.TEST)
    assert refused.value.message == f"{path} is empty."
    with pytest.raises(TrainingError) as refused:
        msc.read(tmp_path, Split.TRAIN)
    assert refused.value.message == f"{tmp_path / 'train.txt'} cannot be read (No such file or directory)."
