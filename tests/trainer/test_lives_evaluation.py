"""The scores of lives: an oracle gets all, a bungler gets none, and one mistake is counted once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from assistant.agents.completions import format_answer, format_operations
from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, ModelTraits
from tests.scripted import FakeEmbedder
from trainer.data.lives import ABSTAIN, Question, Turn
from trainer.data.simulate import simulate
from trainer.data.wordings import Split, Wordings
from trainer.examples import gold_operations
from trainer.lives_evaluation import evaluate, normalised

TURNS = 12
WORDINGS = Wordings.load(Split.TEST)


class Oracle:
    """Knows the lives that will be told, and says what is right; `spoil` may change what it says."""

    def __init__(self, lives: int, spoil: Callable[[str], str] = lambda said: said) -> None:
        self._spoil = spoil
        self._turns: dict[str, list[Turn]] = defaultdict(list)
        self._questions: dict[str, list[Question]] = defaultdict(list)
        for number in range(lives):
            for turn in simulate(f"{Split.TEST} 0 {number}", WORDINGS, turns=TURNS).turns:
                self._turns[f"{turn.speaker}: {turn.text}"].append(turn)
                for question in turn.questions:
                    self._questions[question.text].append(question)

    def generate(self, agent: Agent, prompt: Sequence[ChatMessage], **_: object) -> Completion:
        block, _, now = prompt[-1].text.partition("\nNow: ")
        offered = re.findall(r"^(.*) \[\d+\]$", block, re.MULTILINE)
        now = now or block.removeprefix("Now: ")
        if agent is Agent.MANAGER:
            said = format_operations(gold_operations(self._turns[now].pop(0).changes, offered), offered)
        else:
            question = self._questions[now.removeprefix("User: ")].pop(0)
            ids = [offered.index(question.evidence.text) + 1] if question.evidence else []
            said = format_answer(question.answer, ids, offered)
        return Completion(self._spoil(said), FinishReason.STOP)


class EverythingIsNear(FakeEmbedder):
    """One vector for all texts, so that search offers every memory."""

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return super().embed(["the same"] * len(texts))


@pytest.fixture
def embedder() -> EverythingIsNear:
    return EverythingIsNear()


def test_an_oracle_is_right_everywhere(embedder: EverythingIsNear) -> None:
    scores = evaluate(Oracle(2), embedder, WORDINGS, 2, turns=TURNS, traits=ModelTraits(40))

    assert scores.totals() == {"operations": 1.0, "answers": 1.0, "abstentions": 1.0, "citations": 1.0}
    assert sum(tally.total for tally in scores.operations.values()) == 2 * TURNS
    assert scores.mistakes == []
    assert scores.offered.share == 1.0


def test_what_search_does_not_find_is_counted(embedder: EverythingIsNear) -> None:
    class Silent:
        def generate(self, agent: Agent, prompt: Sequence[ChatMessage], **_: object) -> Completion:
            return Completion("NOOP" if agent is Agent.MANAGER else format_answer(ABSTAIN, [], []), FinishReason.STOP)

    one, all_ = (evaluate(Silent(), embedder, WORDINGS, 2, turns=TURNS, traits=ModelTraits(n)) for n in (1, 40))

    assert 0.0 < one.offered.share < 1.0
    assert all_.offered.share == 1.0
    assert one.offered.total == all_.offered.total


def test_who_never_remembers_is_right_only_where_nothing_is_new(embedder: EverythingIsNear) -> None:
    def forget(said: str) -> str:
        return said if said.startswith("Memories:") else "NOOP"

    scores = evaluate(Oracle(2, forget), embedder, WORDINGS, 2, turns=TURNS, traits=ModelTraits(40))

    assert {kind for kind, tally in scores.operations.items() if tally.share == 1.0} == {
        kind for kind in scores.operations if kind in ("question", "known already") or kind.startswith("small talk")
    }
    assert scores.totals()["answers"] == 1.0, "the bank is set right after each mistake"


def test_what_is_held_is_not_right_even_if_it_would_have_been(embedder: EverythingIsNear) -> None:
    class Unsure(Oracle):
        def generate(self, agent: Agent, prompt: Sequence[ChatMessage], **options: object) -> Completion:
            self.calls += 1
            return replace(super().generate(agent, prompt, **options), confidence=0.5 + self.calls / 1000)

        calls = 0

    scores = evaluate(Unsure(1), embedder, WORDINGS, 1, turns=TURNS, traits=ModelTraits(40, least_confidence=0.9))

    assert {kind.split(":")[0] for kind, tally in scores.operations.items() if tally.right} <= {
        "question", "known already", "small talk",
    }  # fmt: skip
    assert scores.held.total == len(scores.confidences) > TURNS / 2
    assert scores.held.right == 0
    right = sorted(confidence for confidence, was_right in scores.confidences if was_right)
    assert f"least confidence {right[0]:.4f} holds  0.0% of the right, lets    0 wrong pass" in scores.doubts()


def test_a_wrong_answer_with_the_right_memory_is_wrong(embedder: EverythingIsNear) -> None:
    def shout(said: str) -> str:
        return said if ABSTAIN in said else re.sub(r"(?<=Answer: ).*", "no idea", said)

    totals = evaluate(Oracle(1, shout), embedder, WORDINGS, 1, turns=TURNS, traits=ModelTraits(40)).totals()

    assert totals["answers"] == 0.0
    assert totals["abstentions"] == 1.0
    assert totals["citations"] == 1.0


@pytest.mark.parametrize(
    ("text", "same"),
    [("Two.", "two"), ("a dog", "Dog"), ("Buddy  and Scout", "buddy and scout"), ("4 May", "4 may")],
)
def test_answers_are_compared_without_case_punctuation_and_articles(text: str, same: str) -> None:
    assert normalised(text) == normalised(same)


def test_different_answers_stay_different() -> None:
    assert normalised("two") != normalised("three")
