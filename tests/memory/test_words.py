"""Words as the index knows them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.memory.words import content, meaning, spaced, stems


def test_words_are_small_letters_without_accents_and_endings() -> None:
    assert stems("Running with Zoë's two dogs!") == ["run", "with", "zoe", "s", "two", "dog"]


def test_words_that_say_nothing_have_no_content() -> None:
    assert content("What did I tell you about my dogs?") == {"dog"}


def test_scripts_without_spaces_are_taken_apart() -> None:
    assert spaced("I like 寿司 a lot").split() == ["I", "like", "寿", "司", "a", "lot"]
    assert stems("東京に住む") == ["東", "京", "に", "住", "む"]
    assert spaced("Zoë likes sushi.") == "Zoë likes sushi."


@given(st.text())
def test_every_text_has_words_or_none(text: str) -> None:
    assert all(stems(text))


def test_the_same_words_in_other_forms_mean_the_same_and_in_another_order_not() -> None:
    assert meaning("User likes the tea.") == meaning("The user is liking tea")
    assert meaning("User has 2 sons and 3 dogs") != meaning("User has 3 sons and 2 dogs")
    assert meaning("User eats meat") != meaning("User does not eat meat")
    assert meaning("User eats meat") != meaning("User doesn't eat meat")
