"""LongMemEval's format as dialogues, one a question."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trainer.data.dialogues import longmemeval
from trainer.dialogues import Asked, Said
from trainer.errors import TrainingError


def item(**changes: Any) -> dict[str, Any]:
    """Two sessions of a user and an assistant, of which the later one stands first."""
    made: dict[str, Any] = {
        "question_id": "q1",
        "question_type": "knowledge-update",
        "question": "How many bikes do I own?",
        "answer": 4,
        "question_date": "2023/06/30 (Fri) 23:40",
        "haystack_dates": ["2023/06/11 (Sun) 14:05", "2023/05/20 (Sat) 02:21"],
        "haystack_session_ids": ["s", "s"],
        "haystack_sessions": [
            [
                {"role": "assistant", "content": "Hello again."},
                {"role": "user", "content": "I bought a fourth bike.", "has_answer": True},
            ],
            [
                {"role": "user", "content": "I own three bikes.", "has_answer": True},
                {"role": "assistant", "content": "Great!", "has_answer": False},
                {"role": "user", "content": ""},
                {"role": "user", "content": "Bye."},
            ],
        ],
        "answer_session_ids": ["s"],
    }
    return made | changes


def write(folder: Path, *items: Any) -> Path:
    path = folder / "longmemeval_oracle.json"
    path.write_text(json.dumps(items), "utf-8")
    return path


def test_a_question_has_its_sessions_in_the_order_of_their_dates_and_what_answers_it(tmp_path: Path) -> None:
    (dialogue,) = longmemeval.read(write(tmp_path, item()))

    may, june = datetime(2023, 5, 20, 2, 21, tzinfo=UTC), datetime(2023, 6, 11, 14, 5, tzinfo=UTC)
    assert dialogue.id == "q1"
    assert dialogue.turns == (
        Said("1:1", "User", "I own three bikes.", may),
        Said("1:2", "Assistant", "Great!", may, assistant=True),
        Said("1:4", "User", "Bye.", may),
        Said("2:1", "Assistant", "Hello again.", june, assistant=True),
        Said("2:2", "User", "I bought a fourth bike.", june),
    )
    assert dialogue.questions == (Asked("How many bikes do I own?", "4", ("1:1", "2:2"), "knowledge-update"),)


def test_in_a_folder_it_is_the_oracles_file(tmp_path: Path) -> None:
    (tmp_path / "longmemeval_s.json").write_text("no JSON")
    write(tmp_path, item())

    assert [dialogue.id for dialogue in longmemeval.read(tmp_path)] == ["q1"]


def test_where_no_message_is_marked_those_of_the_user_in_the_answering_sessions_are_evidence(tmp_path: Path) -> None:
    user, assistant = {"role": "user", "content": "B."}, {"role": "assistant", "content": "C."}
    sessions = [[{"role": "user", "content": "A."}], [user, assistant, user]]
    unmarked = item(haystack_sessions=sessions, haystack_session_ids=["a", "b"], answer_session_ids=["b"])

    (dialogue,) = longmemeval.read(write(tmp_path, unmarked))

    assert dialogue.questions[0].evidence == ("1:1", "1:3")


def test_an_id_that_ends_so_is_of_a_question_that_nothing_answers(tmp_path: Path) -> None:
    (dialogue,) = longmemeval.read(write(tmp_path, item(question_id="q1_abs", answer="You did not say.")))

    assert dialogue.questions == (
        Asked("How many bikes do I own?", "You did not say.", (), "knowledge-update", abstain=True),
    )


def test_a_question_may_say_on_which_day_it_is_asked(tmp_path: Path) -> None:
    (dialogue,) = longmemeval.read(write(tmp_path, item()), dated=True)

    assert dialogue.questions[0].text == "Today is 30 June 2023. How many bikes do I own?"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"question_id": None}, '[0]: "question_id" is missing.'),
        ({"answer": None}, '[0]: "answer" is missing.'),
        ({"haystack_dates": ["2023/06/11"]}, "[0]: there are 2 sessions, but 1 dates and 2 ids of them."),
        (
            {"haystack_dates": ["2023/06/11", "2023/02/30 (Thu) 10:00"]},
            "[0].haystack_dates[1]: the date '2023/02/30 (Thu) 10:00' cannot be read; "
            "one looks like '2023/05/20 (Sat) 02:21'.",
        ),
        (
            {"haystack_sessions": [[], [{"role": "system", "content": "No."}]]},
            '[0].haystack_sessions[1][0].role: a role is "user" or "assistant".',
        ),
        ({"haystack_sessions": [[], [{"role": "user"}]]}, '[0].haystack_sessions[1][0]: "content" is missing.'),
        ({"haystack_sessions": [[], []]}, "[0].haystack_sessions: nothing is said there."),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_place_and_what_is_wrong(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = write(tmp_path, item(**changes))
    with pytest.raises(TrainingError) as refused:
        longmemeval.read(path)
    assert refused.value.message == f"{path}, {said}"


def test_a_file_without_a_question_or_with_one_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="it holds no question"):
        longmemeval.read(write(tmp_path))
    with pytest.raises(TrainingError, match=r"\[1\]: there is another q1"):
        longmemeval.read(write(tmp_path, item(), item()))
