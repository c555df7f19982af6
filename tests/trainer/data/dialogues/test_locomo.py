"""LoCoMo's own format as dialogues with questions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trainer.data.dialogues import locomo
from trainer.data.wordings import Split
from trainer.dialogues import Asked, Said
from trainer.errors import TrainingError


def turn(speaker: str, dia_id: str, text: str, **more: Any) -> dict[str, Any]:
    return {"speaker": speaker, "dia_id": dia_id, "text": text, **more}


def asked(question: str, answer: Any, category: int, *evidence: str) -> dict[str, Any]:
    return {"question": question, "answer": answer, "category": category, "evidence": list(evidence)}


def sample(name: str = "conv-26", *qa: dict[str, Any]) -> dict[str, Any]:
    """Two people in two sessions, of which the later one stands first; a third has a date and no turns."""
    return {
        "sample_id": name,
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Bob",
            "session_10_date_time": "12:05 am on 1 January, 2024",
            "session_10": [turn("Bob", "D10:1", "I sold my car."), turn("Ann", "D10:2", " ")],
            "session_2_date_time": "1:56 pm on 8 May, 2023",
            "session_2": [
                turn("Ann", "D2:1", "I moved to Oslo."),
                turn("Bob", "D2:2", "Look!", img_url=["a.jpg"], blip_caption="a photo of a car"),
            ],
            "session_11_date_time": "9:00 am on 2 January, 2024",
        },
        "qa": list(qa),
    }


def write(folder: Path, *samples: Any) -> Path:
    path = folder / "locomo.json"
    path.write_text(json.dumps(samples), "utf-8")
    return path


def test_messages_come_in_the_order_of_their_sessions_by_speakers_of_their_own_names(tmp_path: Path) -> None:
    (dialogue,) = locomo.read(write(tmp_path, sample()))

    may = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert dialogue.id == "conv-26"
    assert dialogue.turns == (
        Said("D2:1", "Ann", "I moved to Oslo.", may),
        Said("D2:2", "Bob", "Look! (shares a picture: a photo of a car)", may),
        Said("D10:1", "Bob", "I sold my car.", datetime(2024, 1, 1, 0, 5, tzinfo=UTC)),
    )
    assert dialogue.questions == ()


def test_a_question_has_its_gold_answer_as_text_and_its_category_by_locomos_own_name(tmp_path: Path) -> None:
    qa = (
        asked("What do they share?", "a car, Oslo", 1, "D2:1", "D2:2"),
        asked("When?", 2023, 2, "D2:1"),
        asked("Would she ski?", "Likely yes", 3),
        asked(" Where? ", "Oslo", 4, "D2:1"),
    )
    (dialogue,) = locomo.read(write(tmp_path, sample("conv-26", *qa)))

    assert dialogue.questions == (
        Asked("What do they share?", "a car, Oslo", ("D2:1", "D2:2"), "multi-hop"),
        Asked("When?", "2023", ("D2:1",), "temporal"),
        Asked("Would she ski?", "Likely yes", (), "open-domain"),
        Asked("Where?", "Oslo", ("D2:1",), "single-hop"),
    )


def test_adversarial_questions_are_there_on_request_and_then_only_abstaining_is_right(tmp_path: Path) -> None:
    wrong = {"question": "Where did Bob move?", "adversarial_answer": "Oslo", "category": 5, "evidence": ["D2:1"]}
    path = write(tmp_path, sample("conv-26", wrong, asked("Where?", "Oslo", 4, "D2:1")))

    assert [q.text for d in locomo.read(path) for q in d.questions] == ["Where?"]
    (dialogue,) = locomo.read(path, adversarial=True)
    assert dialogue.questions[0] == Asked(
        "Where did Bob move?", "I don't know that yet.", (), "adversarial", abstain=True
    )
    assert len(dialogue.questions) == 2


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["D2:1; D10:1"], ("D2:1", "D10:1")),
        (["D10:1 D2:1 D2:2"], ("D10:1", "D2:1", "D2:2")),
        (["D:10:1"], ("D10:1",)),
        (["D2:01"], ("D2:1",)),
        (["D2:1", "D", "D10:1"], ("D2:1", "D10:1")),
        (["D2:19", "D2:2"], ("D2:2",)),
        (["D10:2"], ()),
        (["D2:1", "D2:1"], ("D2:1",)),
        ([], ()),
        (None, ()),
    ],
    ids=["semicolon", "blanks", "colon", "nought", "no number", "not there", "says nothing", "twice", "none", "null"],
)
def test_evidence_that_is_written_otherwise_is_read_as_far_as_it_can_be(
    tmp_path: Path, written: list[str] | None, read: tuple[str, ...]
) -> None:
    question = {"question": "Where?", "answer": "Oslo", "category": 4, "evidence": written}
    (dialogue,) = locomo.read(write(tmp_path, sample("conv-26", question)))

    assert dialogue.questions[0].evidence == read


def test_a_split_is_the_papers(tmp_path: Path) -> None:
    names = ["conv-26", "conv-30", "conv-41", "conv-42", "conv-43", "conv-44", "conv-47", "conv-48", "conv-49"]
    path = write(tmp_path, *map(sample, [*names, "conv-50"]))

    def of(split: Split | None) -> list[str]:
        return [dialogue.id for dialogue in locomo.read(path, split)]

    assert of(Split.TRAIN) == ["conv-26"]
    assert of(Split.DEV) == ["conv-30"]
    assert of(Split.TEST) == [*names[2:], "conv-50"]
    assert of(None) == [*names, "conv-50"]


def test_a_split_of_which_the_file_holds_nothing_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, sample())
    with pytest.raises(TrainingError) as refused:
        locomo.read(path, Split.DEV)
    assert refused.value.message == f"{path} holds no conversation of the dev split."


def broken(change: Any) -> dict[str, Any]:
    made = sample("conv-26", asked("Where?", "Oslo", 4, "D2:1"))
    change(made)
    return made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("sample_id"), '[0]: "sample_id" is missing.'),
        (lambda s: s.pop("qa"), '[0]: "qa" is missing.'),
        (lambda s: s.update(conversation=7), "[0].conversation: an object was expected here."),
        (lambda s: s["conversation"].update(session_2={}), "[0].conversation.session_2: a list was expected here."),
        (
            lambda s: s["conversation"]["session_2"][1].pop("speaker"),
            '[0].conversation.session_2[1]: "speaker" is missing.',
        ),
        (
            lambda s: s["conversation"]["session_2"][1].update(dia_id="D2:1"),
            "[0].conversation.session_2[1]: there is another D2:1.",
        ),
        (
            lambda s: s["conversation"]["session_2"][0].update(text="\ud800"),
            "[0].conversation.session_2[0].text: the text is no Unicode.",
        ),
        (lambda s: s["qa"][0].pop("answer"), '[0].qa[0]: "answer" is missing.'),
        (lambda s: s["qa"][0].update(answer=True), "[0].qa[0].answer: a text was expected here."),
        (lambda s: s["qa"][0].update(answer=" "), "[0].qa[0].answer: there is no text."),
        (lambda s: s["qa"][0].update(category=6), "[0].qa[0].category: a category is a number from 1 to 5."),
        (lambda s: s["qa"][0].update(category="4"), "[0].qa[0].category: a category is a number from 1 to 5."),
        (lambda s: s["qa"][0].update(category=True), "[0].qa[0].category: a category is a number from 1 to 5."),
        (lambda s: s["qa"][0].update(category=[4]), "[0].qa[0].category: a category is a number from 1 to 5."),
        (lambda s: s["qa"][0].update(evidence="D2:1"), "[0].qa[0].evidence: a list was expected here."),
        (lambda s: s["qa"][0].update(evidence=[3]), "[0].qa[0].evidence[0]: a text was expected here."),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_place_and_what_is_wrong(
    tmp_path: Path, change: Any, said: str
) -> None:
    path = write(tmp_path, broken(change))
    with pytest.raises(TrainingError) as refused:
        locomo.read(path)
    assert refused.value.message == f"{path}, {said}"
    assert refused.value.hint == "It must be LoCoMo's own file: a JSON list of {sample_id, conversation, qa}."


def test_a_date_that_is_none_is_named_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, broken(lambda s: s["conversation"].update(session_2_date_time="8 May")))
    with pytest.raises(TrainingError) as refused:
        locomo.read(path)
    assert refused.value.message == f"{path}: The date '8 May' cannot be read."


def test_two_conversations_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, sample("conv-26"), sample("conv-26"))
    with pytest.raises(TrainingError) as refused:
        locomo.read(path)
    assert refused.value.message == f"{path}, [1]: there is another conv-26."


@pytest.mark.parametrize(
    ("content", "said"), [("", " is not JSON"), ("{", " is not JSON"), ("[]", " holds no conversation"), ("7", ": an ")]
)
def test_a_file_that_holds_nothing_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "locomo.json"
    path.write_text(content)
    with pytest.raises(TrainingError) as refused:
        locomo.read(path)
    assert refused.value.message.startswith(f"{path}{said}")


def test_the_file_is_found_in_its_folder(tmp_path: Path) -> None:
    write(tmp_path, sample()).rename(tmp_path / "locomo10.json")

    assert [dialogue.id for dialogue in locomo.read(tmp_path)] == ["conv-26"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as refused:
        locomo.read(tmp_path / "none.json")
    assert refused.value.message == f"{tmp_path / 'none.json'} cannot be read (No such file or directory)."
