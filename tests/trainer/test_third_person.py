"""Questions about oneself, turned into questions about somebody with a name."""

from __future__ import annotations

import re

import pytest

from trainer.data.third_person import third_person
from trainer.data.wordings import Split, Wordings


@pytest.mark.parametrize(
    ("question", "turned"),
    [
        ("Where do I live?", "Where does {S} live?"),
        ("Do I like {x}?", "Does {S} like {x}?"),
        ("Am I a fan of {x}?", "Is {S} a fan of {x}?"),
        ("what am I allergic to", "what is {S} allergic to"),
        ("How many {species}s have I got?", "How many {species}s has {S} got?"),
        ("Tell me where I work.", "Tell me where {S} works."),
        ("Do you know where I go in {month}?", "Do you know where {S} goes in {month}?"),
        ("Did I tell you where I live?", "Did I tell you where {S} lives?"),
        ("I forgot, what's my job?", "I forgot, what's {S}'s job?"),
        ("My {relation}s, how many are there?", "{S}'s {relation}s, how many are there?"),
    ],
)
def test_a_question_is_turned_and_its_speaker_stays(question: str, turned: str) -> None:
    assert third_person(question) == turned


@pytest.mark.parametrize("question", ["Who employs me?", "How many {species}s are mine?", "What do we call it?", "Hm?"])
def test_what_cannot_be_turned_for_sure_is_not(question: str) -> None:
    assert third_person(question) is None


def test_nearly_all_questions_are_turned_and_no_word_of_the_first_person_but_in_asides_is_left() -> None:
    say = Wordings.load(Split.TRAIN).say
    for pool in [name for name in say if name.endswith("_me")]:
        turned = say[f"{pool.removesuffix('_me')}_turned"]
        assert len(turned) > 0.5 * len(say[pool]), pool
        for question in turned:
            assert "{S}" in question
            assert not re.search(r"\b(my|mine|we|our|us)\b", question, re.IGNORECASE), question
