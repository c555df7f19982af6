"""The Memory Manager's work, done when there is time: each message that was said becomes operations on the bank.

Promises that every queued message is read once: what the manager decides, the journal's record of it and the end of the
job are one transaction, and a job that is stopped, fails or dies goes back into the queue. Only what people say is
read, never what the assistant says, which would feed recalled memories back as new ones. Knows nothing of screens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from assistant import log
from assistant.agents.generation import FinishReason
from assistant.agents.manager import Decision, MemoryManager
from assistant.agents.prompts import DEFAULT_SPEAKER
from assistant.conversation.chat import related
from assistant.conversation.recordings import asked_about
from assistant.errors import EngineError, NotFoundError
from assistant.memory.bank import ItemKind, Job, Memory, MemoryBank, Message, MessageRole, Operation
from assistant.memory.evidence import CONTEXT_MESSAGES
from assistant.memory.operations import MemoryOperation

EARLIER_CHARACTERS = 300
"""The earlier messages are context only; a long one must not push the message itself out of the prompt."""
MESSAGES_LOOKED_THROUGH = 8
"""How far back the earlier messages are looked for, replies in between included."""
POLL_SECONDS = 0.2
UNSURE = "the model was not sure"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message: the journal's rows, in the order the manager proposed them."""

    message_id: int
    operations: tuple[Operation, ...]


OnReceipt = Callable[[Receipt], None]


def _ignore(_: Receipt) -> None:
    return None


class ManagerQueue:
    """Runs the manager over the messages that wait for it. Several processes may do so on one bank."""

    def __init__(self, bank: MemoryBank, manager: MemoryManager) -> None:
        self._bank = bank
        self._manager = manager
        self._traits = manager.traits

    def run_pending(
        self,
        on_receipt: OnReceipt = _ignore,
        cancel: threading.Event | None = None,
        *,
        before_message_id: int | None = None,
    ) -> list[Receipt]:
        """Reads the waiting messages, oldest first, until none is left, or none older than `before_message_id`.

        Setting `cancel` ends it within one token; the job at hand goes back into the queue. Raises EngineError, then
        the job has used up one of its attempts.
        """
        receipts: list[Receipt] = []
        self._index()
        while not (cancel is not None and cancel.is_set()) and (job := self._bank.next_job()) is not None:
            if before_message_id is not None and job.message_id >= before_message_id:
                self._bank.release_job(job.id)
                break
            receipt = self._run(job, cancel)
            if receipt is None:
                break
            receipts.append(receipt)
            on_receipt(receipt)
            self._index()
        return receipts

    def wait_for(self, message_id: int, *, cancel: threading.Event | None = None, timeout: float = 300.0) -> Receipt:
        """What became of one message, once it is known; another process may be the one that reads it.

        Of one that is not to be read, as in a pause, nothing became.
        Raises EngineError if nothing is known after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            for receipt in self.run_pending(cancel=cancel):
                if receipt.message_id == message_id and receipt.operations:
                    return receipt
            # In a pause nobody reads it, nor ever if it was said in one.
            is_to_be_read = self._bank.is_to_be_read(message_id)
            if rows := self._bank.operations(source_message_id=message_id):
                return Receipt(message_id, tuple(reversed(rows)))
            if not is_to_be_read or (cancel is not None and cancel.is_set()):
                return Receipt(message_id, ())
            if time.monotonic() > deadline:
                raise EngineError(
                    f"Another Recollect took message {message_id} and has not finished with it.",
                    "The message is saved; close the other one, or look again later with `recollect memory list`.",
                )
            time.sleep(POLL_SECONDS)

    def _run(self, job: Job, cancel: threading.Event | None) -> Receipt | None:
        """One job's receipt, or None if it was stopped and is back in the queue."""
        try:
            message = self._bank.message(job.message_id)
        except NotFoundError:  # It has been removed since.
            return Receipt(job.message_id, ())
        if message.role is not MessageRole.USER:
            self._bank.finish_job(job.id)
            return Receipt(message.id, ())
        try:
            offered = related(self._bank, message, self._traits.memories_offered)
            decision = self._decide(message, offered, cancel)
            if decision.completion.finish_reason is FinishReason.CANCELLED:
                self._bank.release_job(job.id)
                return None
            operations = self._record(job, message, offered, decision)
            log.event("a message was read for facts", job=job.id, operations=len(operations))
            return Receipt(message.id, operations)
        except EngineError as error:
            self._bank.fail_job(job.id, str(error))
            log.failure("a message could not be read for facts", error, job=job.id)
            raise
        except BaseException:
            self._bank.release_job(job.id)
            raise

    def _decide(self, message: Message, offered: list[Memory], cancel: threading.Event | None) -> Decision:
        before = self._bank.messages(message.conversation_id, limit=MESSAGES_LOOKED_THROUGH, before_id=message.id)
        earlier = [m for m in before if m.role is MessageRole.USER][-CONTEXT_MESSAGES:]
        return self._manager.decide(
            message.text,
            [memory.text for memory in offered],
            speaker=message.speaker or DEFAULT_SPEAKER,
            earlier=[f"{m.speaker or DEFAULT_SPEAKER}: {m.text[:EARLIER_CHARACTERS]}" for m in earlier],
            cancel=cancel,
        )

    def _record(self, job: Job, message: Message, offered: list[Memory], decision: Decision) -> tuple[Operation, ...]:
        completion, model = decision.completion.text, decision.completion.model or None
        if decision.malformed is not None:
            reason = decision.malformed.reason
            held = self._bank.hold(completion, reason, source_message_id=message.id, model=model, job_id=job.id)
            return (held,) if held is not None else ()
        applied = self._bank.apply(
            [_with_real_id(operation, offered) for operation in decision.operations],
            actor="manager" if message.external_id is None else "import",
            observed_at=message.created_at,
            source_message_id=message.id,
            completion=completion,
            model=model,
            job_id=job.id,
            seen=offered,
            held_for=asked_about(message.external_id) or self._doubt(decision),
        )
        return tuple(applied)

    def _doubt(self, decision: Decision) -> str:
        return UNSURE if decision.completion.confidence < self._traits.least_confidence else ""

    def _index(self) -> None:
        """Gives vectors to the memories that have none yet. Without an embedder that works search is by text."""
        with suppress(EngineError):
            self._bank.index_all(kinds=(ItemKind.MEMORY,))


def _with_real_id(operation: MemoryOperation, offered: list[Memory]) -> MemoryOperation:
    if operation.memory_id is None:
        return operation
    return replace(operation, memory_id=offered[operation.memory_id - 1].id)
