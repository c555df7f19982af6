from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest

from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from trainer.data.lives import ABSTAIN
from trainer.dialogues import Asked
from trainer.errors import TrainingError
from trainer.outcomes import Answered, AnswerOutcome, Done, ManagerOutcome
from trainer.rewards import WORST_OF_ANSWER, WORST_OF_MANAGER, Weights, answer_reward, manager_reward, right

BUDDY = "User has a dog named Buddy."
BOTH = "User has two dogs named Buddy and Scout."
MESSAGE = "We adopted another dog, Scout!"
HOW_MANY = Asked("How many dogs do I have?", "Two, Buddy and Scout.")
CAT = Asked("What is my cat's name?", ABSTAIN, abstain=True)
EVERY_PART = Weights(*[1.0] * 8)


def add(text: str, status: OperationStatus = OperationStatus.APPLIED) -> Done:
    return Done(MemoryOperation(Action.ADD, None, text), status)


def update(before: str, text: str, status: OperationStatus = OperationStatus.APPLIED) -> Done:
    return Done(MemoryOperation(Action.UPDATE, 1, text), status, before)


def delete(before: str, status: OperationStatus = OperationStatus.APPLIED) -> Done:
    return Done(MemoryOperation(Action.DELETE, 1), status, before)


NOOP = Done(MemoryOperation(Action.NOOP), OperationStatus.APPLIED)


def managed(
    *done: Done,
    before: Sequence[str] = (BUDDY,),
    after: Sequence[str] = (BUDDY,),
    message: str = MESSAGE,
    answers: Sequence[Answered] = (Answered(HOW_MANY, "2, Buddy and Scout"),),
    malformed: str = "",
) -> ManagerOutcome:
    return ManagerOutcome(
        "a completion", message, (message, *before), done, tuple(before), tuple(after), tuple(answers), malformed
    )


def answered(
    answer: str,
    question: Asked = HOW_MANY,
    offered: Sequence[str] = (BOTH, "User lives in Lima."),
    used: Sequence[str] = (BOTH,),
    malformed: str = "",
) -> AnswerOutcome:
    return AnswerOutcome("a completion", Answered(question, answer, malformed), tuple(offered), tuple(used))


def part(name: str, outcome: ManagerOutcome | AnswerOutcome) -> float:
    if isinstance(outcome, ManagerOutcome):
        return manager_reward(outcome, Weights()).parts[name]
    return answer_reward(outcome, Weights()).parts[name]


# The sum


def test_by_default_only_exact_match_counts_and_all_parts_are_told() -> None:
    reward = manager_reward(managed(update(BUDDY, BOTH), after=(BOTH,)), Weights())
    assert reward.total == 1.0
    assert reward.parts == {
        "exact_match": 1.0,
        "f1": 0.75,  # {2, buddy, and, scout} and {two, buddy, and, scout}: 3 of 4 and 4
        "abstention": 1.0,
        "validity": 1.0,
        "faithfulness": 0.8,  # of two, dogs, named, Buddy and Scout all but two
        "wrong_delete": 0.0,
        "bank_size": -0.13,
    }


def test_the_total_is_the_weighted_sum() -> None:
    weights = Weights(exact_match=0.5, f1=2.0, judge=3.0, bank_size=10.0, wrong_delete=0.0)
    reward = manager_reward(managed(add("x" * 50), after=(BUDDY, "x" * 50)), weights, [0.25])
    assert reward.parts["bank_size"] == -0.5
    assert reward.total == pytest.approx(0.5 * 1.0 + 2.0 * 0.75 + 3.0 * 0.25 - 10.0 * 0.5, abs=1e-12)


def test_the_parts_are_means_over_the_questions() -> None:
    outcome = managed(
        NOOP,
        answers=(
            Answered(HOW_MANY, "two: Buddy and Scout"),
            Answered(HOW_MANY, "One"),
            Answered(CAT, "You have not told me."),
            Answered(CAT, "Whiskers"),
        ),
    )
    reward = manager_reward(outcome, Weights(), [1.0, 0.0, 1.0, 0.0])
    assert reward.total == reward.parts["exact_match"] == 0.5
    assert reward.parts["f1"] == pytest.approx((0.75 + 0 + 1 + 0) / 4, abs=1e-12)
    assert reward.parts["abstention"] == 0.75
    assert reward.parts["judge"] == 0.5


# What cannot be read


