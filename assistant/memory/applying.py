"""Carrying out operations on memories, as far as the verdict on each allows.

Promises that an operation, its row in the journal, the memory's new version and the traces of what it forgets are
written together. Runs inside its caller's transaction. Knows nothing of who proposes, and how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import apsw

from assistant.memory import confidential, dates, deciding, evidence, journal, memories, tombstones
from assistant.memory.deciding import Evidence, Verdict
from assistant.memory.journal import Entry, Origin
from assistant.memory.memories import State
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.periods import Period, Precision
from assistant.memory.quoting import Span, quoted
from assistant.memory.records import Memory, MemoryStatus, Operation

BY_USER = "user"
SECRET_TEXT = "(a secret)"
"""Stands in the journal where a secret was proposed: what is never remembered is not written there either."""


def tidy(text: str) -> str:
    """`text` on one line: a memory holds no control characters and no others that nobody can see."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def objection(connection: apsw.Connection, operation: MemoryOperation, observed_at: datetime) -> str:
    """Why not even the user can have the operation carried out; "" if they can. Its text is taken as tidied."""
    return deciding.objection(operation, evidence.of_proposal(connection, operation, Evidence(), observed_at))


def apply(
    connection: apsw.Connection,
    operations: Sequence[MemoryOperation],
    origin: Origin,
    observed_at: datetime,
    *,
    seen: Sequence[Memory] = (),
    held_for: str = "",
) -> list[Operation]:
    """Applies what can be applied, one after the other; the rest is journalled as held or rejected, with the reason.

    With `held_for`, what could be applied is journalled as held instead, for that reason. So is all of a reply that
    names one of the memories `seen` of which the text has changed since. What the user does is held back by nothing
    but what makes it impossible.
    """
    common = evidence.of_message(connection, origin.source_message_id, operations)
    changed = _changed_since(connection, operations, seen)
    if changed is not None:
        common = replace(common, changed=changed)
    return [_apply_one(connection, operation, origin, observed_at, held_for, common) for operation in operations]


def _changed_since(
    connection: apsw.Connection, operations: Sequence[MemoryOperation], seen: Sequence[Memory]
) -> int | None:
    """The first of the memories `seen` that an operation names and that says something else by now."""
    named = {operation.memory_id for operation in operations}
    for memory in seen:
        now = memories.find(connection, memory.id) if memory.id in named else None
        if now is not None and now.status is MemoryStatus.ACTIVE and now.text != memory.text:
            return memory.id
    return None


def _apply_one(
    connection: apsw.Connection,
    proposed: MemoryOperation,
    origin: Origin,
    observed_at: datetime,
    held_for: str,
    common: Evidence,
) -> Operation:
    writes_text = proposed.action in (Action.ADD, Action.UPDATE)
    text = tidy(proposed.text or "") if writes_text else None
    operation = MemoryOperation(proposed.action, proposed.memory_id, text)
    found = evidence.of_proposal(connection, operation, common, observed_at)
    verdict = _verdict(connection, operation, found, origin, held_for)
    if verdict.status is not OperationStatus.APPLIED or operation.action is Action.NOOP:
        return _written_down(connection, operation, origin, found, verdict)
    if operation.action is Action.DELETE:
        assert found.target is not None
        return close(connection, found.target, MemoryStatus.RETIRED, origin, common.message, observed_at)
    assert text is not None
    return say(connection, text, origin, observed_at, target=found.target, message=common.message)


def _verdict(
    connection: apsw.Connection, operation: MemoryOperation, found: Evidence, origin: Origin, held_for: str
) -> Verdict:
    """What becomes of an operation whose text is tidied."""
    if origin.actor == BY_USER:
        reason = deciding.objection(operation, found)
        verdict = Verdict(OperationStatus.REJECTED, reason) if reason else deciding.APPLIED
    else:
        verdict = deciding.decide(operation, found)
    if held_for and verdict.status is OperationStatus.APPLIED and operation.action is not Action.NOOP:
        verdict = Verdict(OperationStatus.HELD, held_for)
    if verdict.status is OperationStatus.HELD:
        twin = journal.held_alike(connection, operation)
        if twin is not None:
            return Verdict(OperationStatus.REJECTED, f"operation {twin}, which is held, proposes this already")
    return verdict


def _written_down(
    connection: apsw.Connection, operation: MemoryOperation, origin: Origin, found: Evidence, verdict: Verdict
) -> Operation:
    """The row of what is not carried out."""
    memory_id, before = (found.target.id, found.target.text) if found.target else (None, None)
    text, quote = operation.text, _quote(found.message, operation.text, before)
    if text is not None and origin.actor != BY_USER and confidential.secret_in(text):
        text, quote, origin = SECRET_TEXT, None, replace(origin, completion=SECRET_TEXT)
    entry = Entry(operation.action, origin, verdict.status, memory_id, None, text, before, verdict.reason, quote=quote)
    return journal.write(connection, entry)


def say(
    connection: apsw.Connection,
    text: str,
    origin: Origin,
    observed_at: datetime,
    *,
    target: Memory | None = None,
    message: str | None = None,
) -> Operation:
    """Makes `target`, or else a new memory, say `text`, which nothing stands against.

    What the user says is forgotten no longer.
    """
    memory_id = target.id if target is not None else memories.create(connection)
    version = target.version + 1 if target is not None else 1
    before = target.text if target is not None else None
    quote = _quote(message, text, None)
    action = Action.UPDATE if target is not None else Action.ADD
    entry = Entry(action, origin, OperationStatus.APPLIED, memory_id, version, text, before, quote=quote)
    operation = journal.write(connection, entry)
    since, until = _when(message, quote, text, observed_at)
    state = State(text, MemoryStatus.ACTIVE, observed_at, origin.source_message_id, operation.id, since, until)
    memories.write_version(connection, memory_id, version, state)
    if origin.actor == BY_USER:
        tombstones.lift_for(connection, text, operation.id)
    return operation


def close(
    connection: apsw.Connection,
    target: Memory,
    status: MemoryStatus,
    origin: Origin,
    message: str | None = None,
    observed_at: datetime | None = None,
    *,
    reason: str = "",
) -> Operation:
    """Ends a memory as RETIRED or FORGOTTEN; its text stays reachable. With `observed_at`, it held until the message
    says, or until that day."""
    version = target.version + 1
    quote = _quote(message, target.text)
    entry = Entry(
        Action.DELETE,
        origin,
        memory_id=target.id,
        version=version,
        text_before=target.text,
        reason=reason,
        quote=quote,
    )
    operation = journal.write(connection, entry)
    until = target.holds_until
    if observed_at is not None:
        ended, _ = _when(message, quote, "", observed_at)
        until = ended or Period.of(observed_at.date(), Precision.DAY)
    state = State(
        target.text, status, target.observed_at, target.source_message_id, operation.id, target.holds_from, until
    )
    memories.write_version(connection, target.id, version, state)
    return operation


def _quote(message: str | None, *texts: str | None) -> Span | None:
    return quoted(message, *(text for text in texts if text)) if message else None


def _when(
    message: str | None, quote: Span | None, text: str, observed_at: datetime
) -> tuple[Period | None, Period | None]:
    """From when and until when it holds: as the quoted part of the message says, or else the text itself."""
    return dates.holds(quote.of(message) if message and quote else text, observed_at)
