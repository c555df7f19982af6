"""Settling what was held for review: the user has it carried out, or declines it.

Promises that a proposal is settled once, that it is carried out only on the memory as it was when it was held, and that
either is a row of the journal. Runs inside its caller's transaction.
"""

from __future__ import annotations

import apsw

from assistant.errors import InputError
from assistant.memory import applying, conversations, journal, memories, tombstones
from assistant.memory.journal import Entry, Origin
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.records import Operation


def accept(connection: apsw.Connection, operation_id: int) -> Operation:
    """Carries out a held operation. Raises NotFoundError, or InputError saying why it cannot be."""
    held = journal.operation(connection, operation_id)
    if reason := _objection(connection, held):
        raise InputError(f"Operation {operation_id} cannot be accepted: {reason}.")
    observed_at = held.created_at
    if held.source_message_id is not None:
        observed_at = conversations.message(connection, held.source_message_id).created_at
    proposed = MemoryOperation(held.action, held.memory_id, held.text)
    origin = Origin(applying.BY_USER, held.source_message_id, settles=held.id)
    [done] = applying.apply(connection, [proposed], origin, observed_at)
    if done.status is OperationStatus.REJECTED:  # The caller's transaction takes its row back as well.
        raise InputError(f"Operation {operation_id} cannot be accepted: {done.reason}.")
    return done


def decline(connection: apsw.Connection, operation_id: int) -> Operation:
    """Settles a held operation without carrying it out. Raises NotFoundError, or InputError if it is not held."""
    held = journal.operation(connection, operation_id)
    if reason := _standing(held):
        raise InputError(f"Operation {operation_id} cannot be declined: {reason}.")
    origin = Origin(applying.BY_USER, held.source_message_id, settles=held.id)
    return journal.write(connection, Entry(Action.NOOP, origin))


def _standing(held: Operation) -> str:
    """Why there is nothing to settle; "" if there is."""
    if held.status is not OperationStatus.HELD:
        return f"it was {held.status}, not held"
    return "it has been accepted or declined already" if held.settled else ""


def _objection(connection: apsw.Connection, held: Operation) -> str:
    if reason := _standing(held):
        return reason
    if held.action is Action.NOOP:
        return "it is a reply that could not be read"
    target = memories.find(connection, held.memory_id)
    if target is not None and target.text != held.text_before:
        return f"memory {target.id} has changed since"
    forgotten = tombstones.find(connection, held.text) if held.text else None
    if forgotten is not None and forgotten.whole:
        return "you had this forgotten"
    return ""
