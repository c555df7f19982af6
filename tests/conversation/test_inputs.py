"""What may become a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.conversation.inputs import clean_text, title_of
from assistant.errors import InputError


def test_newlines_and_tabs_stay_and_other_control_characters_go():
    assert clean_text("one\r\ntwo\rthree\n\tfour\x00\x1b[2J\x7f\x9b") == "one\ntwo\nthree\n\tfour[2J"


def test_blanks_and_a_byte_order_mark_around_a_text_go():
    assert clean_text("\ufeff  Hello, 世界 👨\u200d👩\u200d👧!\n\n") == "Hello, 世界 👨\u200d👩\u200d👧!"


@pytest.mark.parametrize("text", ["", "   ", "\n\t\n", "\x00\x07", "\ufeff"])
def test_a_text_with_nothing_in_it_is_refused(text):
    with pytest.raises(InputError) as refused:
        clean_text(text)
    assert refused.value.message == "The text is empty."


def test_a_text_of_100_000_characters_is_taken_and_a_longer_one_refused():
    assert len(clean_text("x" * 100_000)) == 100_000
    with pytest.raises(InputError) as refused:
        clean_text("x" * 100_001)
    assert refused.value.message == "The text is too long: 100,001 characters, and 100,000 are the most."


def test_a_text_with_half_a_character_is_refused():
    with pytest.raises(InputError) as refused:
        clean_text("caf\udce9")
    assert refused.value.message == "The text is not valid UTF-8."


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_cleaning_a_clean_text_changes_nothing(text):
    try:
        cleaned = clean_text(text)
    except InputError:
        return
    assert clean_text(cleaned) == cleaned


def test_a_conversations_title_is_the_first_line_of_its_first_message():
    assert title_of("  Hello there.\nHow are you?") == "Hello there."
    assert title_of("x" * 60) == "x" * 60
    assert title_of("word " * 20) == "word word word word word word word word word word word word…"
