"""Lives as supervised examples: the assistant's own prompts with the completions that would be right.

The memories on offer are those the right answer needs, among others that are near in kind; what search offers in use is
like that. Knows nothing of tokens or tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from assistant.agents.completions import format_answer, format_operations
from assistant.agents.generation import Agent, ChatMessage, Role
from assistant.agents.grounding import invented_words
from assistant.agents.prompts import answer_prompt, manager_prompt
from assistant.memory.operations import Action, MemoryOperation
from trainer.data.facts import Fact
from trainer.data.lives import ABSTAIN, USER, Change, Life, Question, Turn
from trainer.data.wordings import Wordings

MAX_OFFERED = 8
HISTORY_MESSAGES = 4
"""How much of the conversation the Answer Agent is trained to see, at most."""
HISTORY_SHARE = 0.5
EARLIER_SHARE = 0.6
STATEMENT_REPLY_SHARE = 0.08
SMALLTALK_REPLY_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the completion that would be right."""

    agent: Agent
    prompt: list[ChatMessage]
    completion: str


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How much stands in a prompt beside what is needed: memories on offer, and shares of prompts with context."""

    offered: int = MAX_OFFERED
    history: float = HISTORY_SHARE
    earlier: float = EARLIER_SHARE

    @classmethod
    def at(cls, progress: float) -> Difficulty:
        """From next to nothing at 0 to what use is like at 1."""
        return cls(2 + round(progress * (MAX_OFFERED - 2)), progress * HISTORY_SHARE, progress * EARLIER_SHARE)


AS_IN_USE = Difficulty()


def examples(life: Life, wordings: Wordings, rng: Random, difficulty: Difficulty = AS_IN_USE) -> Iterator[Example]:
    """Every example in `life`, both agents mixed in the order of its turns."""
    for group in groups(life, wordings, rng, difficulty):
        yield from group


def groups(life: Life, wordings: Wordings, rng: Random, difficulty: Difficulty = AS_IN_USE) -> Iterator[list[Example]]:
    """The examples in `life`, those together whose prompts differ in the last message alone."""
    history: list[ChatMessage] = []
    earlier: list[str] = []
    for turn in life.turns:
        yield _manager_examples([turn, *turn.instead], earlier, rng, difficulty)
        said = [(t, reply) for t in (turn, *turn.instead) if (reply := _reply(t, wordings)) is not None]
        replies = [
            Question("reply", t.text, reply, None)
            for t, reply in said
            if rng.random() < (STATEMENT_REPLY_SHARE if t.changes else SMALLTALK_REPLY_SHARE)
        ]
        if replies:
            yield _answer_examples(replies, list(turn.known), history, rng, difficulty)
        if turn.speaker == USER and said and said[0][0] is turn:
            history = _grown(history, turn.text, said[0][1])
        if turn.questions:
            yield _answer_examples(turn.questions, known_after(turn), history, rng, difficulty)
            asked = rng.choice(turn.questions)
            history = _grown(history, asked.text, asked.answer)
        earlier = [*earlier, f"{turn.speaker}: {turn.text}"][-2:]


def own_words(lives: Iterable[Life], wordings: Wordings) -> frozenset[str]:
    """The words of right completions in `lives` that stand in no prompt: what memories and answers are made with."""
    rng = Random("own words")
    return frozenset(
        word
        for life in lives
        for example in examples(life, wordings, rng)
        for word in invented_words(example.completion, (message.text for message in example.prompt), ())
    )


def _grown(history: list[ChatMessage], said: str, replied: str) -> list[ChatMessage]:
    return [*history, ChatMessage(Role.USER, said), ChatMessage(Role.ASSISTANT, replied)][-HISTORY_MESSAGES:]


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


def known_after(turn: Turn) -> list[Fact]:
    """What is remembered after a turn, if it was read rightly."""
    gone = {c.before.key for c in turn.changes if c.before}
    return [f for f in turn.known if f.key not in gone] + [c.after for c in turn.changes if c.after]


def _offer(needed: list[Fact], known: list[Fact], near: set[str], rng: Random, difficulty: Difficulty) -> list[str]:
    """As many memories as `difficulty` allows, mixed: those needed, then some of the kinds in `near`, then any."""
    needed = list({fact.key: fact for fact in needed}.values())
    others = [f for f in known if f not in needed]
    rng.shuffle(others)
    others.sort(key=lambda f: f.kind.removeprefix("friend_") not in near)
    room = rng.randint(0, max(0, difficulty.offered - len(needed)))
    offered = needed + others[:room]
    rng.shuffle(offered)
    return [f.text for f in offered]


def _manager_examples(turns: list[Turn], earlier: list[str], rng: Random, difficulty: Difficulty) -> list[Example]:
    changes = [c for turn in turns for c in turn.changes]
    needed = [c.before for c in changes if c.before]
    needed += [_restated(turn) for turn in turns if turn.kind == "known already"]
    near = {f.kind.removeprefix("friend_") for c in changes for f in (c.before, c.after) if f}
    offered = _offer(needed, list(turns[0].known), near, rng, difficulty)
    before = earlier[-rng.randint(1, 2) :] if rng.random() < difficulty.earlier else []
    return [
        Example(
            Agent.MANAGER,
            manager_prompt(turn.text, offered, speaker=turn.speaker, earlier=before),
            format_operations(gold_operations(turn.changes, offered), offered),
        )
        for turn in turns
    ]


def _restated(turn: Turn) -> Fact:
    """The known fact that a message says again: the one with most of its words in the message."""
    own = [f for f in turn.known if f.about[0] == turn.speaker]
    return max(own, key=lambda f: sum(v in turn.text for v in (*f.values, *f.about[1:]) if v))


def _seen(history: list[ChatMessage], rng: Random, difficulty: Difficulty) -> list[ChatMessage]:
    return history[-2 * rng.randint(1, 2) :] if rng.random() < difficulty.history else []


def _answer_examples(
    questions: Sequence[Question], known: list[Fact], history: list[ChatMessage], rng: Random, difficulty: Difficulty
) -> list[Example]:
    needed = [q.evidence for q in questions if q.evidence]
    near = {q.kind.split(".")[0].removeprefix("friend_") for q in questions}
    offered = _offer(needed, known, near, rng, difficulty)
    seen = _seen(history, rng, difficulty)
    return [
        Example(
            Agent.ANSWER,
            answer_prompt(q.text, offered, history=seen),
            format_answer(q.answer, [offered.index(q.evidence.text) + 1] if q.evidence else [], offered),
        )
        for q in questions
    ]


def _reply(turn: Turn, wordings: Wordings) -> str | None:
    """What the assistant says to a message that asks for nothing it could know; None to one that does."""
    if turn.changes or turn.kind == "known already":
        kind = "statement"
    elif turn.kind.startswith("small talk"):
        kind = turn.kind.removeprefix("small talk: ")
    else:
        return None
    if kind == "wondering" or (kind == "remark" and turn.text.endswith("?")):
        return ABSTAIN
    return wordings.say[f"replies.{kind}"][0]
