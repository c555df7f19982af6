"""Which part of a message an operation rests on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.memory.quoting import quoted

MESSAGE = "What a day! I adopted a dog, Buddy. My sister came by. We ate at 5.30 p.m."


def test_the_sentence_that_says_it_is_quoted() -> None:
    span = quoted(MESSAGE, "User has a dog named Buddy.")
    assert span is not None
    assert span.of(MESSAGE) == "I adopted a dog, Buddy."


def test_a_point_inside_a_number_ends_no_sentence() -> None:
    span = quoted(MESSAGE, "User ate at 5.30.")
    assert span is not None
    assert span.of(MESSAGE).startswith("We ate at 5.30")


def test_what_shares_no_word_is_not_quoted() -> None:
    assert quoted(MESSAGE, "User plays chess.") is None
    assert quoted("", "User plays chess.") is None


@given(st.text(), st.text())
def test_a_quote_is_a_part_of_its_message(message: str, text: str) -> None:
    span = quoted(message, text)
    assert span is None or (0 <= span.begin < span.end <= len(message) and span.of(message).strip())
