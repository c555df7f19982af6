"""A model that is not sure writes other drafts, and the one it finds most probable is taken."""

from __future__ import annotations

import threading

import pytest

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, ModelTraits, Role
from assistant.agents.reconsidering import DRAFTS, Reconsidering


def both(traits):
    return dict.fromkeys(Agent, traits)


DOUBTS = ModelTraits(reconsider_below=0.8)
PROMPT = [ChatMessage(Role.USER, "Where does Nia work?")]
FIRST = Completion("Bold", FinishReason.STOP, completion_tokens=3, confidence=0.5)
LIKELIER = Completion("Bold Kettle", FinishReason.STOP, completion_tokens=3, confidence=0.7)
LIKELIEST = Completion("Hexworks", FinishReason.STOP, completion_tokens=3, confidence=0.9)


class Drafts:
    """Gives these completions in turn, and keeps what it was asked for."""

    def __init__(self, *completions: Completion) -> None:
        self._completions = list(completions)
        self.asked: list[tuple[float, int | None]] = []

    def generate(self, agent, prompt, *, temperature=0.0, seed=None, on_text=None, **options):
        self.asked.append((temperature, seed))
        completion = self._completions.pop(0)
        if on_text is not None:
            on_text(completion.text)
        return completion


def test_the_most_probable_of_greedy_and_drawn_drafts_is_taken() -> None:
    drafts = Drafts(FIRST, LIKELIER, LIKELIEST, LIKELIER, FIRST)
    assert Reconsidering(drafts, both(DOUBTS)).generate(Agent.ANSWER, PROMPT) == LIKELIEST
    assert DRAFTS == 4
    assert drafts.asked == [(0.0, None), (1.0, 0), (1.0, 1), (1.0, 2), (1.0, 3)]


def test_the_first_draft_stays_where_no_other_is_more_probable() -> None:
    drafts = Drafts(LIKELIER, FIRST, FIRST, FIRST, FIRST)
    assert Reconsidering(drafts, both(DOUBTS)).generate(Agent.ANSWER, PROMPT) == LIKELIER


def test_probable_means_the_whole_completion_not_its_average_token() -> None:
    long = Completion("a b c d e f g h i", FinishReason.STOP, completion_tokens=9, confidence=0.75)
    short = Completion("a", FinishReason.STOP, completion_tokens=1, confidence=0.5)
    assert Reconsidering(Drafts(long, short, long, long, long), both(DOUBTS)).generate(Agent.MANAGER, PROMPT) == short


def test_a_model_that_is_sure_is_asked_once() -> None:
    drafts = Drafts(LIKELIEST)
    assert Reconsidering(drafts, both(ModelTraits(reconsider_below=0.9))).generate(Agent.ANSWER, PROMPT) == LIKELIEST
    assert drafts.asked == [(0.0, None)]


def test_a_whole_draft_comes_before_one_that_was_cut_off() -> None:
    loop = Completion("life life life", FinishReason.LENGTH, completion_tokens=3, confidence=0.79)
    assert Reconsidering(Drafts(loop, FIRST, loop, loop, loop), both(DOUBTS)).generate(Agent.ANSWER, PROMPT) == FIRST


def test_the_text_is_passed_on_once_when_it_is_settled() -> None:
    heard: list[str] = []
    drafts = Drafts(FIRST, LIKELIEST, FIRST, FIRST, FIRST)
    Reconsidering(drafts, both(DOUBTS)).generate(Agent.ANSWER, PROMPT, on_text=heard.append)
    assert heard == ["Hexworks"]


@pytest.mark.parametrize(("below", "temperature"), [(0.0, 0.0), (0.8, 0.7)])
def test_what_needs_no_second_thought_streams_as_it_comes(below: float, temperature: float) -> None:
    heard: list[str] = []
    drafts = Drafts(FIRST)
    generator = Reconsidering(drafts, both(ModelTraits(reconsider_below=below)))
    done = generator.generate(Agent.ANSWER, PROMPT, temperature=temperature, seed=7, on_text=heard.append)
    assert (done, heard, drafts.asked) == (FIRST, ["Bold"], [(temperature, 7)])


def test_a_stop_ends_it_with_what_was_being_written() -> None:
    stopped = Completion("Bo", FinishReason.CANCELLED, confidence=0.1)
    assert (
        Reconsidering(Drafts(stopped), both(DOUBTS)).generate(Agent.ANSWER, PROMPT, cancel=threading.Event()) == stopped
    )
    drafts = Drafts(FIRST, LIKELIER, stopped)
    assert Reconsidering(drafts, both(DOUBTS)).generate(Agent.ANSWER, PROMPT, cancel=threading.Event()) == stopped


OWN = frozenset({"works", "at"})
MADE_UP = Completion("Nia works at Hexdworks", FinishReason.STOP, completion_tokens=5, confidence=0.99)
READ = Completion("Nia works", FinishReason.STOP, completion_tokens=2, confidence=0.4)


def test_a_word_from_nowhere_is_written_again() -> None:
    drafts = Drafts(MADE_UP, MADE_UP, READ, MADE_UP, MADE_UP)
    traits = ModelTraits(reconsider_below=0.5, own_words=OWN)
    assert Reconsidering(drafts, both(traits)).generate(Agent.MANAGER, PROMPT) == READ
    assert len(drafts.asked) == 1 + DRAFTS


def test_where_every_draft_has_a_word_from_nowhere_there_is_no_confidence_in_it() -> None:
    done = Reconsidering(Drafts(*[MADE_UP] * 5), both(ModelTraits(own_words=OWN))).generate(Agent.MANAGER, PROMPT)
    assert (done.text, done.confidence) == (MADE_UP.text, 0.0)


def test_a_model_of_which_no_words_are_known_may_write_any() -> None:
    drafts = Drafts(MADE_UP)
    assert Reconsidering(drafts, both(ModelTraits(reconsider_below=0.5))).generate(Agent.MANAGER, PROMPT) == MADE_UP
