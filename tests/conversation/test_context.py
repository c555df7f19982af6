"""How much of its context a model would need for a message, as it is typed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.agents.answer import AnswerAgent
from assistant.agents.generation import Completion, FinishReason, ModelTraits
from assistant.conversation.chat import Chat
from assistant.conversation.context import ContextUse, Gauge, Scale, gauge
from assistant.llm.prompting import _forgotten
from assistant.memory.bank import MemoryBank
from tests.scripted import ScriptedGenerator

TEN = Scale(bytes_per_token=10.0, memories_bytes=500)
TRAINED = ModelTraits(trained=True, answer_tokens=24)


def a_gauge(*turns: int, limit: int | None = 100, left_out: int = 0) -> Gauge:
    """Ten bytes are a token, and 200 bytes stand in every prompt."""
    return Gauge(TEN, 200, turns, left_out, limit)


def test_what_is_typed_adds_to_what_is_there() -> None:
    assert a_gauge(300, 100).use("") == ContextUse(60, 100, 0)
    assert a_gauge(300, 100).use("x" * 50) == ContextUse(65, 100, 0)
    assert a_gauge(300, 100).use("犬" * 50) == ContextUse(75, 100, 0)
    assert a_gauge(300, 100).use("x" * 400) == ContextUse(100, 100, 0)


def test_when_there_is_no_room_for_all_turns_the_oldest_are_left_out_until_half_is_free() -> None:
    # There is room for 80 tokens, of which 72 count, six eighths of the limit. The fourth turn is too much for them.
    assert a_gauge(200, 200, 200, 200).use("x") == ContextUse(100, 100, 0)
    assert a_gauge(200, 200, 200, 200, 200).use("x") == ContextUse(60, 100, 3)
    assert a_gauge(200, 200, 200, left_out=7).use("x" * 210) == ContextUse(61, 100, 9)


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(0, 100))
def test_the_turns_left_out_are_those_that_the_prompt_is_made_without(costs: list[int], typed: int) -> None:
    use = a_gauge(*[10 * cost for cost in costs]).use("x" * 10 * typed)
    room = 80 - typed
    if sum(costs) > room >= 0:
        assert use.turns_left_out == _forgotten(costs, room - room % 12 or room)


def test_the_newest_turn_stays_if_there_is_room_for_it_alone() -> None:
    assert a_gauge(600, 600).use("x") == ContextUse(80, 100, 1)
    assert a_gauge(600, 900).use("x") == ContextUse(20, 100, 2)


def test_a_message_that_leaves_no_room_leaves_no_turns() -> None:
    assert a_gauge(100, 100).use("x" * 801) == ContextUse(100, 100, 2)


def test_where_nobody_knows_how_much_a_model_reads_only_the_use_is_told() -> None:
    assert a_gauge(300, 100, limit=None, left_out=2).use("x" * 10_000) == ContextUse(1060, None, 2)


def test_a_scale_is_learned_from_what_an_answer_cost(bank: MemoryBank) -> None:
    bank.add("User likes tea.")
    said = [
        Completion("Memories: none\nAnswer: Hi.", FinishReason.STOP, prompt_tokens=13),
        Completion("Memories: none\nAnswer: Hi.", FinishReason.STOP),
    ]
    chat = Chat(bank, AnswerAgent(ScriptedGenerator(answer=said), TRAINED))
    turn = chat.send("Hello there.", conversation_id=None)
    prompt = "Answer AgentMemories:\nUser likes tea. [1]\nNow: User: Hello there."
    assert (turn.prompt_bytes, turn.memories_bytes) == (len(prompt), 15) == (65, 15)
    scale = Scale().after(turn)
    assert scale == Scale(bytes_per_token=5.0, memories_bytes=15)
    uncounted = chat.send("Hello there.", conversation_id=None)
    assert scale.after(uncounted) == scale


def test_a_gauge_holds_the_turns_of_the_shown_branch(bank: MemoryBank) -> None:
    number = bank.new_conversation().id
    assert gauge(bank, None, TRAINED, 48, TEN) == gauge(bank, number, TRAINED, 48, TEN)
    for text in ("x" * 10, "y" * 5, "z" * 3, "w" * 4):
        bank.add_message(number, "user" if text[0] in "xz" else "assistant", text)
    fixed = len("Answer AgentMemories: none\nNow: User: ") + 500
    assert gauge(bank, number, TRAINED, 48, TEN) == Gauge(TEN, fixed, (15, 7), 0, 24)
    last = bank.messages(number, 1)[0]
    bank.add_message(number, "user", "unanswered", instead_of=last.parent_id)
    assert gauge(bank, number, TRAINED, 1024, TEN) == Gauge(TEN, fixed, (15,), 0, 1000)


def test_turns_that_the_model_is_not_given_are_left_out(bank: MemoryBank) -> None:
    number = bank.new_conversation().id
    for turn in range(250):
        bank.add_message(number, "user", f"m{turn}")
        bank.add_message(number, "assistant", f"a{turn}")
    few = gauge(bank, number, ModelTraits(trained=True, history_turns=2), 1024, TEN)
    assert (few.turns, few.left_out) == ((8,), 249)
    many = gauge(bank, number, TRAINED, 0, TEN)
    assert (len(many.turns), many.left_out, many.limit) == (150, 100, None)


def test_what_is_not_known_yet_is_guessed(bank: MemoryBank) -> None:
    first = gauge(bank, None, ModelTraits(memories_offered=3, trained=True), 1024, Scale())
    assert first.fixed == len("Answer AgentMemories: none\nNow: User: ") + 180
    told = gauge(bank, None, ModelTraits(memories_offered=3), 1024, Scale())
    assert told.fixed > first.fixed + 900


@pytest.mark.parametrize("text", ["", "\udcff", "🐶" * 10])
def test_whatever_is_typed_is_measured(text: str) -> None:
    assert a_gauge().use(text).used_tokens in (20, 24)


def test_a_key_press_costs_less_than_a_millisecond() -> None:
    full = a_gauge(*[400] * 200, limit=8192)
    text = "word " * 400

    def seconds() -> float:
        began = time.perf_counter()
        assert full.use(text).turns_left_out == 91
        return time.perf_counter() - began

    assert min(seconds() for _ in range(20)) < 0.001
