"""What has changed between two wordings is shown by words, and nothing of either is lost."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from assistant.memory.diffing import Piece, PieceKind, changes


def marked(before: str, after: str) -> str:
    """The changes on one line: what is gone in brackets, what is new in braces."""
    marks = {PieceKind.SAME: "{}", PieceKind.GONE: "[{}]", PieceKind.NEW: "{{{}}}"}
    return "".join(marks[piece.kind].format(piece.text) for piece in changes(before, after))


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("User lives in Oslo.", "User lives in Bergen.", "User lives in [Oslo]{Bergen}."),
        (
            "User has a dog named Buddy.",
            "User has two dogs named Buddy and Scout.",
            "User has [a dog]{two dogs} named Buddy{ and Scout}.",
        ),
        ("User likes tea.", "User no longer likes tea.", "User{ no longer} likes tea."),
        ("User really likes tea.", "User likes tea.", "User[ really] likes tea."),
        ("User's cat", "User's dog", "User's [cat]{dog}"),
        ("tea", "tea", "tea"),
        ("", "tea", "{tea}"),
        ("tea", "", "[tea]"),
        ("a  b", "a b", "a[  ]{ }b"),
        ("我住在巴黎。", "我住在里昂。", "我住在[巴黎]{里昂}。"),
        ("red, green", "blue, grey", "[red]{blue}, [green]{grey}"),
    ],
)
def test_a_change_is_shown_by_words(before: str, after: str, shown: str) -> None:
    assert marked(before, after) == shown


def test_nothing_has_no_pieces() -> None:
    assert changes("", "") == []
    assert changes("tea", "tea") == [Piece(PieceKind.SAME, "tea")]


WORDS = st.lists(st.sampled_from(["tea", "User", " ", "  ", "likes", ".", "'s", "-", "\n", "巴", "é"])).map("".join)


@given(WORDS, WORDS)
def test_the_pieces_give_both_texts_back(before: str, after: str) -> None:
    pieces = changes(before, after)
    assert "".join(piece.text for piece in pieces if piece.kind is not PieceKind.NEW) == before
    assert "".join(piece.text for piece in pieces if piece.kind is not PieceKind.GONE) == after
    assert all(piece.text for piece in pieces)