def test_a_malformed_completion_of_the_manager_is_worth_the_least_of_every_part() -> None:
    reward = manager_reward(managed(malformed="not an operation"), EVERY_PART, [1.0])
    assert reward.parts == {
        "exact_match": 0.0,
        "f1": 0.0,
        "judge": 0.0,
        "validity": 0.0,
        "faithfulness": 0.0,
        "wrong_delete": -1.0,
        "bank_size": -9.6,
        "abstention": 0.0,
    }
    assert reward.total == pytest.approx(-10.6, abs=1e-12)


def test_a_malformed_completion_of_the_answer_agent_is_worth_the_least_of_every_part() -> None:
    right_words = answered("Two, Buddy and Scout.", malformed="cut off")
    reward = answer_reward(right_words, Weights(judge=1.0, citation=1.0, validity=1.0), 1.0)
    assert reward.parts == dict.fromkeys(("exact_match", "f1", "judge", "validity", "abstention", "citation"), 0.0)
    assert reward.total == 0.0


def test_an_answer_that_could_not_be_read_is_wrong_whatever_its_words_and_the_judge_say() -> None:
    reward = manager_reward(
        managed(NOOP, answers=(Answered(HOW_MANY, HOW_MANY.gold, "cut off"), Answered(CAT, ABSTAIN, "cut off"))),
        Weights(),
        [1.0, 1.0],
    )
    assert [reward.parts[name] for name in ("exact_match", "f1", "abstention", "judge")] == [0.0] * 4
    assert reward.parts["validity"] == 1.0


@pytest.mark.parametrize("malformed", ["", "cut off"])
def test_the_judge_is_among_the_parts_only_where_it_was_asked(malformed: str) -> None:
    manager, answer = managed(malformed=malformed), answered("Two", malformed=malformed)
    assert "judge" not in manager_reward(manager, Weights()).parts
    assert "judge" in manager_reward(manager, Weights(), [0.5]).parts
    assert "judge" not in answer_reward(answer, Weights()).parts
    assert "judge" in answer_reward(answer, Weights(), 0.5).parts


def test_no_part_is_worth_less_than_what_cannot_be_read() -> None:
    most = ["x" * 240] * 4
    worst = managed(
        *[add(text, OperationStatus.REJECTED) for text in most],
        delete(BOTH),
        before=(BOTH,),
        after=(*most, "x" * len(BOTH)),
        answers=(Answered(HOW_MANY, ABSTAIN),),
    )
    reward = manager_reward(worst, Weights(), [0.0])
    assert reward.parts["bank_size"] == -9.6
    assert reward.parts["wrong_delete"] == -1.0
    for name, least in WORST_OF_MANAGER.items():
        assert reward.parts[name] >= least


# Right, and abstaining


@pytest.mark.parametrize(
    ("answer", "question", "score"),
    [
        ("two, buddy and scout", HOW_MANY, 1.0),
        ("Two", HOW_MANY, 0.0),
        (ABSTAIN, HOW_MANY, 0.0),
        (ABSTAIN, CAT, 1.0),
        ("Not mentioned", CAT, 1.0),
        ("Whiskers", Asked("What is my cat's name?", "Whiskers", abstain=True), 0.0),  # a trap, not a gold answer
        ("No information available", Asked("What is my cat's name?", "", abstain=True), 1.0),
    ],
)
def test_an_answer_is_right_if_it_is_the_gold_one_or_abstains_where_it_must(
    answer: str, question: Asked, score: float
) -> None:
    assert right(Answered(question, answer)) == score
    assert part("exact_match", answered(answer, question)) == score


@pytest.mark.parametrize(
    ("answer", "question", "score"),
    [(ABSTAIN, CAT, 1.0), ("Whiskers", CAT, 0.0), (ABSTAIN, HOW_MANY, 0.0), ("Nine", HOW_MANY, 1.0)],
)
def test_to_abstain_is_right_only_where_nothing_answers(answer: str, question: Asked, score: float) -> None:
    assert part("abstention", answered(answer, question)) == score


# The Manager's own parts


@pytest.mark.parametrize(
    ("done", "share"),
    [
        ((NOOP,), 1.0),
        ((), 1.0),
        ((add(BOTH), add(BUDDY, OperationStatus.REJECTED)), 0.5),
        ((add(BOTH, OperationStatus.HELD),), 0.0),
    ],
)
def test_validity_is_the_share_of_operations_that_the_bank_carried_out(done: Sequence[Done], share: float) -> None:
    assert part("validity", managed(*done)) == share


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("User adopted another dog, Scout.", 1.0),
        ("User adopts dogs.", 1.0),  # without their endings
        ("User is here.", 1.0),  # no word that means anything
        ("User has a cat, Scout.", 0.5),
        ("User has a Scoutch.", 0.0),
    ],
)
def test_faithfulness_is_the_share_of_words_that_stand_in_the_sources(text: str, share: float) -> None:
    assert part("faithfulness", managed(add(text), before=())) == share
    assert part("faithfulness", managed(add(text, OperationStatus.REJECTED), before=())) == share


