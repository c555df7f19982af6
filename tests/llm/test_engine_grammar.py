"""The agents' own grammars on real llama.cpp: what is sampled under them is what the parsers read."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.agents.completions import (
    MAX_OPERATIONS,
    MAX_TEXT,
    Answer,
    answer_grammar,
    manager_grammar,
    parse_answer,
    parse_operations,
)
from assistant.agents.generation import Agent, Completion, FinishReason, Form
from assistant.agents.prompts import answer_prompt, manager_prompt
from assistant.llm.engine import Engine
from assistant.memory.operations import Action

CATS = ["User has a cat"] * 12
MANAGER_TOKENS = 500
ANSWER_TOKENS = 120

# The engine is shared by the examples on purpose: each is one request to it.
real = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def manage(engine: Engine, offered: int, temperature: float, seed: int) -> Completion:
    return engine.generate(
        Agent.MANAGER,
        manager_prompt("I adopted a dog", CATS[:offered]),
        form=Form(manager_grammar(CATS[:offered])),
        max_tokens=MANAGER_TOKENS,
        temperature=temperature,
        seed=seed,
    )


def answer(engine: Engine, offered: int, temperature: float, seed: int) -> Completion:
    return engine.generate(
        Agent.ANSWER,
        answer_prompt("How many dogs do I have?", CATS[:offered]),
        form=Form(answer_grammar(CATS[:offered])),
        max_tokens=ANSWER_TOKENS,
        temperature=temperature,
        seed=seed,
    )


@real
@given(offered=st.integers(0, 12), temperature=st.floats(0.5, 8.0), seed=st.integers(0, 2**32))
def test_whatever_the_manager_writes_can_be_read(engine: Engine, offered: int, temperature: float, seed: int) -> None:
    completion = manage(engine, offered, temperature, seed)
    if completion.finish_reason is FinishReason.LENGTH:
        assert completion.completion_tokens == MANAGER_TOKENS
        return
    operations = parse_operations(completion.text, CATS[:offered])
    assert isinstance(operations, tuple), operations
    assert 1 <= len(operations) <= MAX_OPERATIONS
    for operation in operations:
        assert operation.memory_id is None or 1 <= operation.memory_id <= offered
        assert operation.text is None or 1 <= len(operation.text) <= MAX_TEXT


@real
@given(offered=st.integers(0, 12), temperature=st.floats(0.5, 8.0), seed=st.integers(0, 2**32))
def test_whatever_is_answered_can_be_read(engine: Engine, offered: int, temperature: float, seed: int) -> None:
    completion = answer(engine, offered, temperature, seed)
    if completion.finish_reason is FinishReason.LENGTH and "\nAnswer: " not in completion.text:
        assert completion.completion_tokens == ANSWER_TOKENS
        return
    parsed = parse_answer(completion.text, CATS[:offered])
    assert isinstance(parsed, Answer), parsed
    assert all(1 <= short_id <= offered for short_id in parsed.ids)


@pytest.mark.parametrize(
    ("offered", "expected"),
    [(0, {Action.ADD, Action.NOOP}), (3, {Action.ADD, Action.UPDATE, Action.DELETE, Action.NOOP})],
)
def test_the_grammar_leaves_the_manager_every_action_that_makes_sense(
    engine: Engine, offered: int, expected: set[Action]
) -> None:
    begun = set()
    for seed in range(60):
        text = manage_briefly(engine, offered, seed)
        begun.add(next(action for action in Action if text.startswith(action.value[0])))
    assert begun == expected


def manage_briefly(engine: Engine, offered: int, seed: int) -> str:
    return engine.generate(
        Agent.MANAGER,
        manager_prompt("I adopted a dog", CATS[:offered]),
        form=Form(manager_grammar(CATS[:offered])),
        max_tokens=1,
        temperature=8.0,
        seed=seed,
    ).text


def test_the_answer_agent_can_name_every_memory_on_offer_and_none(engine: Engine) -> None:
    named: set[int | None] = set()
    for seed in range(200):
        parsed = parse_answer(answer(engine, 3, 8.0, seed).text, CATS[:3])
        if isinstance(parsed, Answer):
            named |= set(parsed.ids) or {None}
    assert named == {None, 1, 2, 3}
