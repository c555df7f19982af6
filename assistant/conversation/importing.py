"""Replays a recorded conversation through the real manager, turn by turn, as if it were being said.

Promises that it can be stopped anywhere and goes on where it stopped: a turn that is in the bank is not read again, and
a turn whose job is unfinished is finished first. Knows nothing of file formats or progress bars.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import astuple, dataclass

from assistant.conversation.inputs import clean_text
from assistant.conversation.queue import ManagerQueue, OnReceipt, Receipt
from assistant.conversation.recordings import RecordedConversation
from assistant.errors import InputError
from assistant.memory.bank import MemoryBank, MessageRole
from assistant.memory.operations import Action, OperationStatus


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is. `turns` counts those in the bank of `total`, `new` those that this run brought there.

    `added`, `updated`, `deleted`, `held` and `rejected` count this run's operations; NOOPs count nowhere.
    """

    turns: int
    total: int
    new: int
    seconds: float
    added: int = 0
    updated: int = 0
    deleted: int = 0
    held: int = 0
    rejected: int = 0

    def __add__(self, other: ImportProgress) -> ImportProgress:
        """Both together, as of two conversations."""
        return ImportProgress(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    @property
    def turns_per_second(self) -> float:
        return self.new / self.seconds if self.seconds else 0.0

    @property
    def complete(self) -> bool:
        return self.turns == self.total


OnProgress = Callable[[ImportProgress], None]


def ignore(_: object) -> None:
    """Whatever is told."""


class Importer:
    """Brings one recorded conversation into a bank; `speakers` are those whose turns are read for facts."""

    def __init__(
        self,
        bank: MemoryBank,
        queue: ManagerQueue,
        recorded: RecordedConversation,
        speakers: Collection[str],
        on_receipt: OnReceipt = ignore,
    ) -> None:
        """`on_receipt` is told what became of each message that is read meanwhile, also of one that waited before."""
        self._on_receipt = on_receipt
        self._bank = bank
        self._queue = queue
        self._recorded = recorded
        self._speakers = frozenset(speakers)
        self._counts: Counter[str] = Counter()

    def run(self, on_progress: OnProgress = ignore, cancel: threading.Event | None = None) -> ImportProgress:
        """Replays what is not there yet. Setting `cancel` ends it within one token; `complete` says whether it was.

        Raises InputError in a pause, in which nothing would be remembered of it, nor later; EngineError or
        StorageError. What was replayed until then stays, and another run goes on from there.
        """
        self._refuse_in_pause()
        conversation_id, present = self._where_it_stands()
        started, new = time.monotonic(), 0

        def progress() -> ImportProgress:
            seconds = time.monotonic() - started
            return ImportProgress(len(present), len(self._recorded.turns), new, seconds, **self._counts)

        self._queue.run_pending(self._count, cancel)
        for turn in self._recorded.turns:
            if turn.external_id in present:
                continue
            if cancel is not None and cancel.is_set():
                break
            self._refuse_in_pause()
            self._bank.add_message(
                conversation_id,
                turn.role,
                clean_text(turn.text),
                speaker=turn.speaker,
                created_at=turn.said_at,
                external_id=turn.external_id,
                remember=turn.role is MessageRole.USER and (turn.speaker is None or turn.speaker in self._speakers),
            )
            self._queue.run_pending(self._count, cancel)
            if cancel is not None and cancel.is_set():
                break
            present.add(turn.external_id)
            new += 1
            on_progress(progress())
        return progress()

    def _refuse_in_pause(self) -> None:
        if self._bank.paused:
            raise InputError(
                "Remembering is paused: nothing would be remembered of this.",
                "`recollect memory resume` ends the pause.",
            )

    def _where_it_stands(self) -> tuple[int, set[str]]:
        """The conversation that holds the turns replayed so far, a new one if there are none, and their ids."""
        wanted = {turn.external_id for turn in self._recorded.turns}
        for conversation in self._bank.conversations():
            if conversation.title != self._recorded.name:
                continue
            messages = self._bank.messages(conversation.id, limit=len(wanted) + 1)
            present = {m.external_id for m in messages if m.external_id} & wanted
            if present:
                return conversation.id, present
        return self._bank.new_conversation(self._recorded.name).id, set()

    def _count(self, receipt: Receipt) -> None:
        self._on_receipt(receipt)
        for operation in receipt.operations:
            match operation.status, operation.action:
                case OperationStatus.HELD, _:
                    self._counts["held"] += 1
                case OperationStatus.REJECTED, _:
                    self._counts["rejected"] += 1
                case _, Action.ADD:
                    self._counts["added"] += 1
                case _, Action.UPDATE:
                    self._counts["updated"] += 1
                case _, Action.DELETE:
                    self._counts["deleted"] += 1