def test_words_of_the_memories_on_offer_are_no_inventions() -> None:
    assert part("faithfulness", managed(update(BUDDY, "User adopted dogs named Buddy and Scout."))) == 1.0
    assert part("faithfulness", managed(NOOP)) == 1.0
    assert part("faithfulness", managed(delete(BUDDY))) == 1.0


def test_to_delete_what_answers_a_question_is_a_wrong_delete() -> None:
    scout = "User has a dog named Scout."
    question = Asked("What are my dogs called?", "Buddy and Scout")
    outcome = managed(delete(BUDDY), add(scout), after=(scout,), answers=(Answered(question, "Scout"),))
    assert part("wrong_delete", outcome) == -1.0


def test_an_update_that_keeps_what_answers_a_question_is_none() -> None:
    question = Asked("What are my dogs called?", "Buddy and Scout")
    for answer in ("Buddy and Scout", "no idea"):
        outcome = managed(update(BUDDY, BOTH), after=(BOTH,), answers=(Answered(question, answer),))
        assert part("wrong_delete", outcome) == 0.0


@pytest.mark.parametrize(
    ("gold", "penalty"),
    [
        ("Lima", 0.0),  # what is new
        ("Oslo", -1.0),  # what was so before
        ("In Oslo, then in Lima", -1.0),
        ("From Oslo to Rome", 0.0),  # neither the bank nor the message could tell
        ("Yes", 0.0),  # no word that means anything
        ("in the", 0.0),
    ],
)
def test_an_update_that_overwrites_is_wrong_only_for_who_asks_what_was_before(gold: str, penalty: float) -> None:
    outcome = managed(
        update("User lives in Oslo.", "User lives in Lima."),
        before=("User lives in Oslo.",),
        after=("User lives in Lima.",),
        message="I moved to Lima.",
        answers=(Answered(Asked("Where?", gold), gold),),
    )
    assert part("wrong_delete", outcome) == penalty


def test_a_wrong_delete_costs_the_share_of_answerable_questions_that_it_spoils() -> None:
    lima = "User lives in Lima."
    outcome = managed(
        delete(BUDDY),
        before=(BUDDY, lima),
        after=(lima,),
        answers=[
            Answered(Asked("What is my dog's name?", "Buddy"), "?"),
            Answered(Asked("Where do I live?", "Lima"), "?"),
            Answered(Asked("What is my cat's name?", "Buddy", abstain=True), "?"),  # nothing answers it
        ],
    )
    assert part("wrong_delete", outcome) == -0.5


@pytest.mark.parametrize("status", [OperationStatus.HELD, OperationStatus.REJECTED])
def test_what_the_bank_did_not_do_deletes_nothing(status: OperationStatus) -> None:
    question = Asked("Dog?", "Buddy")
    outcome = managed(delete(BUDDY, status), after=(), answers=(Answered(question, "Buddy"),))
    assert part("wrong_delete", outcome) == 0.0
    assert math.copysign(1, part("wrong_delete", outcome)) == 1.0


def test_what_another_memory_says_as_well_may_be_deleted_and_numbers_are_the_same_in_words() -> None:
    question = Asked("How many dogs?", "Two")
    before = ("User has 2 dogs.", "User has two dogs named Buddy and Scout.")
    kept = managed(delete(before[0]), before=before, after=before[1:], answers=(Answered(question, "2"),))
    lost = managed(delete(before[0]), before=before[:1], after=(), answers=(Answered(question, "2"),))
    assert part("wrong_delete", kept) == 0.0
    assert part("wrong_delete", lost) == -1.0


def test_the_bank_costs_a_hundredth_for_each_character_that_it_grows() -> None:
    assert part("bank_size", managed(add("x" * 40), after=(BUDDY, "x" * 40))) == -0.4
    assert part("bank_size", managed(update(BUDDY, BOTH), after=(BOTH,))) == -0.13  # 40 characters after 27


