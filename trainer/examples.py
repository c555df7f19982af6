"""Lives as supervised examples: the assistant's own prompts with the completions that would be right.

The memories on offer are those the right answer needs, among others that are near in kind; what search offers in use is
like that. Knows nothing of tokens or tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from assistant.agents.completions import format_answer, format_operations
from assistant.agents.generation import Agent, ChatMessage, Role
from assistant.agents.prompts import answer_prompt, manager_prompt
from assistant.memory.operations import Action, MemoryOperation
from trainer.data.facts import Fact
from trainer.data.lives import Change, Life, Question, Turn
from trainer.data.wordings import Wordings

MAX_OFFERED = 8
STATEMENT_REPLY_SHARE = 0.08
SMALLTALK_REPLY_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the completion that would be right."""

    agent: Agent
    prompt: list[ChatMessage]
    completion: str


def examples(life: Life, wordings: Wordings, rng: Random) -> Iterator[Example]:
    """Every example in `life`, both agents mixed in the order of its turns."""
    history: list[ChatMessage] = []
    earlier: list[str] = []
    for turn in life.turns:
        yield _manager_example(turn, earlier, rng)
        known = _known_after(turn)
        for question in turn.questions:
            yield _answer_example(question, known, history, rng)
            said = [ChatMessage(Role.USER, question.text), ChatMessage(Role.ASSISTANT, question.answer)]
            history = [*history, *said][-4:]
        reply = _reply_example(turn, known, history, wordings, rng)
        if reply is not None:
            yield reply
        earlier = [*earlier, f"{turn.speaker}: {turn.text}"][-2:]


def gold_operations(changes: tuple[Change, ...], offered: list[str]) -> tuple[MemoryOperation, ...]:
    """The operations that make `changes`, under the short ids of the memories `offered`; NOOP if there are none."""
    operations = []
    for change in changes:
        short_id = offered.index(change.before.text) + 1 if change.before else None
        if change.after is None:
            operations.append(MemoryOperation(Action.DELETE, short_id))
        elif change.before is None:
            operations.append(MemoryOperation(Action.ADD, None, change.after.text))
        else:
            operations.append(MemoryOperation(Action.UPDATE, short_id, change.after.text))
    return tuple(operations) or (MemoryOperation(Action.NOOP),)


def _known_after(turn: Turn) -> list[Fact]:
    gone = {c.before.key for c in turn.changes if c.before}
    return [f for f in turn.known if f.key not in gone] + [c.after for c in turn.changes if c.after]


def _offer(needed: list[Fact], known: list[Fact], near: set[str], rng: Random) -> list[str]:
    """Up to `MAX_OFFERED` memories in random order: those needed, then some of the kinds in `near`, then any."""
    others = [f for f in known if f not in needed]
    rng.shuffle(others)
    others.sort(key=lambda f: f.kind.removeprefix("friend_") not in near)
    room = rng.randint(0, MAX_OFFERED - len(needed))
    offered = needed + others[:room]
    rng.shuffle(offered)
    return [f.text for f in offered]


def _manager_example(turn: Turn, earlier: list[str], rng: Random) -> Example:
    needed = [c.before for c in turn.changes if c.before]
    near = {f.kind.removeprefix("friend_") for c in turn.changes for f in (c.before, c.after) if f}
    if turn.kind == "known already":
        needed = [_restated(turn)]
    offered = _offer(needed, list(turn.known), near, rng)
    before = earlier[-rng.randint(0, 2) :] if earlier and rng.random() < 0.4 else []
    prompt = manager_prompt(turn.text, offered, speaker=turn.speaker, earlier=before)
    return Example(Agent.MANAGER, prompt, format_operations(gold_operations(turn.changes, offered)))


def _restated(turn: Turn) -> Fact:
    """The known fact that a message says again: the one with most of its words in the message."""
    own = [f for f in turn.known if f.about[0] == turn.speaker]
    return max(own, key=lambda f: sum(v in turn.text for v in (*f.values, *f.about[1:]) if v))


def _answer_example(question: Question, known: list[Fact], history: list[ChatMessage], rng: Random) -> Example:
    needed = [question.evidence] if question.evidence else []
    offered = _offer(needed, known, {question.kind.split(".")[0].removeprefix("friend_")}, rng)
    ids = [offered.index(f.text) + 1 for f in needed]
    before = history[-2 * rng.randint(1, 2) :] if rng.random() < 0.25 else []
    return Example(Agent.ANSWER, answer_prompt(question.text, offered, history=before), format_answer(question.answer, ids))


def _reply_example(
    turn: Turn, known: list[Fact], history: list[ChatMessage], wordings: Wordings, rng: Random
) -> Example | None:
    """What the assistant says to a message that asks for nothing it could know."""
    if turn.changes and rng.random() < STATEMENT_REPLY_SHARE:
        kind = "statement"
    elif turn.kind.startswith("small talk") and rng.random() < SMALLTALK_REPLY_SHARE:
        kind = turn.kind.removeprefix("small talk: ")
    else:
        return None
    offered = _offer([], known, set(), rng)
    before = history[-2:] if rng.random() < 0.25 else []
    reply = rng.choice(wordings.say[f"replies.{kind}"][:3])
    return Example(Agent.ANSWER, answer_prompt(turn.text, offered, history=before), format_answer(reply, ()))
