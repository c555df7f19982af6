"""Both agents, with models that follow a script."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.agents.answer import AnswerAgent
from assistant.agents.completions import Answer, Malformed, answer_grammar, manager_grammar
from assistant.agents.generation import Agent, Completion, FinishReason
from assistant.agents.manager import MemoryManager
from assistant.errors import EngineCrashed
from assistant.memory.operations import Action, MemoryOperation
from tests.scripted import Breaks, ScriptedGenerator, cites, updates


class Pieces:
    """Streams given pieces, as they are, and ends."""

    def __init__(self, pieces):
        self.pieces = pieces

    def generate(self, agent, prompt, *, on_text=None, **_):
        for piece in self.pieces:
            if on_text is not None:
                on_text(piece)
        return Completion("".join(self.pieces), FinishReason.STOP)


def test_the_manager_asks_under_a_grammar_for_what_is_on_offer_and_reads_the_reply():
    generator = ScriptedGenerator(manager=[updates(1, "User has two dogs named Buddy and Scout.")])
    decision = MemoryManager(generator).decide("I adopted Scout.", ["User has a dog named Buddy."])
    assert decision.operations == (MemoryOperation(Action.UPDATE, 1, "User has two dogs named Buddy and Scout."),)
    assert decision.malformed is None
    [call] = generator.calls
    assert call.agent is Agent.MANAGER
    assert call.grammar == manager_grammar(["User has a dog named Buddy."])
    assert call.question == "Memories:\nUser has a dog named Buddy. [1]\nNow: User: I adopted Scout."


def test_a_managers_reply_without_form_is_kept_with_its_reason():
    decision = MemoryManager(ScriptedGenerator(manager=["DELETE: no"])).decide("Hm.", ["User has a dog."])
    assert decision.operations == ()
    assert decision.malformed == Malformed("DELETE: no", "not a memory on offer: 'no'")


@pytest.mark.parametrize(
    ("finish_reason", "reason"),
    [
        (FinishReason.LENGTH, "the reply was cut off (length)"),
        (FinishReason.CANCELLED, "the reply was cut off (cancelled)"),
    ],
)
def test_a_managers_reply_that_was_cut_off_is_malformed_even_if_it_can_be_read(finish_reason, reason):
    cut = Completion("ADD: User lives in Os", finish_reason)
    decision = MemoryManager(ScriptedGenerator(manager=[cut])).decide("I live in Oslo.", [])
    assert decision.operations == ()
    assert decision.malformed == Malformed("ADD: User lives in Os", reason)


def test_the_answer_agent_asks_under_a_grammar_and_reads_ids_and_answer():
    generator = ScriptedGenerator(answer=[cites(2, answer="Two, Buddy and Scout.")])
    reply = AnswerAgent(generator).reply("How many dogs?", ["User lives in Oslo.", "User has two dogs."])
    assert reply.answer == Answer("Two, Buddy and Scout.", (2,))
    assert reply.malformed is None
    assert generator.calls[0].grammar == answer_grammar(["User lives in Oslo.", "User has two dogs."])


def test_an_answer_without_form_is_kept_as_it_is():
    reply = AnswerAgent(ScriptedGenerator(answer=[" Two dogs. "])).reply("How many dogs?", [])
    assert reply.answer == Answer("Two dogs.", ())
    assert reply.malformed == Malformed(" Two dogs. ", "the reply does not quote its memories and then answer")


def test_an_answer_cut_off_in_its_text_keeps_what_was_said_and_what_it_cites():
    cut = Completion("Memories:\nUser has two dogs. [1]\nAnswer: Two, Bud", FinishReason.LENGTH)
    reply = AnswerAgent(ScriptedGenerator(answer=[cut])).reply("How many dogs?", ["User has two dogs."])
    assert reply.answer == Answer("Two, Bud", (1,))
    assert reply.malformed is None


def test_a_stopped_answer_keeps_what_was_said():
    cancel = threading.Event()
    heard = []

    def hear(piece):
        heard.append(piece)
        cancel.set()

    generator = ScriptedGenerator(answer=["Memories: none\nAnswer: One two three"])
    reply = AnswerAgent(generator).reply("Count.", [], on_text=hear, cancel=cancel)
    assert reply.answer.text == "One"
    assert reply.completion.finish_reason is FinishReason.CANCELLED


def test_an_engine_that_dies_is_not_mistaken_for_a_reply():
    broken = Breaks("Memories: none\nAnswer: One", EngineCrashed("It ended.", "Try again."))
    with pytest.raises(EngineCrashed):
        AnswerAgent(ScriptedGenerator(answer=[broken])).reply("Count.", [])


@given(
    st.sampled_from(["Memories: none", "Memories:\na [1]\nb [2]"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_only_what_follows_the_mark_is_streamed_however_the_pieces_are_cut(ids, answer, cuts):
    text = f"{ids}\nAnswer: {answer}"
    bounds = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in itertools.pairwise(bounds)]
    heard = []
    AnswerAgent(Pieces(pieces)).reply("Hm?", ["a", "b"], on_text=heard.append)
    assert "".join(heard) == answer
    assert all(heard)


def test_an_answer_that_says_the_mark_again_is_streamed_whole():
    heard = []
    AnswerAgent(Pieces(["Memories: none\nAns", "wer: a", "\nAnswer: b"])).reply("Hm?", [], on_text=heard.append)
    assert heard == ["a", "\nAnswer: b"]


def test_a_piece_that_ends_with_the_mark_streams_no_empty_text():
    heard = []
    AnswerAgent(Pieces(["Memories: none\nAnswer: ", "Hi."])).reply("Hm?", [], on_text=heard.append)
    assert heard == ["Hi."]


def test_nothing_is_streamed_of_a_reply_without_the_mark():
    heard = []
    AnswerAgent(Pieces(["Two ", "dogs."])).reply("Hm?", [], on_text=heard.append)
    assert heard == []
