"""Reading files of the LoCoMo format."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from assistant.conversation.locomo import choose, read_locomo
from assistant.conversation.recordings import RecordedTurn
from assistant.errors import InputError
from tests.conversation.recorded import sample, write

MAY = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def test_sessions_come_in_the_order_of_their_numbers_with_their_dates(tmp_path):
    [conversation] = read_locomo(write(tmp_path))
    assert conversation.name == "conv-1"
    assert conversation.speakers == ("Ann", "Bob")
    assert conversation.turns == (
        RecordedTurn("Ann", "I moved to Oslo.", MAY, "locomo:conv-1:D2:1"),
        RecordedTurn("Bob", "I have a car.", MAY, "locomo:conv-1:D2:2"),
        RecordedTurn("Ann", "Look! (shares a picture: a photo of a fjord)", MAY, "locomo:conv-1:D2:3"),
        RecordedTurn("Ann", "I love it here.", MAY, "locomo:conv-1:D2:4"),
        RecordedTurn("Bob", "I sold my car.", datetime(2024, 1, 1, 0, 5, tzinfo=UTC), "locomo:conv-1:D10:1"),
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12:00 pm on 29 February, 2024", datetime(2024, 2, 29, 12, 0, tzinfo=UTC)),
        ("12:59 am on 3 September, 2022", datetime(2022, 9, 3, 0, 59, tzinfo=UTC)),
        ("11:01 PM on 31 December 2023".replace("PM", "pm"), datetime(2023, 12, 31, 23, 1, tzinfo=UTC)),
    ],
)
def test_dates_are_read(tmp_path, written, meant):
    recorded = sample()
    recorded["conversation"]["session_2_date_time"] = written
    [conversation] = read_locomo(write(tmp_path, recorded))
    assert conversation.turns[0].said_at == meant


@pytest.mark.parametrize(
    "written", ["", "8 May 2023", "1:56 pm on 31 June, 2023", "13:56 pm on 8 May, 2023", "1:56 pm on 8 Mai, 2023"]
)
def test_a_date_that_is_none_is_named(tmp_path, written):
    recorded = sample()
    recorded["conversation"]["session_2_date_time"] = written
    with pytest.raises(InputError) as refused:
        read_locomo(write(tmp_path, recorded))
    assert refused.value.message == f"The date {written!r} cannot be read."


def test_a_single_conversation_without_a_list_is_read_too(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(sample("conv-9")))
    assert [conversation.name for conversation in read_locomo(path)] == ["conv-9"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[]", "holds no conversation"),
        (b"[1]", "is not in the LoCoMo format"),
        (b"{}", "is not in the LoCoMo format (the key 'sample_id' is missing)"),
        (b'[{"sample_id": "c", "conversation": []}]', "holds no conversation"),
        (b'[{"sample_id": "c", "conversation": 7}]', "is not in the LoCoMo format"),
        (b'[{"sample_id": "c", "conversation": {"session_1": []}}]', "the key 'session_1_date_time' is missing"),
    ],
)
def test_a_file_of_another_form_is_refused_with_what_is_wrong(tmp_path, content, said):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_locomo(path)
    assert said in refused.value.message
    assert str(path) in refused.value.message


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError) as refused:
        read_locomo(tmp_path / "none.json")
    assert refused.value.message == f"{tmp_path / 'none.json'} cannot be read (No such file or directory)."


def three():
    second, third = sample("conv-2"), sample("conv-3")
    for turns in (third["conversation"]["session_2"], third["conversation"]["session_10"]):
        for turn in turns:
            turn["speaker"] = {"Ann": "Eve", "Bob": "Bob"}[turn["speaker"]]
    return [sample("conv-1"), second, third]


def test_a_conversation_is_chosen_by_name_or_by_who_speaks_in_it(tmp_path):
    conversations = read_locomo(write(tmp_path, *three()))
    assert choose(conversations, "conv-2", []).name == "conv-2"
    assert choose(conversations, None, ["Eve"]).name == "conv-3"
    assert choose(conversations[:1], None, []).name == "conv-1"
    assert choose(conversations, None, ["Bob", "Eve"]).name == "conv-3"


@pytest.mark.parametrize(
    ("name", "speakers", "said"),
    [
        (None, ["Ann"], "The file holds 2 conversations that fit: conv-1, conv-2. Choose one with --conversation."),
        (None, [], "The file holds 3 conversations that fit: conv-1, conv-2, conv-3. Choose one with --conversation."),
        ("conv-4", [], "The file holds no conversation conv-4. It holds conv-1, conv-2, conv-3."),
        ("conv-1", ["Eve"], "Nobody called Eve speaks there. The speakers are conv-1: Ann and Bob."),
    ],
)
def test_where_none_or_several_fit_the_choice_is_asked_for(tmp_path, name, speakers, said):
    conversations = read_locomo(write(tmp_path, *three()))
    with pytest.raises(InputError) as refused:
        choose(conversations, name, speakers)
    assert str(refused.value) == said
