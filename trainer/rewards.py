"""What an outcome is worth: each part of the reward as a number, and their weighted sum.

Pure functions of what came of a completion. A completion that could not be read is worth the least of every part;
what no completion can bring about, such as a question without an answer, is a bug and raises. Knows nothing of models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from statistics import fmean

from assistant.agents.completions import MAX_OPERATIONS, MAX_TEXT
from assistant.memory.operations import Action, OperationStatus
from assistant.memory.words import content
from trainer.abstaining import abstains
from trainer.errors import TrainingError
from trainer.metrics import exact_match, f1_sets, normalised
from trainer.outcomes import Answered, AnswerOutcome, ManagerOutcome


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part of a reward weighs: 0 or more, and not all of them 0. Exact match alone is the paper's.

    Every part is the better the higher it is, costs and penalties too, which go from 0 down. Of both agents, as the
    mean over the questions: `exact_match`, `f1` over sets of words, what a `judge` says, and `abstention`, whether it
    is said that nothing is known where that is so, and only there. Of both as well: `validity`, which for the Answer
    Agent is 1 for a completion in its form. Of the Manager alone: `faithfulness`, `wrong_delete` and `bank_size`; of
    the Answer Agent alone: `citation`. The functions of these names say more. All go from 0 to 1, but `wrong_delete`,
    from -1 to 0, and `bank_size`, which is -1 for each 100 characters.
    """

    exact_match: float = 1.0
    f1: float = 0.0
    judge: float = 0.0
    validity: float = 0.0
    faithfulness: float = 0.0
    wrong_delete: float = 0.0
    bank_size: float = 0.0
    abstention: float = 0.0
    citation: float = 0.0

    def __post_init__(self) -> None:
        for name, weight in self.named():
            if not (math.isfinite(weight) and weight >= 0):
                raise TrainingError(f"The weight of {name} is {weight}.", "Weights are 0 or more; costs count down.")
        if not any(weight for _, weight in self.named()):
            raise TrainingError("No part of the reward has a weight.", "Without one, nothing can be learned from it.")

    def named(self) -> list[tuple[str, float]]:
        """Each part's name and weight."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


@dataclass(frozen=True, slots=True)
class Reward:
    """The weighted sum, and what each part was before it was weighed, by its name."""

    total: float
    parts: Mapping[str, float]


LARGEST = -MAX_OPERATIONS * MAX_TEXT / 100
"""The `bank_size` of as much as one completion can add."""
WORST_OF_MANAGER: Mapping[str, float] = {
    "exact_match": 0.0,
    "f1": 0.0,
    "judge": 0.0,
    "validity": 0.0,
    "faithfulness": 0.0,
    "wrong_delete": -1.0,
    "bank_size": LARGEST,
    "abstention": 0.0,
}
"""The parts of a Manager's reward, and the least that each can be."""
WORST_OF_ANSWER: Mapping[str, float] = {
    "exact_match": 0.0,
    "f1": 0.0,
    "judge": 0.0,
    "validity": 0.0,
    "abstention": 0.0,
    "citation": 0.0,
}
"""The same of an Answer Agent's."""


def manager_reward(outcome: ManagerOutcome, weights: Weights, judged: Sequence[float] | None = None) -> Reward:
    """What a completion of the Memory Manager is worth. `judged` holds a score of each of its answers, in their order.

    Raises TrainingError for a weight of what is no part of it, ValueError for what can only be a bug.
    """
    _check(outcome.answers, judged)
    if outcome.malformed:
        return _weighed(_worst(WORST_OF_MANAGER, judged), weights)
    parts = _of_answers(outcome.answers, judged) | {
        "validity": validity(outcome),
        "faithfulness": faithfulness(outcome),
        "wrong_delete": wrong_delete(outcome),
        "bank_size": bank_size(outcome),
    }
    return _weighed(parts, weights)


def answer_reward(outcome: AnswerOutcome, weights: Weights, judged: float | None = None) -> Reward:
    """What a completion of the Answer Agent is worth. `judged` is the judge's score of its answer.

    Raises TrainingError for a weight of what is no part of it, ValueError for what can only be a bug.
    """
    scores = None if judged is None else [judged]
    _check([outcome.answered], scores)
    if outcome.answered.malformed:
        return _weighed(_worst(WORST_OF_ANSWER, scores), weights)
    parts = _of_answers([outcome.answered], scores) | {"validity": 1.0, "citation": citation(outcome)}
    return _weighed(parts, weights)


def right(answered: Answered) -> float:
    """1 for an answer that is the gold one, or that abstains where nothing else is right; else 0."""
    return _scored(answered, exact_match)


def validity(outcome: ManagerOutcome) -> float:
    """The share of the operations that the bank carried out, neither held for review nor rejected; NOOP is one."""
    applied = [float(done.status is OperationStatus.APPLIED) for done in outcome.done]
    return fmean(applied) if applied else 1.0


def faithfulness(outcome: ManagerOutcome) -> float:
    """The share of the meaningful words in the memories written that stand in their sources; 1 where none was written.

    Words are compared without their endings. To say things anew costs as inventing does, only less: "lives in Lima"
    for "I moved to Lima" has one of its two words from there.
    """
    written = _words(done.operation.text or "" for done in outcome.done)
    return len(written & _words(outcome.sources)) / len(written) if written else 1.0


