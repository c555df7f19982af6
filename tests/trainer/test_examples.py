"""Lives as prompts and completions: the assistant's own, with nothing in them that use would not have."""

from __future__ import annotations

import re
from random import Random

from assistant.agents.completions import Answer, parse_answer, parse_operations
from assistant.agents.generation import Agent
from assistant.agents.grounding import invented_words
from assistant.memory.operations import Action, MemoryOperation
from trainer.data import facts
from trainer.data.lives import Change, Life, Question, Turn
from trainer.data.simulate import simulate
from trainer.data.wordings import Split, Wordings
from trainer.examples import HISTORY_MESSAGES, MAX_OFFERED, examples, gold_operations
from trainer.publish import traits

WORDINGS = Wordings.load(Split.TRAIN)
BUDDY = facts.pet("User", "dog", ("Buddy",))
BOTH = facts.pet("User", "dog", ("Buddy", "Scout"))


def test_a_second_dog_is_an_update_of_the_memory_on_offer() -> None:
    operations = gold_operations((Change(BUDDY, BOTH),), ["User lives in Oslo.", BUDDY.text])

    assert operations == (MemoryOperation(Action.UPDATE, 2, "User has two dogs named Buddy and Scout."),)


def test_nothing_to_change_is_one_noop() -> None:
    assert gold_operations((), [BUDDY.text]) == (MemoryOperation(Action.NOOP),)


def test_a_fact_that_ends_is_a_delete_and_a_new_one_an_add() -> None:
    home = facts.home("User", "Lima")

    assert gold_operations((Change(BUDDY, None), Change(None, home)), [BUDDY.text]) == (
        MemoryOperation(Action.DELETE, 1),
        MemoryOperation(Action.ADD, None, "User lives in Lima."),
    )


def test_right_completions_on_any_split_hold_only_words_of_their_prompts_and_own_ones() -> None:
    own = traits().own_words
    assert 50 < len(own) < 120
    assert {"lives", "allergic", "noop", "yet"} < own
    for split in Split:
        wordings = Wordings.load(split)
        for number in range(8):
            for example in examples(simulate(f"any {number}", wordings), wordings, Random(number)):
                given = [message.text for message in example.prompt]
                assert invented_words(example.completion, given, own) == set()


def test_a_turn_becomes_the_managers_prompt_and_its_questions_the_answer_agents() -> None:
    question = Question("pet.ask_count", "How many dogs do I have?", "two", BOTH)
    turn = Turn("User", "I adopted another dog, Scout.", "pet.another", (BUDDY,), (Change(BUDDY, BOTH),), (question,))

    made = [e for e in examples(Life(("User",), (turn,)), WORDINGS, Random(1)) if "remember" not in e.completion]

    assert made[0].agent is Agent.MANAGER
    assert made[0].prompt[-1].text == (
        "Memories:\nUser has a dog named Buddy. [1]\nNow: User: I adopted another dog, Scout."
    )
    assert made[0].completion == (
        "UPDATE: User has a dog named Buddy. [1]\nWITH: User has two dogs named Buddy and Scout."
    )
    assert made[-1].agent is Agent.ANSWER
    assert made[-1].prompt[-1].text.endswith("Now: User: How many dogs do I have?")
    assert made[-1].completion == "Memories:\nUser has two dogs named Buddy and Scout. [1]\nAnswer: two"


def test_every_completion_reads_back_and_stays_within_what_is_offered() -> None:
    for number in range(20):
        for example in examples(simulate(number, WORDINGS), WORDINGS, Random(number)):
            offered = re.findall(r"^(.*) \[\d\]$", example.prompt[-1].text, re.MULTILINE)
            assert len(offered) <= MAX_OFFERED
            assert len(example.prompt) <= 2 + HISTORY_MESSAGES
            if example.agent is Agent.MANAGER:
                assert isinstance(parse_operations(example.completion, offered), tuple), example.completion
            else:
                assert isinstance(parse_answer(example.completion, offered), Answer), example.completion


def test_what_was_said_before_is_never_what_is_asked_for() -> None:
    """An earlier message is context: the completion holds no value that stands in it alone."""
    seen = 0
    for number in range(20):
        for example in examples(simulate(number, WORDINGS), WORDINGS, Random(number)):
            if example.agent is not Agent.MANAGER or "Earlier:" not in example.prompt[-1].text:
                continue
            seen += 1
            *_, now = example.prompt[-1].text.split("\n")
            if example.completion.startswith("ADD: ") and "\n" not in example.completion:
                last_word = example.completion.rstrip(".").split()[-1]
                assert last_word in now, example
    assert seen > 50
