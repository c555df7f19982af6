"""Simulated lives as dialogues: questions that can be put at the end, and what was told of their answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trainer.data import facts
from trainer.data.dialogues.lives import dialogue, lives, moments
from trainer.data.lives import ABSTAIN, Change, Life, Question, Turn
from trainer.data.simulate import simulate
from trainer.data.storyteller import IN_TRAINING
from trainer.data.wordings import Split, Wordings
from trainer.dialogues import Asked, Said

WORDINGS = {split: Wordings.load(split) for split in Split}

BUDDY = facts.pet("User", "dog", ("Buddy",))
BOTH = facts.pet("User", "dog", ("Buddy", "Scout"))
LIMA, OSLO = facts.home("User", "Lima"), facts.home("User", "Oslo")


def told(text: str, *changes: Change, asked: tuple[Question, ...] = ()) -> Turn:
    return Turn("User", text, "news", (), changes, asked)


ONE_DOG = Question("pet.ask_count", "How many dogs do I have?", "one", BUDDY)
TWO_DOGS = Question("pet.ask_name", "What are my dogs called?", "Buddy and Scout", BOTH)
NO_CAT = Question("pet.ask_name", "What is my cat called?", ABSTAIN, None)
NO_CAR = Question("car.ask", "What do I drive?", ABSTAIN, None)
HOME = Question("home.ask", "Where do I live?", "Oslo", OSLO)
HOME_UNKNOWN = Question("home.ask", "Where do I live?", ABSTAIN, None)
LIFE = Life(
    ("User",),
    (
        told("I have a dog, Buddy.", Change(None, BUDDY), asked=(ONE_DOG, NO_CAT)),
        told("I live in Lima.", Change(None, LIMA), asked=(NO_CAR,)),
        told("A second dog, Scout!", Change(BUDDY, BOTH), asked=(TWO_DOGS,)),
        told("Nice weather."),
        told("I moved to Oslo.", Change(LIMA, OSLO), asked=(HOME, TWO_DOGS)),
    ),
)


def test_a_life_is_a_dialogue_with_the_questions_that_still_can_be_put() -> None:
    made = dialogue(LIFE, "life")

    assert made.id == "life"
    assert made.turns[0] == Said("turn 1", "User", "I have a dog, Buddy.", datetime(2026, 1, 1, 16, tzinfo=UTC))
    assert made.turns[4] == Said("turn 5", "User", "I moved to Oslo.", datetime(2026, 1, 2, 20, tzinfo=UTC))
    assert made.questions == (
        Asked("What do I drive?", ABSTAIN, (), "car.ask", abstain=True),
        Asked("What are my dogs called?", "Buddy and Scout", ("turn 1", "turn 3"), "pet.ask_name"),
        Asked("Where do I live?", "Oslo", ("turn 5",), "home.ask"),
    )


def test_the_moments_of_a_life_have_all_its_questions_each_with_what_was_said_until_then() -> None:
    first, second, third, last = moments(LIFE, "life")

    assert [moment.id for moment in (first, last)] == ["life, turn 1", "life, turn 5"]
    assert [len(moment.turns) for moment in (first, second, third, last)] == [1, 2, 3, 5]
    assert first.questions == (
        Asked("How many dogs do I have?", "one", ("turn 1",), "pet.ask_count"),
        Asked("What is my cat called?", ABSTAIN, (), "pet.ask_name", abstain=True),
    )
    assert [question.text for question in last.questions] == ["Where do I live?", "What are my dogs called?"]


def test_a_value_that_is_told_again_after_it_was_gone_comes_from_where_it_was_told_last() -> None:
    life = Life(
        ("User",),
        (
            told("I have a dog, Buddy.", Change(None, BUDDY)),
            told("Buddy died.", Change(BUDDY, None)),
            told("My new dog is called Buddy.", Change(None, BUDDY), asked=(ONE_DOG,)),
        ),
    )

    assert dialogue(life, "life").questions[0].evidence == ("turn 3",)


def test_a_change_that_brings_no_value_is_evidence_beside_the_message_that_brought_it() -> None:
    scout = facts.pet("User", "dog", ("Scout",))
    asked = Question("pet.ask_count", "How many dogs do I have?", "one", scout)
    life = Life(
        ("User",),
        (
            told("I have two dogs, Buddy and Scout.", Change(None, BOTH)),
            told("Hello."),
            told("Buddy died.", Change(BOTH, scout), asked=(asked,)),
        ),
    )

    assert dialogue(life, "life").questions[0].evidence == ("turn 1", "turn 3")


def test_what_a_fact_is_about_is_no_value_that_an_earlier_message_brought() -> None:
    first, moved = (facts.appointment("User", "dentist", date) for date in ("3 May", "4 May"))
    asked = Question("appointment.ask", "When do I see the dentist?", "4 May", moved)
    life = Life(
        ("User",),
        (
            told("I see the dentist on 3 May.", Change(None, first)),
            told("The dentist is on 4 May now.", Change(first, moved), asked=(asked,)),
        ),
    )

    assert dialogue(life, "life").questions[0].evidence == ("turn 2",)


def test_what_nothing_answered_is_not_put_at_the_end_once_the_next_message_may_have_answered_it() -> None:
    life = Life(("User",), (told("Hello.", asked=(HOME_UNKNOWN,)), told("I live in Oslo.", Change(None, OSLO))))

    assert dialogue(life, "life").questions == ()
    assert [question.text for question in moments(life, "life")[0].questions] == ["Where do I live?"]


@pytest.mark.parametrize("split", list(Split))
def test_a_set_of_lives_shares_none_with_those_that_models_are_measured_on(split: Split) -> None:
    """As `lives_evaluation` seeds them, in the same split and with the same shares."""
    wordings = WORDINGS[split]
    measured = {simulate(f"{split} {seed} {number}", wordings, turns=8) for seed in range(2) for number in range(20)}

    made = [life for seed in range(2) for _, life in lives(wordings, 20, seed=seed, turns=8)]

    assert len(measured) == len(set(made)) == 40
    assert measured.isdisjoint(made)


def test_lives_of_training_hold_no_message_and_no_question_with_a_value_of_the_test_split() -> None:
    train, test = WORDINGS[Split.TRAIN], WORDINGS[Split.TEST]
    held_out = {value for pool in ("first_names", "places", "companies", "pet_names") for value in test.values[pool]}
    said = " ".join(
        text
        for name, life in lives(train, 8, seed=0, shares=IN_TRAINING)
        for made in moments(life, name)[-1:]
        for text in (*(turn.text for turn in made.turns), *(question.gold for question in made.questions))
    )
    words = set(said.replace(".", " ").replace(",", " ").replace("!", " ").split())

    assert len(words) > 500
    assert held_out & words == set()


def test_the_same_name_is_the_same_life_and_another_seed_another() -> None:
    wordings = WORDINGS[Split.TRAIN]
    (first, life), (second, other) = lives(wordings, 2, seed=3, turns=5)

    assert (first, second) == ("life train 3 0", "life train 3 1")
    assert life != other
    assert lives(wordings, 1, seed=3, turns=5) == ((first, life),)
    assert lives(wordings, 1, seed=4, turns=5)[0][1] != life
    assert len(life.turns) == 5


def test_every_answerable_question_of_a_life_has_evidence_that_was_said_before_it() -> None:
    wordings = WORDINGS[Split.TRAIN]
    asked = [
        (moment, question)
        for name, life in lives(wordings, 6, seed=0)
        for moment in moments(life, name)
        for question in moment.questions
    ]

    assert len(asked) > 100
    for moment, question in asked:
        said = {turn.id for turn in moment.turns}
        assert bool(question.evidence) != question.abstain
        assert set(question.evidence) <= said
        assert question.abstain == (question.gold == ABSTAIN)
