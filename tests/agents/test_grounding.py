"""Which words of a text its writer was not given."""

from __future__ import annotations

import pytest

from assistant.agents.grounding import invented_words

GIVEN = ["Now: Nia: I've two newts, and O'Hara has a Dog!", "Nia speaks Sindhi and Yiddish."]


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("nia speaks Sinddish", {"sinddish"}),
        ("Nia's dog", set()),
        ("a newt and dogs", set()),
        ("O'Hara has a yak", {"yak"}),
        ("is called", {"called"}),
        ("", set()),
    ],
)
def test_words_that_stand_nowhere_are_invented(text: str, invented: set[str]) -> None:
    assert invented_words(text, GIVEN, {"is", "s", "has"}) == invented
