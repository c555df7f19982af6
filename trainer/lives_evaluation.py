"""How well a model keeps and uses memories of simulated lives, through the assistant's own code and llama.cpp.

Each life is told to a real bank, message by message: the queue runs the manager, what it did is compared with what
would have been right, and the bank is then set right, so that one mistake is counted once. After each message its
questions are put to the chat. Nothing is counted as right that the user would not see as right.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.agents.answer import AnswerAgent
from assistant.agents.generation import USUAL_TRAITS, Agent, ChatMessage, Completion, Generator, ModelTraits
from assistant.agents.manager import MemoryManager
from assistant.agents.reconsidering import Reconsidering
from assistant.conversation.chat import Chat, related
from assistant.conversation.queue import ManagerQueue
from assistant.memory.bank import Embedder, MemoryBank, Message, Operation
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from trainer.data.facts import Fact
from trainer.data.lives import Life, Question, Turn
from trainer.data.simulate import simulate
from trainer.data.wordings import Wordings
from trainer.episodes import BEGIN, BETWEEN_TURNS
from trainer.metrics import normalised

_LOST_SHARES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)


@dataclass
class Tally:
    """How many of how many were right."""

    right: int = 0
    total: int = 0

    def count(self, right: bool) -> None:
        self.right += right
        self.total += 1

    @property
    def share(self) -> float:
        return self.right / self.total if self.total else 0.0


@dataclass
class Scores:
    """Tallies by kind: `operations`, `answers` (questions that can be answered) and `abstentions` (those that cannot).

    `cited` tallies the answerable questions whose citations are exactly the right memory; `offered` the messages that
    need a memory, as right if search found all they need: no model can make up for the others. `held` tallies the
    proposals that were held because the model was not sure, as right if they were wrong; `confidences` are those of all
    proposals, each with whether it was right.
    """

    operations: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    answers: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    abstentions: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    cited: Tally = field(default_factory=Tally)
    offered: Tally = field(default_factory=Tally)
    held: Tally = field(default_factory=Tally)
    confidences: list[tuple[float, bool]] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def totals(self) -> dict[str, float]:
        """The shares that are right, over all kinds."""
        parts = {"operations": self.operations, "answers": self.answers, "abstentions": self.abstentions}
        shares = {name: _whole(tallies).share for name, tallies in parts.items()}
        return {**shares, "citations": self.cited.share}

    def table(self) -> str:
        """A table a person can read: each part, each kind, right, total, share."""
        lines = []
        for name, tallies in (
            ("operations", self.operations),
            ("answers", self.answers),
            ("abstentions", self.abstentions),
        ):
            for kind, tally in [*sorted(tallies.items()), ("all", _whole(tallies))]:
                lines.append(f"{name:12} {kind:24} {tally.right:5} of {tally.total:5} {tally.share:7.1%}")
        for name, tally in (("citations", self.cited), ("offered", self.offered), ("held, wrong", self.held)):
            lines.append(f"{name:12} {'all':24} {tally.right:5} of {tally.total:5} {tally.share:7.1%}")
        return "\n".join(lines)

    def doubts(self) -> str:
        """A table of what holding proposals below a confidence costs: right ones held, and wrong ones let through."""
        right = sorted(confidence for confidence, was_right in self.confidences if was_right)
        wrong = [confidence for confidence, was_right in self.confidences if not was_right]
        lines = [f"{len(right)} right and {len(wrong)} wrong proposals"]
        for lost in _LOST_SHARES if right else ():
            least = right[int(lost * len(right))]
            held = sum(confidence < least for confidence in right) / len(right)
            passed = sum(confidence >= least for confidence in wrong)
            lines.append(f"least confidence {least:.4f} holds {held:5.1%} of the right, lets {passed:4} wrong pass")
        return "\n".join(lines)


def _whole(tallies: dict[str, Tally]) -> Tally:
    return Tally(sum(t.right for t in tallies.values()), sum(t.total for t in tallies.values()))


def evaluate(
    generator: Generator,
    embedder: Embedder | None,
    wordings: Wordings,
    lives: int,
    *,
    seed: int = 0,
    turns: int = 30,
    traits: ModelTraits = USUAL_TRAITS,
    say: Callable[[str], None] = lambda _: None,
) -> Scores:
    """Tells `lives` lives in `wordings` to banks of their own and scores what came of it."""
    scores = Scores()
    for number in range(lives):
        life = simulate(f"{wordings.split} {seed} {number}", wordings, turns=turns)
        with tempfile.TemporaryDirectory() as folder, MemoryBank.open(Path(folder) / "bank.db", embedder) as bank:
            _Telling(bank, generator, traits, scores).tell(life)
        say(f"{number + 1} of {lives} lives: {scores.totals()}")
    return scores


class _Telling:
    """One life told to one bank."""

    def __init__(self, bank: MemoryBank, generator: Generator, traits: ModelTraits, scores: Scores) -> None:
        self._bank = bank
        self._traits = traits
        generator = Reconsidering(generator, dict.fromkeys(Agent, traits))
        self._manager = _Watched(generator)
        self._queue = ManagerQueue(bank, MemoryManager(self._manager, traits))
        self._chat = Chat(bank, AnswerAgent(generator, traits))
        self._scores = scores
        self._conversation = bank.new_conversation().id
        self._ids: dict[tuple[str, ...], int] = {}
        self._now = BEGIN

    def tell(self, life: Life) -> None:
        for turn in life.turns:
            self._now += BETWEEN_TURNS
            self._told(turn)
            for question in turn.questions:
                self._ask(question)

    def _told(self, turn: Turn) -> None:
        message = self._bank.add_message(
            self._conversation, "user", turn.text, speaker=turn.speaker, created_at=self._now, remember=True
        )
        self._count_offered(message, [change.before for change in turn.changes if change.before is not None])
        receipts = self._queue.run_pending()
        done = [operation for receipt in receipts for operation in receipt.operations]
        right = sorted(_seen(operation) for operation in done) == sorted(self._wanted(turn))
        self._scores.operations[turn.kind].count(right)
        self._count_doubt(turn, done)
        if not right:
            wanted = [f"{c.before and c.before.text} -> {c.after and c.after.text}" for c in turn.changes]
            self._scores.mistakes.append(
                f"[{turn.kind}] {turn.text}\n  wanted {wanted}\n  got {[_seen(o) for o in done]}"
            )
        self._set_right(turn, message, [] if right else done)

    def _wanted(self, turn: Turn) -> Iterator[tuple[str, int, str]]:
        for change in turn.changes:
            if change.before is None and change.after is not None:
                yield Action.ADD, 0, change.after.text
            elif change.before is not None and change.after is not None:
                yield Action.UPDATE, self._ids[change.before.key], change.after.text
            elif change.before is not None:
                yield Action.DELETE, self._ids[change.before.key], ""
        if not turn.changes:
            yield Action.NOOP, 0, ""

    def _set_right(self, turn: Turn, message: Message, mistaken: list[Operation]) -> None:
        """Leaves the bank as a perfect manager would, and knows the id of each fact."""
        for operation in reversed(mistaken):
            if operation.status is OperationStatus.APPLIED and operation.action is not Action.NOOP:
                self._bank.undo(operation.id)
        if mistaken:
            self._bank.apply(
                [MemoryOperation(Action(a), i or None, t or None) for a, i, t in self._wanted(turn)],
                actor="user",
                observed_at=self._now,
                source_message_id=message.id,
            )
        by_text = {memory.text: memory.id for memory in self._bank.memories()}
        for change in turn.changes:
            if change.before is not None:
                del self._ids[change.before.key]
            if change.after is not None:
                self._ids[change.after.key] = by_text[change.after.text]
        self._bank.index_all()

    def _count_doubt(self, turn: Turn, done: list[Operation]) -> None:
        proposed = [operation for operation in done if operation.action is not Action.NOOP]
        if proposed:
            was_right = sorted(map(_proposed, done)) == sorted(self._wanted(turn))
            self._scores.confidences.append((self._manager.confidence, was_right))
            if proposed[0].status is OperationStatus.HELD:
                self._scores.held.count(not was_right)

    def _count_offered(self, message: Message, needed: list[Fact]) -> None:
        if needed:
            found = {memory.id for memory in related(self._bank, message, self._traits.memories_offered)}
            self._scores.offered.count(all(self._ids[fact.key] in found for fact in needed))

    def _ask(self, question: Question) -> None:
        message = self._bank.add_message(self._conversation, "user", question.text, created_at=self._now)
        self._count_offered(message, [question.evidence] if question.evidence is not None else [])
        turn = self._chat.reply(message)
        answer, cited = turn.reply.text, [memory.id for memory in turn.citations]
        right = normalised(answer) == normalised(question.answer)
        evidence: Fact | None = question.evidence
        if evidence is None:
            self._scores.abstentions[question.kind].count(right)
        else:
            self._scores.answers[question.kind].count(right)
            self._scores.cited.count(cited == [self._ids[evidence.key]])
        if not right:
            about = evidence.text if evidence else "nothing"
            self._scores.mistakes.append(
                f"[{question.kind}] {question.text}\n  from {about}: {question.answer}\n  got {answer}"
            )


class _Watched:
    """Generates what `generator` does, and knows how sure it was of the last completion."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.confidence = 1.0

    def generate(self, agent: Agent, prompt: Sequence[ChatMessage], **options: Any) -> Completion:
        completion = self._generator.generate(agent, prompt, **options)
        self.confidence = completion.confidence
        return completion


def _seen(operation: Operation) -> tuple[str, int, str]:
    """What an operation came to, to compare: a held or rejected one is never what was wanted."""
    if operation.status is not OperationStatus.APPLIED:
        return operation.status, operation.memory_id or 0, operation.reason
    return _proposed(operation)


def _proposed(operation: Operation) -> tuple[str, int, str]:
    """What an operation would come to, were it applied."""
    memory_id = 0 if operation.action is Action.ADD else operation.memory_id or 0
    return operation.action, memory_id, (operation.text or "") if operation.action is not Action.DELETE else ""
