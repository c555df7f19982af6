"""What the user does to a memory by hand: rewords it, marks it, or says what is wrong with it.

Promises that each is written down as feedback, and that whatever changes what is remembered is a row of the journal.
Runs inside its caller's transaction.
"""

from __future__ import annotations

import apsw

from assistant.errors import InputError
from assistant.memory import applying, conversations, feedback, forgetting, memories, times
from assistant.memory.journal import Origin
from assistant.memory.operations import Action, MemoryOperation
from assistant.memory.records import FeedbackKind, Memory, MemoryStatus, Operation

_USER = Origin(applying.BY_USER)


def edit(connection: apsw.Connection, memory_id: int, text: str) -> Operation:
    """Makes the memory say `text`, as the user's own words of now. Raises NotFoundError, InputError."""
    memory, tidied, now = memories.memory(connection, memory_id), applying.tidy(text), times.now()
    if reason := applying.objection(connection, MemoryOperation(Action.UPDATE, memory_id, tidied), now):
        raise InputError(f"Nothing was changed: {reason}.")
    operation = applying.say(connection, tidied, _USER, now, target=memory)
    feedback.give(connection, FeedbackKind.EDITED, memory_id, operation_id=operation.id)
    return operation


def pin(connection: apsw.Connection, memory_id: int, on: bool) -> Memory:
    """Has the memory always on offer and never changed unasked, or no longer. Raises NotFoundError, InputError."""
    memory = _active(connection, memory_id, "pinned") if on else memories.memory(connection, memory_id)
    if memory.pinned != on:
        if on and memory.never_use:
            never_use(connection, memory_id, on=False)
        memories.mark(connection, memory_id, pinned=on)
        feedback.give(connection, FeedbackKind.PINNED if on else FeedbackKind.UNPINNED, memory_id)
    return memories.memory(connection, memory_id)


def never_use(connection: apsw.Connection, memory_id: int, on: bool) -> Memory:
    """Keeps the memory from ever being offered, or no longer; it stays known. Raises NotFoundError, InputError."""
    memory = _active(connection, memory_id, "marked") if on else memories.memory(connection, memory_id)
    if memory.never_use != on:
        if on and memory.pinned:
            pin(connection, memory_id, on=False)
        memories.mark(connection, memory_id, never_use=on)
        feedback.give(connection, FeedbackKind.NEVER_USE if on else FeedbackKind.USE_AGAIN, memory_id)
    return memories.memory(connection, memory_id)


def mark_wrong(connection: apsw.Connection, memory_id: int, message_id: int | None) -> Operation:
    """Forgets the memory, so that it does not come back. Raises NotFoundError, or InputError if it is forgotten."""
    _check_message(connection, message_id)
    operation = forgetting.forget(connection, memory_id)
    feedback.give(connection, FeedbackKind.WRONG, memory_id, operation_id=operation.id, message_id=message_id)
    return operation


def mark_outdated(connection: apsw.Connection, memory_id: int, message_id: int | None) -> Operation:
    """Ends the memory, which held until today. Raises NotFoundError, or InputError if it has ended."""
    _check_message(connection, message_id)
    memory = _active(connection, memory_id, "marked")
    operation = applying.close(connection, memory, MemoryStatus.RETIRED, _USER, observed_at=times.now())
    feedback.give(connection, FeedbackKind.OUTDATED, memory_id, operation_id=operation.id, message_id=message_id)
    return operation


def _active(connection: apsw.Connection, memory_id: int, what: str) -> Memory:
    memory = memories.memory(connection, memory_id)
    if memory.status is not MemoryStatus.ACTIVE:
        raise InputError(f"Memory {memory_id} cannot be {what}: it is {memory.status}.")
    return memory


def _check_message(connection: apsw.Connection, message_id: int | None) -> None:
    if message_id is not None:
        conversations.message(connection, message_id)
