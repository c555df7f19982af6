"""Carrying out what was held for review, once the user has accepted it.

Promises that an operation is carried out at most once, and only on the memory as it was when it was proposed. Runs
inside its caller's transaction.
"""

from __future__ import annotations

import apsw

from assistant.errors import InputError
from assistant.memory import conversations, journal, memories
from assistant.memory.forgetting import PURGED_TEXT
from assistant.memory.journal import Origin
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.records import Operation


def accept(connection: apsw.Connection, operation_id: int) -> Operation:
    """Carries out a held operation. Raises NotFoundError, or InputError saying why it cannot be."""
    held = journal.operation(connection, operation_id)
    if reason := _objection(connection, held):
        raise InputError(f"Operation {operation_id} cannot be accepted: {reason}.")
    proposed = MemoryOperation(held.action, held.memory_id, held.text)
    observed_at = held.created_at
    if held.source_message_id is not None:
        observed_at = conversations.message(connection, held.source_message_id).created_at
    if reason := journal.objection(connection, proposed, observed_at):
        raise InputError(f"Operation {operation_id} cannot be accepted: {reason}.")
    origin = Origin("user", held.source_message_id, accepts=held.id)
    [done] = journal.apply(connection, [proposed], origin, observed_at)
    return done


def _objection(connection: apsw.Connection, held: Operation) -> str:
    if held.status is not OperationStatus.HELD:
        return f"it was {held.status}, not held"
    if held.action is Action.NOOP:
        return "it is a reply that could not be read"
    if held.accepted:
        return "it has been accepted already"
    if held.text == PURGED_TEXT:
        return "its text was purged"
    target = memories.find(connection, held.memory_id)
    if target is not None and target.text != held.text_before:
        return f"memory {target.id} has changed since"
    return ""
