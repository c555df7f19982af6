"""What comes of a completion: the Manager's is applied to a fork of the bank, from which questions are then answered.

Promises to do with a completion what the app does: its own queue, bank, search, prompts and parsing take it. Whatever
is the same twice is answered once. Knows nothing of rewards, and of models only that they write completions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.agents.answer import AnswerAgent
from assistant.agents.generation import (
    USUAL_TRAITS,
    Agent,
    ChatMessage,
    Completion,
    FinishReason,
    ModelTraits,
)
from assistant.agents.manager import Decision, MemoryManager
from assistant.conversation.queue import ManagerQueue
from assistant.errors import InputError
from assistant.memory.bank import Embedder, Memory, MemoryBank, Operation
from assistant.memory.operations import MemoryOperation
from trainer.dialogues import Asked
from trainer.episodes import AnswerEpisode, ManagerEpisode
from trainer.outcomes import Answered, AnswerOutcome, Done, ManagerOutcome
from trainer.sampling import Sampled

Prompt = tuple[ChatMessage, ...]
Answerer = Callable[[Sequence[Prompt]], Sequence[Sampled]]
"""Completions of the frozen Answer Agent, one for each prompt."""


class ManagerEnvironment:
    """Gives the Manager's prompts, and takes its completions.

    `answerer` is asked once for each different prompt. `embedder` finds by meaning as well, where there is one.
    """

    def __init__(
        self, answerer: Answerer, embedder: Embedder | None = None, traits: ModelTraits = USUAL_TRAITS
    ) -> None:
        self._answerer = answerer
        self._embedder = embedder
        self._traits = traits
        self._bases: dict[str, _Base] = {}

    def prompt(self, episode: ManagerEpisode) -> Prompt:
        """What the app would ask the Manager about the message of `episode`."""
        return self._base(episode).prompt

    def offered(self, episode: ManagerEpisode) -> tuple[str, ...]:
        """The memories in that prompt, in their order."""
        return self._base(episode).offered

    def outcomes(
        self, episodes: Sequence[ManagerEpisode], completions: Sequence[Sequence[Sampled]]
    ) -> list[list[ManagerOutcome]]:
        """What came of each of the `completions` that each of `episodes` has."""
        tried = [
            {text: self._tried(episode, text) for text in dict.fromkeys(texts)}
            for episode, texts in zip(episodes, completions, strict=True)
        ]
        asked = [prompt for each in tried for after in each.values() for prompt, _ in after.asked]
        answers = _Answers(self._answerer, asked)
        return [
            [self._outcome(episode, each[text], answers) for text in texts]
            for episode, texts, each in zip(episodes, completions, tried, strict=True)
        ]

    def close(self) -> None:
        """Lets the banks of all episodes go."""
        for base in self._bases.values():
            base.bank.close()
        self._bases.clear()

    def _base(self, episode: ManagerEpisode) -> _Base:
        if episode.id not in self._bases:
            self._bases[episode.id] = _Base.of(episode, self._embedder, self._traits)
        return self._bases[episode.id]

    def _tried(self, episode: ManagerEpisode, sampled: Sampled) -> _After:
        base = self._base(episode)
        with base.bank.fork() as fork:
            operations, malformed = applied(fork, sampled, self._traits)
            fork.index_all()
            prompts = [question_prompt(fork, question, self._traits) for question in episode.questions]
            after = _texts(fork.memories())
        return _After(sampled.text, operations, after, prompts, malformed)

    def _outcome(self, episode: ManagerEpisode, after: _After, answers: _Answers) -> ManagerOutcome:
        base = self._base(episode)
        asked = zip(episode.questions, after.asked, strict=True)
        return ManagerOutcome(
            completion=after.completion,
            message=episode.message.text,
            sources=(*(f"{said.speaker}: {said.text}" for said in (episode.message, *episode.earlier)), *base.offered),
            done=tuple(_done(operation) for operation in after.operations),
            bank_before=base.texts,
            bank_after=after.texts,
            answers=tuple(answers.answered(question, prompt, offered) for question, (prompt, offered) in asked),
            malformed=after.malformed,
        )


class AnswerEnvironment:
    """Gives the Answer Agent its prompts, and takes its completions. What is offered stands already."""

    def __init__(self, traits: ModelTraits = USUAL_TRAITS) -> None:
        self._traits = traits

    def prompt(self, episode: AnswerEpisode) -> Prompt:
        """What the app would ask the Answer Agent."""
        return _answer_prompt(episode.question, episode.offered, episode.history, self._traits)

    def outcomes(
        self, episodes: Sequence[AnswerEpisode], completions: Sequence[Sequence[Sampled]]
    ) -> list[list[AnswerOutcome]]:
        """What came of each of the `completions` that each of `episodes` has."""
        return [
            [read_answer(episode.question, sampled, episode.offered) for sampled in texts]
            for episode, texts in zip(episodes, completions, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Base:
    """The bank before a message, in which the message waits for the Manager."""

    bank: MemoryBank
    texts: tuple[str, ...]
    offered: tuple[str, ...]
    prompt: Prompt

    @classmethod
    def of(cls, episode: ManagerEpisode, embedder: Embedder | None, traits: ModelTraits) -> _Base:
        bank = MemoryBank.temporary(embedder)
        for remembered in episode.before:
            try:
                bank.add(remembered.text, observed_at=remembered.at)
            except InputError:
                continue  # It says what another one says.
        number = bank.new_conversation().id
        for said in episode.earlier:
            bank.add_message(number, "user", said.text, speaker=said.speaker, created_at=said.at)
        message = episode.message
        bank.add_message(number, "user", message.text, speaker=message.speaker, created_at=message.at, remember=True)
        bank.index_all()
        offered = bank.related(message.text, traits.memories_offered)
        return cls(bank, _texts(bank.memories()), _texts(offered), waiting_prompt(bank, traits))


@dataclass(frozen=True, slots=True)
class _After:
    """A bank after a completion: what was done, what it holds, and what the questions' prompts are then."""

    completion: str
    operations: tuple[Operation, ...]
    texts: tuple[str, ...]
    asked: list[tuple[Prompt, tuple[str, ...]]]
    malformed: str


