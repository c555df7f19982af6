"""Simulated lives as dialogues, and sets of lives of which none is one that models are measured on.

Knows nothing of how lives are made up. A life's single moments are turned into episodes by `trainer.episodes`.
"""

from __future__ import annotations

from trainer.data.facts import Fact
from trainer.data.lives import Life, Question
from trainer.data.simulate import simulate
from trainer.data.storyteller import USUAL, Shares
from trainer.data.wordings import Wordings
from trainer.dialogues import Asked, Dialogue, Said
from trainer.episodes import BEGIN, BETWEEN_TURNS

Sources = dict[tuple[str, ...], dict[str, int]]
"""By the key of a fact that is known: of each of its values, the number of the message that brought it; "" stands for
its last change."""
_CHANGED = ""


def lives(
    wordings: Wordings, count: int, *, seed: int, turns: int = 30, shares: Shares = USUAL
) -> tuple[tuple[str, Life], ...]:
    """`count` lives in `wordings`, each with its name, which is what it is made from: the same name, the same life.

    None has the seed of a life that `trainer.lives_evaluation` tells, whatever `seed` and the split of `wordings`; and
    with those of the training split, none has a wording or a value of another split.
    """
    names = (f"life {wordings.split} {seed} {number}" for number in range(count))
    return tuple((name, simulate(name, wordings, turns=turns, shares=shares)) for name in names)


def dialogue(life: Life, name: str) -> Dialogue:
    """A whole life as a dialogue, with those of its questions that can still be put when all of it has been said.

    A life asks right after a message. Left out is what came out otherwise later: a question about a fact that has
    changed since, and one that nothing answered, if anything of its kind was told after it. A question asked several
    times is there once. The evidence are the messages that brought what the fact says now, the latest change among
    them: both, of two dogs that were told of one after the other, but only the last of two homes.
    """
    questions: dict[str, Asked] = {}
    known = _known_at_the_end(life)
    sources: Sources = {}
    for number, turn in enumerate(life.turns, 1):
        _follow(sources, life, number)
        for question in turn.questions:
            if _still_holds(question, life, number, known):
                questions[question.text] = _asked(question, sources)
    return Dialogue(name, _said(life, len(life.turns)), tuple(questions.values()))


def moments(life: Life, name: str) -> tuple[Dialogue, ...]:
    """The life up to each message after which something is asked, with what is asked then: every question of the life.

    Evidence is named as in `dialogue`.
    """
    found = []
    sources: Sources = {}
    for number, turn in enumerate(life.turns, 1):
        _follow(sources, life, number)
        if turn.questions:
            asked = tuple(_asked(question, sources) for question in turn.questions)
            found.append(Dialogue(f"{name}, {_id(number)}", _said(life, number), asked))
    return tuple(found)


def _said(life: Life, count: int) -> tuple[Said, ...]:
    return tuple(
        Said(_id(number), turn.speaker, turn.text, BEGIN + number * BETWEEN_TURNS)
        for number, turn in enumerate(life.turns[:count], 1)
    )


def _id(number: int) -> str:
    return f"turn {number}"


def _follow(sources: Sources, life: Life, number: int) -> None:
    """Brings `sources` up to the message with that number."""
    for change in life.turns[number - 1].changes:
        before = sources.pop(change.before.key, {}) if change.before is not None else {}
        if change.after is not None:
            own = {value: before.get(value, number) for value in _told(change.after)}
            sources[change.after.key] = {**own, _CHANGED: number}


def _told(fact: Fact) -> tuple[str, ...]:
    """The values of a fact that say something about what it is about."""
    return tuple(value for value in fact.values if value and value not in fact.about)


def _asked(question: Question, sources: Sources) -> Asked:
    fact = question.evidence
    if fact is None:
        return Asked(question.text, question.answer, kind=question.kind, abstain=True)
    numbers = sorted(set(sources[fact.key].values()))
    return Asked(question.text, question.answer, tuple(map(_id, numbers)), question.kind)


def _known_at_the_end(life: Life) -> dict[tuple[str, ...], Fact]:
    known: dict[tuple[str, ...], Fact] = {}
    for turn in life.turns:
        for change in turn.changes:
            if change.before is not None:
                known.pop(change.before.key, None)
            if change.after is not None:
                known[change.after.key] = change.after
    return known


def _still_holds(question: Question, life: Life, number: int, known: dict[tuple[str, ...], Fact]) -> bool:
    fact = question.evidence
    if fact is not None:
        return known.get(fact.key) == fact
    kind = question.kind.split(".")[0]
    later = (change.after for turn in life.turns[number:] for change in turn.changes)
    return not any(told is not None and told.kind == kind for told in later)
