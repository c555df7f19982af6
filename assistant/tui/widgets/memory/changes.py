"""What can be done to memories, each with the words that tell it and the way back.

Promises that whatever can be taken back comes with how. Pure but for the bank that each change is given; knows nothing
of screens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.memory.operations import Action
from assistant.memory.records import Memory, Operation
from assistant.tui.widgets.memory.rows import on_one_line

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank

SHOWN = 48
"""Characters of a text that are told in one line with what was done to it."""


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: what there is to say, and what takes it back, None if nothing can."""

    said: str
    back: Change | None = None


Change = Callable[["MemoryBank"], Done]
"""Changes the bank, in its thread. Raises RecollectError."""


def adding(text: str) -> Change:
    def change(bank: MemoryBank) -> Done:
        added = bank.add(text)
        version = bank.history(added.id)[-1]
        return Done(f"Added: {_short(added.text)}", _undoing(version.operation_id))

    return change


def editing(memory_id: int, text: str) -> Change:
    def change(bank: MemoryBank) -> Done:
        return _journalled("Changed to", bank.edit(memory_id, text))

    return change


def forgetting(memories: Sequence[Memory]) -> Change:
    def change(bank: MemoryBank) -> Done:
        operations = [bank.forget(memory.id) for memory in memories]
        if len(operations) == 1:
            return _journalled("Forgot", operations[0])
        return Done(f"Forgot {len(operations)} memories", _all_back([_undoing(done.id) for done in operations]))

    return change


def purging(memory: Memory) -> Change:
    def change(bank: MemoryBank) -> Done:
        bank.forget(memory.id, purge=True)
        return Done("Purged: its text is wiped from this file and its copies")

    return change


def marking_wrong(memory: Memory) -> Change:
    return lambda bank: _journalled("Wrong, so forgotten", bank.mark_wrong(memory.id))


def marking_outdated(memory: Memory) -> Change:
    return lambda bank: _journalled("Held until today", bank.mark_outdated(memory.id))


def merging(memories: Sequence[Memory], text: str) -> Change:
    def change(bank: MemoryBank) -> Done:
        done = bank.merge([memory.id for memory in memories], text)
        return Done(f"Merged {len(memories)} into: {_short(text)}", _undoing(done[0].id))

    return change


def pinning(memory: Memory) -> Change:
    """Pins it, or no longer."""
    return _marking(memory.id, pinned=not memory.pinned, never_use=False)


def never_using(memory: Memory) -> Change:
    """Marks it as never to be used, or no longer."""
    return _marking(memory.id, pinned=False, never_use=not memory.never_use)


def _marking(memory_id: int, *, pinned: bool, never_use: bool) -> Change:
    def change(bank: MemoryBank) -> Done:
        before = bank.memory(memory_id)
        if pinned:
            now = bank.pin(memory_id)
        elif never_use:
            now = bank.never_use(memory_id)
        else:
            bank.pin(memory_id, False)
            now = bank.never_use(memory_id, False)
        back = _marking(memory_id, pinned=before.pinned, never_use=before.never_use)
        return Done(f"{_marked(before, now)}: {_short(now.text)}", back)

    return change


def _marked(before: Memory, now: Memory) -> str:
    if now.pinned:
        return "Pinned, always on offer"
    if now.never_use:
        return "Never used from now on"
    return "No longer pinned" if before.pinned else "Used again"


def accepting(operation: Operation, text: str | None = None) -> Change:
    def change(bank: MemoryBank) -> Done:
        done = bank.accept(operation.id, text)
        told = {Action.ADD: "Remembered", Action.UPDATE: "Changed to", Action.DELETE: "Let go"}[done.action]
        return _journalled(told, done)

    return change


def declining(operation: Operation) -> Change:
    def change(bank: MemoryBank) -> Done:
        bank.decline(operation.id)
        if operation.action is Action.NOOP:
            return Done("Put away")
        return Done(f"Declined: {_short(operation.text or operation.text_before or '')}")

    return change


def reading_again(operation: Operation) -> Change:
    def change(bank: MemoryBank) -> Done:
        bank.revalidate(operation.id)
        return Done("Its message will be read again with what is known now")

    return change


def undoing_newest(bank: MemoryBank) -> Done:
    """Takes back the newest change in the bank, whoever made it."""
    return _taken_back(bank.undo())


def redoing_newest(bank: MemoryBank) -> Done:
    """Does again what was taken back last, wherever."""
    return _taken_back(bank.redo())


def _undoing(operation_id: int | None) -> Change:
    return lambda bank: _taken_back(bank.undo(operation_id))


def _all_back(changes: Sequence[Change]) -> Change:
    """Several changes as one, the last one first."""

    def change(bank: MemoryBank) -> Done:
        done = [one(bank) for one in reversed(changes)]
        return Done(f"Taken back: {len(done)} changes", _all_back([one.back for one in done if one.back is not None]))

    return change


def _journalled(told: str, operation: Operation) -> Done:
    text = operation.text_before if operation.action is Action.DELETE else operation.text
    return Done(f"{told}: {_short(text or '')}", _undoing(operation.id))


def _taken_back(undo: Operation) -> Done:
    """What an undo, or the undo of one, has done."""
    if undo.text_before is None:
        said = f"Brought back: {_short(undo.text or '')}"
    elif undo.text is None:
        said = f"Gone again: {_short(undo.text_before)}"
    else:
        said = f"Says again: {_short(undo.text)}"
    return Done(said, _undoing(undo.id))


def _short(text: str) -> str:
    line = on_one_line(text)
    return line if len(line) <= SHOWN else line[: SHOWN - 1].rstrip() + "…"
