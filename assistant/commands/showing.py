"""Memories and operations as JSON for scripts and as lines for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from assistant.agents.prompts import one_line
from assistant.memory.bank import Hit, Memory, MemoryKind, MemoryRow, MemoryStatus, Message, Operation
from assistant.memory.operations import Action, OperationStatus

LONGEST_LINE = 400
_DONE = {Action.ADD: "remembered", Action.UPDATE: "updated", Action.DELETE: "no longer remembered"}
_WIDEST_KIND = max(map(len, MemoryKind))
_WOULD = {Action.ADD: "remember", Action.UPDATE: "update", Action.DELETE: "let go of"}


def shortened(text: str) -> str:
    """`text` on one line that fits a list, without anything a terminal would act on."""
    line = one_line(text)
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def memory_json(memory: Memory) -> dict[str, Any]:
    """The keys that scripts rely on; more may come, none go."""
    return {
        "id": memory.id,
        "text": memory.text,
        "status": memory.status,
        "observed_at": memory.observed_at,
        "source_message_id": memory.source_message_id,
        "holds_from": str(memory.holds_from) if memory.holds_from is not None else None,
        "holds_until": str(memory.holds_until) if memory.holds_until is not None else None,
        "pinned": memory.pinned,
        "never_use": memory.never_use,
    }


def row_json(row: MemoryRow) -> dict[str, Any]:
    """A memory and what a list says of it; the keys that scripts rely on, more may come, none go."""
    return {
        **memory_json(row.memory),
        "kind": row.kind,
        "since": row.since,
        "origin": row.origin,
        "last_used": row.last_used,
        "uses": row.uses,
    }


def operation_json(operation: Operation) -> dict[str, Any]:
    """The keys that scripts rely on, then more. The text of a DELETE is the one that went."""
    return {
        "operation": operation.action,
        "memory_id": operation.memory_id,
        "text": operation.text_before if operation.action is Action.DELETE else operation.text,
        "status": operation.status,
        "id": operation.id,
        "text_before": operation.text_before,
        "reason": operation.reason,
        "actor": operation.actor,
        "created_at": operation.created_at,
        "source_message_id": operation.source_message_id,
        "undone": operation.undone,
        "settled": operation.settled,
        "model": operation.model,
        "quote": operation.quote,
    }


def memory_line(memory: Memory) -> str:
    """A memory as one line of a list."""
    return f"{memory.id:>5}  {memory.observed_at:%Y-%m-%d}  {shortened(memory.text)}{_notes(memory)}"


def row_line(row: MemoryRow) -> str:
    """A memory as one line of a list that says what each speaks of."""
    memory = row.memory
    told = f"{memory.id:>5}  {memory.observed_at:%Y-%m-%d}  {row.kind:<{_WIDEST_KIND}}"
    return f"{told}  {shortened(memory.text)}{_notes(memory)}"


def _notes(memory: Memory) -> str:
    """When it holds, what it is marked with, and whether it counts."""
    notes = [memory.status] if memory.status is not MemoryStatus.ACTIVE else []
    marks = [mark for mark, is_set in (("pinned", memory.pinned), ("never used", memory.never_use)) if is_set]
    return _holds(memory) + "".join(f"  ({note})" for note in (*marks, *notes))


def _holds(memory: Memory) -> str:
    """From when and until when it holds, if anybody knows."""
    since = f"from {memory.holds_from}" if memory.holds_from is not None else ""
    until = f"until {memory.holds_until}" if memory.holds_until is not None else ""
    return f"  ({' '.join(filter(None, (since, until)))})" if since or until else ""


def message_json(message: Message) -> dict[str, Any]:
    """The keys that scripts rely on; more may come, none go."""
    return {
        "message_id": message.id,
        "role": message.role,
        "speaker": message.speaker,
        "text": message.text,
        "created_at": message.created_at,
    }


def message_line(message: Message) -> str:
    """A message as one line of a list, told from a memory by who said it."""
    who = message.speaker or message.role
    return f"{'':>5}  {message.created_at:%Y-%m-%d}  {who}: {shortened(message.text)}"


def hit_json(hit: Hit) -> dict[str, Any]:
    """What was found and why; the keys that scripts rely on, more may come, none go."""
    found = memory_json(hit.memory) if hit.memory is not None else {}
    found |= message_json(hit.message) if hit.message is not None else {}
    return {**found, "score": hit.score, "matched_by": hit.matched_by, "why": asdict(hit.why)}


def hit_line(hit: Hit) -> str:
    """What was found, as one line of a list."""
    return memory_line(hit.memory) if hit.memory is not None else message_line(hit.message) if hit.message else ""


def why_line(hit: Hit) -> str:
    """Where the score of a hit comes from."""
    why, parts = hit.why, []
    if why.text_rank is not None:
        parts.append(f"number {why.text_rank} by words ({', '.join(why.words)})")
    if why.meaning_rank is not None:
        parts.append(f"number {why.meaning_rank} by meaning (cosine {why.cosine:.2f})")
    return f"       {' and '.join(parts) or 'merely recent'}, score {hit.score:.4f}"


def operation_line(operation: Operation) -> str:
    """What became of a proposal, and how it is taken back."""
    if operation.status is OperationStatus.HELD and operation.action is Action.NOOP:
        return f"held for review: {operation.reason} (recollect memory review)"
    if operation.status is OperationStatus.HELD:
        how = "settled" if operation.settled else f"recollect memory accept {operation.id}"
        return f"held for review: {_proposal(operation)} ({operation.reason}; {how})"
    change = _change(operation)
    if operation.status is OperationStatus.REJECTED:
        return f"not done: {change} ({operation.reason})"
    if operation.action is Action.NOOP:
        return change
    return f"{change} (undone)" if operation.undone else f"{change} (recollect memory undo {operation.id})"


def _proposal(operation: Operation) -> str:
    """What a held operation would do."""
    return f"{_WOULD[operation.action]} {_subject(operation)}"


def _change(operation: Operation) -> str:
    """What an operation did, or would have done."""
    if operation.action is Action.NOOP:
        return "nothing to remember"
    names_none = operation.action is Action.UPDATE and not operation.text_before
    return f"{'update' if names_none else _DONE[operation.action]}: {_subject(operation)}"


def _subject(operation: Operation) -> str:
    """The text that an operation is about; of an UPDATE the one before as well."""
    before, after = shortened(operation.text_before or ""), shortened(operation.text or "")
    match operation.action:
        case Action.UPDATE:
            return f"{before} → {after}" if before else after
        case Action.DELETE:
            return before or str(operation.memory_id)
        case _:
            return after
