"""Settling what was held for review: the user has it carried out, or declines it.

Promises that a proposal is settled once, that it is carried out only on the memory as it was when it was held, and that
either is a row of the journal. Runs inside its caller's transaction.
"""

from __future__ import annotations

from datetime import datetime

import apsw

from assistant.errors import InputError
from assistant.memory import applying, conversations, feedback, jobs, journal, memories, tombstones
from assistant.memory.hidden import hidden
from assistant.memory.journal import Entry, Origin
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.records import FeedbackKind, MessageRole, Operation, Proposal


def accept(connection: apsw.Connection, operation_id: int, text: str | None = None) -> Operation:
    """Carries out a held operation, with `text` in place of its own if there is one.

    What the user had forgotten comes back only by a text of theirs. Raises NotFoundError, or InputError saying why not.
    """
    held = journal.operation(connection, operation_id)
    is_edited = text is not None and text != held.text
    if reason := _objection(connection, held, is_edited=is_edited):
        raise InputError(f"Operation {operation_id} cannot be accepted: {reason}.")
    if is_edited and held.action is Action.DELETE:
        raise InputError(f"Operation {operation_id} lets go of a memory, so no text can take the place of its own.")
    proposed = MemoryOperation(held.action, held.memory_id, text if is_edited else held.text)
    observed_at = _said_at(connection, held)
    origin = Origin(applying.BY_USER, held.source_message_id, settles=held.id)
    [done] = applying.apply(connection, [proposed], origin, observed_at)
    if done.status is OperationStatus.REJECTED:  # The caller's transaction takes its row back as well.
        raise InputError(f"Operation {operation_id} cannot be accepted: {done.reason}.")
    if is_edited and done.memory_id is not None:
        feedback.give(connection, FeedbackKind.EDITED, done.memory_id, operation_id=done.id)
    return done


def decline(connection: apsw.Connection, operation_id: int) -> Operation:
    """Settles a held operation without carrying it out. Raises NotFoundError, or InputError if it is not held."""
    held = journal.operation(connection, operation_id)
    if reason := _standing(held):
        raise InputError(f"Operation {operation_id} cannot be declined: {reason}.")
    return _settle(connection, held)


def revalidate(connection: apsw.Connection, operation_id: int) -> Operation:
    """Settles a held operation and has the message that it came from read again, with what is known now.

    Raises NotFoundError, or InputError saying why it cannot be.
    """
    held = journal.operation(connection, operation_id)
    if reason := _standing(held) or _unreadable(connection, held):
        raise InputError(f"Operation {operation_id} cannot be asked for again: {reason}.")
    assert held.source_message_id is not None
    jobs.again(connection, held.source_message_id)
    return _settle(connection, held, "its message is read again")


def proposals(connection: apsw.Connection, limit: int) -> list[Proposal]:
    """What is held and not settled yet, newest first."""
    return [_proposal(connection, held) for held in journal.held(connection, limit)]


def _proposal(connection: apsw.Connection, held: Operation) -> Proposal:
    message = None
    if held.source_message_id is not None:
        message = conversations.message(connection, held.source_message_id)
    stale = _objection(connection, held)
    if not stale:
        proposed = MemoryOperation(held.action, held.memory_id, held.text)
        stale = applying.objection(connection, proposed, message.created_at if message else held.created_at)
    return Proposal(held, message, stale, (*hidden(held.text or ""), *hidden(message.text if message else "")))


def _settle(connection: apsw.Connection, held: Operation, reason: str = "") -> Operation:
    origin = Origin(applying.BY_USER, held.source_message_id, settles=held.id)
    return journal.write(connection, Entry(Action.NOOP, origin, reason=reason))


def _said_at(connection: apsw.Connection, held: Operation) -> datetime:
    if held.source_message_id is None:
        return held.created_at
    return conversations.message(connection, held.source_message_id).created_at


def _unreadable(connection: apsw.Connection, held: Operation) -> str:
    """Why the message that it came from cannot be read again; "" if it can."""
    if held.source_message_id is None:
        return "it came from no message"
    message = conversations.message(connection, held.source_message_id)
    if message.role is not MessageRole.USER:
        return "it came from no message of yours"
    is_excluded = conversations.conversation(connection, message.conversation_id).excluded
    return "nothing may be learned from its conversation" if is_excluded else ""


def _standing(held: Operation) -> str:
    """Why there is nothing to settle; "" if there is."""
    if held.status is not OperationStatus.HELD:
        return f"it was {held.status}, not held"
    return "it has been accepted or declined already" if held.settled else ""


def _objection(connection: apsw.Connection, held: Operation, *, is_edited: bool = False) -> str:
    if reason := _standing(held):
        return reason
    if held.action is Action.NOOP:
        return "it is a reply that could not be read"
    target = memories.find(connection, held.memory_id)
    if target is not None and target.text != held.text_before:
        return f"memory {target.id} has changed since"
    forgotten = tombstones.find(connection, held.text) if held.text and not is_edited else None
    if forgotten is not None and forgotten.whole:
        return "you had this forgotten"
    return ""