class _Answers:
    """The answer of each prompt, asked for once."""

    def __init__(self, answerer: Answerer, prompts: Sequence[Prompt]) -> None:
        different = list(dict.fromkeys(prompts))
        self._completions = dict(zip(different, answerer(different), strict=True)) if different else {}

    def answered(self, question: Asked, prompt: Prompt, offered: Sequence[str]) -> Answered:
        return read_answer(question, self._completions[prompt], offered).answered


@dataclass(frozen=True, slots=True)
class _Saying:
    """A generator that has sampled already what it says."""

    sampled: Sampled

    def generate(self, agent: Agent, prompt: Sequence[ChatMessage], **_: Any) -> Completion:
        return Completion(self.sampled.text, FinishReason.STOP if self.sampled.ended else FinishReason.LENGTH)


class _Listening:
    """A generator that keeps the prompt, and has nothing to say."""

    prompt: Prompt = ()

    def generate(self, agent: Agent, prompt: Sequence[ChatMessage], **_: Any) -> Completion:
        self.prompt = tuple(prompt)
        return Completion("NOOP", FinishReason.STOP)


class _Watched(MemoryManager):
    """A manager of which one knows what it has decided last."""

    decision: Decision

    def decide(self, message: str, memories: Sequence[str], **options: Any) -> Decision:
        self.decision = super().decide(message, memories, **options)
        return self.decision


def waiting_prompt(bank: MemoryBank, traits: ModelTraits) -> Prompt:
    """What the app's queue would ask the Manager about the message that waits in `bank`, in which nothing changes."""
    heard = _Listening()
    with bank.fork() as fork:
        ManagerQueue(fork, MemoryManager(heard, traits)).run_pending()
    return heard.prompt


def applied(bank: MemoryBank, sampled: Sampled, traits: ModelTraits) -> tuple[tuple[Operation, ...], str]:
    """What the app's queue makes of a completion about the message that waits; and why it cannot be read, or ""."""
    manager = _Watched(_Saying(sampled), traits)
    [receipt] = ManagerQueue(bank, manager).run_pending()
    malformed = manager.decision.malformed
    return ((), malformed.reason) if malformed is not None else (receipt.operations, "")


def _texts(memories: Sequence[Memory]) -> tuple[str, ...]:
    return tuple(memory.text for memory in memories)


def _done(operation: Operation) -> Done:
    asked = MemoryOperation(operation.action, operation.memory_id, operation.text)
    return Done(asked, operation.status, operation.text_before, operation.reason)


def question_prompt(bank: MemoryBank, question: Asked, traits: ModelTraits) -> tuple[Prompt, tuple[str, ...]]:
    """What the app would ask about `question` alone, and the memories that it would offer."""
    offered = _texts(bank.related(question.text, traits.memories_offered))
    return _answer_prompt(question, offered, (), traits), offered


def _answer_prompt(
    question: Asked, offered: Sequence[str], history: Sequence[ChatMessage], traits: ModelTraits
) -> Prompt:
    heard = _Listening()
    AnswerAgent(heard, traits).reply(question.text, offered, history=history)
    return heard.prompt


def read_answer(question: Asked, sampled: Sampled, offered: Sequence[str]) -> AnswerOutcome:
    """What the app makes of a completion of the Answer Agent."""
    reply = AnswerAgent(_Saying(sampled)).reply(question.text, offered)
    malformed = reply.malformed.reason if reply.malformed is not None else "" if sampled.ended else "cut off"
    used = tuple(offered[number - 1] for number in reply.answer.ids)
    return AnswerOutcome(sampled.text, Answered(question, reply.answer.text, malformed), tuple(offered), used)
