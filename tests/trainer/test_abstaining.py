from __future__ import annotations

import pytest

from trainer.abstaining import abstains
from trainer.data.lives import ABSTAIN


@pytest.mark.parametrize(
    "answer",
    [
        ABSTAIN,
        "I don't know that yet",
        "I don\u2019t know.",
        "I DO NOT KNOW!",
        "Sorry, but I don't know where you live.",
        "I'm afraid I can't say.",
        "I'm not sure.",
        "I have no idea.",
        "I cannot recall that.",
        "I do not have any information about that, sorry.",
        "I have no information on her job.",
        "You haven't told me that yet. Would you like to tell me?",
        "You never mentioned it - let me know!",
        "No information available",
        "There is no mention of a cat.",
        "Not mentioned in the conversation.",
        "It is not mentioned.",
        "Her job has not been mentioned.",
        "Your address isn't known to me.",
        "The memories do not say.",
        "Based on the memories provided, it has never been stated.",
        "Unknown.",
        "n/a",
        "**Not available**",
    ],
)
def test_saying_in_whatever_words_that_one_does_not_know(answer: str) -> None:
    assert abstains(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "...",
        "Sorry.",
        "No",
        "Lima",
        "In Lima",
        "From Lima. I don't know.",
        "I don't know, maybe Lima.",
        "I don't know. It's Lima.",
        "I don't know (Lima?)",
        "I don't know \u2013 Lima",
        "I'm not sure. Lima?",
        "I don't know where, but he lives in Lima.",
        "According to Bob, not mentioned",
        "I know that.",
        "Not far from Lima",
        "He is not known for cooking.",
        "He was never given a dog.",
        "She never told Bob.",
        "You told me: Lima",
    ],
)
def test_naming_something_all_the_same_is_not_abstaining(answer: str) -> None:
    assert not abstains(answer)
