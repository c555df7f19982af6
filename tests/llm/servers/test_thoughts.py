from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.llm.servers.thoughts import HiddenThoughts


def shown(*pieces: str, thinking: bool = False) -> str:
    thoughts = HiddenThoughts(thinking=thinking)
    return "".join(map(thoughts.feed, pieces)) + thoughts.rest()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>Two dogs?</think>\n\nTwo.", "Two."),
        ("\n <think></think>Two.", "Two."),
        ("<think>a</think>\n<think>b</think> Two.", "Two."),
        ("<think>never closed", ""),
        ("<think>a</think>", ""),
        ("<think>a</thin", ""),
        ("Two. <think>spoken</think>", "Two. <think>spoken</think>"),
        ("<thinner than a dog", "<thinner than a dog"),
        ("<thin", "<thin"),
        ("  Two.", "  Two."),
        ("Two.</think>", "Two.</think>"),
        ("", ""),
        (" \n", " \n"),
    ],
)
def test_what_a_text_begins_to_think_is_left_out_however_it_comes_in_pieces(text: str, left: str) -> None:
    assert shown(text) == left
    assert shown(*text) == left


def test_a_text_that_begins_within_a_thought_shows_what_follows_it() -> None:
    assert shown("Two dogs?", "</thi", "nk>\nTwo.", thinking=True) == "Two."
    assert shown("Two dogs?", thinking=True) == ""


def test_what_is_no_thought_is_shown_at_once() -> None:
    thoughts = HiddenThoughts()
    assert [thoughts.feed(piece) for piece in ("<", "b", ">", " Two")] == ["", "<b", ">", " Two"]


def test_the_marks_can_be_others() -> None:
    thoughts = HiddenThoughts("[THINK]", "[/THINK]")
    assert thoughts.feed("[THINK]Two dogs?[/THINK]<think>Two.") == "<think>Two."


@given(st.text("<think>/ab \n"), st.lists(st.integers(0, 30)))
def test_pieces_show_what_the_whole_text_does(text: str, cuts: list[int]) -> None:
    text = f"<think>{text}"
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    assert shown(*(text[a:b] for a, b in pairwise(places))) == shown(text)
