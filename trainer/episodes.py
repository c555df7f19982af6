"""Dialogues replayed into episodes: what an agent is asked once, and what its reward is found by.

Promises the prompts of the app: banks, search and prompts are the assistant's own. Knows nothing of models and rewards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assistant.agents.generation import ChatMessage
from assistant.memory.bank import Embedder, MemoryBank, MessageRole
from trainer.data.lives import Life, Question
from trainer.dialogues import Asked, Dialogue, Said
from trainer.examples import known_after


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory as it stood: its text, and when what it says was said."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ManagerEpisode:
    """A message with the bank before it, and the questions of which it is the evidence, or a part of it.

    `earlier` are the messages just before, oldest first.
    """

    id: str
    before: tuple[Remembered, ...]
    message: Said
    earlier: tuple[Said, ...]
    questions: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class AnswerEpisode:
    """A question with the memories on offer, best first, and what was said before it."""

    id: str
    question: Asked
    offered: tuple[str, ...]
    history: tuple[ChatMessage, ...] = ()


BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
BETWEEN_TURNS = timedelta(hours=7)
"""When a simulated life is told: nothing in it depends on the day."""
EARLIER = 2
"""Messages before the one at hand that the Manager is shown, as in the app."""
WINDOW = 50
"""Turns before a message from which its bank is built, as in the paper."""

Read = Callable[[MemoryBank], object]
"""Has a manager read the messages that wait in a bank, and gives every new memory its vector."""


def of_life(life: Life, name: str) -> tuple[ManagerEpisode, ...]:
    """The messages of a simulated life after which there is something to ask, each with the bank that would be right.

    Questions of which the answer is gone, or was never said, are asked as well: only to say so is right then.
    """
    told = _told(life, name)
    since: dict[tuple[str, ...], datetime] = {}
    episodes = []
    for number, turn in enumerate(life.turns):
        before = tuple(Remembered(fact.text, since[fact.key]) for fact in turn.known)
        said = told[number]
        if turn.questions:
            questions = tuple(_asked(question, said.id) for question in turn.questions)
            earlier = tuple(told[max(0, number - EARLIER) : number])
            episodes.append(ManagerEpisode(said.id, before, said, earlier, questions))
        since |= {change.after.key: said.at for change in turn.changes if change.after is not None}
    return tuple(episodes)


def answers_of_life(life: Life, name: str, offer: int, embedder: Embedder | None = None) -> tuple[AnswerEpisode, ...]:
    """The questions of a simulated life, each with the `offer` memories that search finds in the bank that is right."""
    episodes = []
    for turn, said in zip(life.turns, _told(life, name), strict=True):
        if turn.questions:
            with MemoryBank.temporary(embedder) as bank:
                for fact in known_after(turn):
                    bank.add(fact.text, observed_at=said.at)
                bank.index_all()
                asked = [_asked(question, said.id) for question in turn.questions]
                episodes += answers_from(bank, asked, offer, said.id)
    return tuple(episodes)


def replayed(dialogue: Dialogue, bank: MemoryBank, read: Read, *, window: int = WINDOW) -> tuple[ManagerEpisode, ...]:
    """Tells a dialogue to an empty `bank`, where `read` has it remembered, and gives the messages that are evidence.

    The bank before a message holds what came from the `window` turns before it. A question is asked after each message
    that is evidence of it: after the first of several it may be too early to answer, for every completion alike.
    """
    number = bank.new_conversation(dialogue.id).id
    turn_of: dict[int, int] = {}
    users: list[Said] = []
    episodes = []
    for at, said in enumerate(dialogue.turns):
        questions = tuple(question for question in dialogue.questions if said.id in question.evidence)
        if questions and not said.assistant:
            known = [
                memory for memory in bank.memories() if at - turn_of.get(memory.source_message_id or 0, 0) <= window
            ]
            before = tuple(Remembered(memory.text, memory.observed_at) for memory in known)
            name = f"{dialogue.id}, {said.id}"
            episodes.append(ManagerEpisode(name, before, said, tuple(users[-EARLIER:]), questions))
        role = MessageRole.ASSISTANT if said.assistant else MessageRole.USER
        speaker = None if said.assistant else said.speaker
        message = bank.add_message(
            number, role, said.text, speaker=speaker, created_at=said.at, remember=not said.assistant
        )
        turn_of[message.id] = at
        if not said.assistant:
            users.append(said)
            read(bank)
    return tuple(episodes)


def answers_from(bank: MemoryBank, questions: Sequence[Asked], offer: int, name: str) -> list[AnswerEpisode]:
    """The `questions`, each with the `offer` memories that the bank finds for it."""
    return [
        AnswerEpisode(
            f"{name}, question {number}",
            question,
            tuple(memory.text for memory in bank.related(question.text, offer)),
        )
        for number, question in enumerate(questions, 1)
    ]


def _told(life: Life, name: str) -> list[Said]:
    return [
        Said(f"{name}, turn {number}", turn.speaker, turn.text, BEGIN + number * BETWEEN_TURNS)
        for number, turn in enumerate(life.turns, 1)
    ]


def _asked(question: Question, said_id: str) -> Asked:
    return Asked(question.text, question.answer, (said_id,), question.kind, question.evidence is None)