def test_a_smaller_bank_earns_nothing() -> None:
    size = part("bank_size", managed(delete(BUDDY), after=()))
    assert size == 0.0
    assert math.copysign(1, size) == 1.0


# The Answer Agent's own part


@pytest.mark.parametrize(
    ("used", "score"),
    [
        ((BOTH,), 1.0),
        ((BUDDY,), 0.5),  # 1 of 3 words, 2 and scout missing: recall 1/3, precision 1
        ((BOTH, "User lives in Lima."), 2 / 3),  # recall 1, precision 1/2
        (("User lives in Lima.",), 0.0),
        ((), 0.0),
    ],
)
def test_citations_are_the_memories_that_have_the_words_of_the_gold_answer(used: Sequence[str], score: float) -> None:
    outcome = answered("?", offered=(BUDDY, BOTH, "User lives in Lima."), used=used)
    assert part("citation", outcome) == pytest.approx(score, abs=1e-12)


def test_where_nothing_answers_nothing_is_to_be_cited() -> None:
    assert part("citation", answered(ABSTAIN, CAT, used=())) == 1.0
    assert part("citation", answered(ABSTAIN, CAT, used=(BOTH,))) == 0.0


def test_where_no_memory_on_offer_has_a_word_of_the_gold_answer_nobody_can_tell() -> None:
    question = Asked("When?", "7 May 2023")
    assert part("citation", answered("?", question, used=(BOTH,))) == part("citation", answered("?", question, used=()))


def test_an_answer_is_worth_its_own_parts() -> None:
    reward = answer_reward(answered("Two, Buddy and Scout"), Weights(exact_match=2.0, citation=0.5, validity=0.25), 0.5)
    assert reward.parts == {
        "exact_match": 1.0,
        "f1": 1.0,
        "abstention": 1.0,
        "judge": 0.5,
        "citation": 1.0,
        "validity": 1.0,
    }
    assert reward.total == 2.75


# Bugs, and weights that make no sense


def test_a_question_without_a_gold_answer_is_a_bug() -> None:
    for malformed in ("", "cut off"):
        with pytest.raises(ValueError, match="nobody knows what is right to say to 'Why'"):
            manager_reward(managed(answers=(Answered(Asked("Why", " "), "So."),), malformed=malformed), Weights())
        with pytest.raises(ValueError, match="nobody knows what is right"):
            answer_reward(answered("So.", Asked("Why", ""), malformed=malformed), Weights())


def test_no_question_at_all_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no question is asked"):
        manager_reward(managed(NOOP, answers=()), Weights())


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.1])
def test_a_score_that_no_judge_gives_is_a_bug(score: float) -> None:
    with pytest.raises(ValueError, match=f"a judge's score is from 0 to 1, not {score}"):
        manager_reward(managed(NOOP), Weights(), [score])
    with pytest.raises(ValueError, match="a judge's score"):
        answer_reward(answered("Two", malformed="cut off"), Weights(), score)


def test_a_score_too_many_or_none_at_all_is_a_bug() -> None:
    with pytest.raises(ValueError, match="2 scores of a judge for 1 answers"):
        manager_reward(managed(NOOP), Weights(), [1.0, 1.0])
    for malformed in ("", "cut off"):
        with pytest.raises(ValueError, match="the judge has a weight, and has not been asked"):
            manager_reward(managed(NOOP, malformed=malformed), Weights(judge=0.5))


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Weights)])
def test_a_weight_is_never_negative_and_always_a_number(name: str, weight: float) -> None:
    with pytest.raises(TrainingError, match=f"The weight of {name} is {weight}"):
        Weights(**{name: weight})


def test_something_must_count() -> None:
    with pytest.raises(TrainingError, match="No part of the reward has a weight"):
        Weights(exact_match=0.0)


def test_a_weight_of_what_is_no_part_of_an_agents_reward_is_told() -> None:
    with pytest.raises(TrainingError) as caught:
        manager_reward(managed(NOOP), Weights(citation=1.0))
    assert str(caught.value) == (
        "citation has a weight, and is no part of this agent's reward. Its parts are abstention, bank_size, "
        "exact_match, f1, faithfulness, judge, validity, wrong_delete."
    )
    with pytest.raises(TrainingError, match="bank_size has a weight, and is no part"):
        answer_reward(answered("Two", malformed="cut off"), Weights(bank_size=1.0))


def test_every_weight_is_that_of_a_part() -> None:
    assert {field.name for field in dataclasses.fields(Weights)} == {*WORST_OF_MANAGER, *WORST_OF_ANSWER}