def wrong_delete(outcome: ManagerOutcome) -> float:
    """Minus the share of the answerable questions whose answer an UPDATE or DELETE took out of the bank.

    A question could be answered if all the meaningful words of its gold answer stood in the bank before or stand in
    the message. Its answer was taken if one of them stood in a memory that was changed or deleted, and stands in none
    after. Blind to answers in other words than the memory's, and to a word that another memory has for another reason.
    """
    remaining = _words(outcome.bank_after)
    lost = _words(_replaced(outcome)) - remaining
    known = _words([*outcome.bank_before, outcome.message])
    golds = [_words([asked.gold]) for asked in (answered.question for answered in outcome.answers) if not asked.abstain]
    answerable = [gold for gold in golds if gold and gold <= known]
    return 0.0 - fmean(float(not gold.isdisjoint(lost)) for gold in answerable) if answerable else 0.0


def bank_size(outcome: ManagerOutcome) -> float:
    """-1 for each 100 characters by which the bank has grown. To shrink it earns nothing, or deleting would pay."""
    grown = sum(map(len, outcome.bank_after)) - sum(map(len, outcome.bank_before))
    return -max(0, grown) / 100


def citation(outcome: AnswerOutcome) -> float:
    """Whether the memories used are those that the gold answer's meaningful words stand in, as an F1.

    Recall is the share of those words, as far as any memory on offer has them, that the memories used have; precision
    is the share of the memories used that have one. Where nothing answers the question, 1 if none is used, else 0.
    Where no memory on offer has a word of the gold answer, nobody can tell: 0, whatever is used.
    """
    question = outcome.answered.question
    if question.abstain:
        return float(not outcome.used)
    findable = _words([question.gold]) & _words(outcome.offered)
    found = findable & _words(outcome.used)
    if not found:
        return 0.0
    recall = len(found) / len(findable)
    precision = fmean(float(not findable.isdisjoint(_words([text]))) for text in outcome.used)
    return 2 * precision * recall / (precision + recall)


def _scored(answered: Answered, metric: Callable[[str, str], float]) -> float:
    """An answer by `metric`; where only abstaining is right, whether it does; 0 for one that could not be read."""
    if answered.malformed:
        return 0.0
    if answered.question.abstain:
        return float(abstains(answered.answer))
    return metric(answered.answer, answered.question.gold)


def _abstains_rightly(answered: Answered) -> float:
    if answered.malformed:
        return 0.0
    return float(abstains(answered.answer) is answered.question.abstain)


def _of_answers(answers: Sequence[Answered], judged: Sequence[float] | None) -> dict[str, float]:
    parts = {
        "exact_match": fmean(map(right, answers)),
        "f1": fmean(_scored(answered, f1_sets) for answered in answers),
        "abstention": fmean(map(_abstains_rightly, answers)),
    }
    if judged is not None:
        parts["judge"] = fmean(0.0 if a.malformed else score for a, score in zip(answers, judged, strict=True))
    return parts


def _worst(parts: Mapping[str, float], judged: Sequence[float] | None) -> dict[str, float]:
    return {name: least for name, least in parts.items() if name != "judge" or judged is not None}


def _weighed(parts: Mapping[str, float], weights: Weights) -> Reward:
    total = 0.0
    for name, weight in weights.named():
        if weight and name not in parts:
            if name == "judge":
                raise ValueError("the judge has a weight, and has not been asked")
            raise TrainingError(f"{name} has a weight, and is no part of this agent's reward.", _choice(parts))
        total += weight * parts.get(name, 0.0)
    return Reward(total, dict(parts))


def _choice(parts: Mapping[str, float]) -> str:
    return f"Its parts are {', '.join(sorted({*parts, 'judge'}))}."


def _check(answers: Sequence[Answered], judged: Sequence[float] | None) -> None:
    if not answers:
        raise ValueError("no question is asked, so nothing can be right")
    for answered in answers:
        if not answered.question.abstain and not answered.question.gold.strip():
            raise ValueError(f"nobody knows what is right to say to {answered.question.text!r}")
    if judged is not None and len(judged) != len(answers):
        raise ValueError(f"{len(judged)} scores of a judge for {len(answers)} answers")
    for score in judged or ():
        if not 0 <= score <= 1:
            raise ValueError(f"a judge's score is from 0 to 1, not {score}")


def _words(texts: Iterable[str]) -> frozenset[str]:
    """The stems of what means something in `texts`, numbers as digits."""
    return frozenset[str]().union(*map(_words_of, texts))


@lru_cache(maxsize=1 << 14)
def _words_of(text: str) -> frozenset[str]:
    # Hundreds of completions are about the same few memories.
    return content(normalised(text))


def _replaced(outcome: ManagerOutcome) -> list[str]:
    """The memories that were changed or deleted, as they were."""
    return [
        done.before
        for done in outcome.done
        if done.status is OperationStatus.APPLIED
        and done.operation.action in (Action.UPDATE, Action.DELETE)
        and done.before is not None
    ]
