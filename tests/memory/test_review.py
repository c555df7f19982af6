"""What was held for review is carried out once the user accepts it, and only as it was proposed."""

from __future__ import annotations

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.memory.bank import MemoryBank, Operation
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating

TEA, COFFEE = "User likes tea.", "User likes coffee."


def held(bank: MemoryBank, *operations: MemoryOperation, message_id: int | None = None) -> list[Operation]:
    return bank.apply(
        operations, actor="manager", observed_at=NOON, source_message_id=message_id, held_for="the model was not sure"
    )


def test_what_is_held_changes_nothing_until_it_is_accepted(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "I like tea.", created_at=NOON)
    [operation] = held(bank, adding(TEA), message_id=message.id)
    assert (operation.status, operation.reason, operation.text) == ("held", "the model was not sure", TEA)
    assert texts(bank) == []

    done = bank.accept(operation.id)
    assert (done.action, done.status, done.actor, done.source_message_id) == ("ADD", "applied", "user", message.id)
    [memory] = bank.memories()
    assert (memory.text, memory.observed_at, memory.source_message_id) == (TEA, NOON, message.id)
    assert [o.accepted for o in bank.operations(status=OperationStatus.HELD)] == [True]


def test_a_held_update_and_a_held_delete_are_carried_out_on_their_memory(bank: MemoryBank) -> None:
    first, second = bank.add(TEA), bank.add("User lives in Oslo.")
    update, delete = held(bank, updating(first.id, COFFEE), deleting(second.id))
    assert (update.text_before, delete.text_before) == (TEA, "User lives in Oslo.")
    assert texts(bank) == [TEA, "User lives in Oslo."]
    bank.accept(update.id)
    bank.accept(delete.id)
    assert texts(bank) == [COFFEE]


def test_nothing_to_do_is_not_held_and_what_is_impossible_is_rejected_as_ever(bank: MemoryBank) -> None:
    noop, unknown = held(bank, MemoryOperation(Action.NOOP), deleting(7))
    assert (noop.status, unknown.status, unknown.reason) == ("applied", "rejected", "there is no memory 7")


def test_it_is_accepted_once_and_again_after_an_undo(bank: MemoryBank) -> None:
    [operation] = held(bank, adding(TEA))
    done = bank.accept(operation.id)
    with pytest.raises(InputError, match="has been accepted already"):
        bank.accept(operation.id)
    bank.undo(done.id)
    assert texts(bank) == []
    bank.accept(operation.id)
    assert texts(bank) == [TEA]


def test_a_memory_that_has_changed_since_is_left_alone(bank: MemoryBank) -> None:
    memory = bank.add(TEA)
    [operation] = held(bank, updating(memory.id, COFFEE))
    bank.apply([updating(memory.id, "User likes milk.")], actor="manager", observed_at=NOON)
    with pytest.raises(InputError, match=f"memory {memory.id} has changed since"):
        bank.accept(operation.id)
    assert texts(bank) == ["User likes milk."]


def test_what_cannot_be_done_any_more_says_why(bank: MemoryBank) -> None:
    memory = bank.add(TEA)
    [delete] = held(bank, deleting(memory.id))
    [add] = held(bank, adding(COFFEE))
    bank.forget(memory.id)
    bank.add(COFFEE)
    with pytest.raises(InputError, match=f"memory {memory.id} is forgotten"):
        bank.accept(delete.id)
    with pytest.raises(InputError, match="already says this"):
        bank.accept(add.id)


def test_only_an_operation_that_was_held_can_be_accepted(bank: MemoryBank) -> None:
    [done] = bank.apply([adding(TEA)], actor="manager", observed_at=NOON)
    unread = bank.hold("Hm.", "not an operation", source_message_id=None)
    with pytest.raises(InputError, match="it was applied, not held"):
        bank.accept(done.id)
    with pytest.raises(InputError, match="a reply that could not be read"):
        bank.accept(unread.id)
    with pytest.raises(NotFoundError):
        bank.accept(99)


def test_a_purged_text_does_not_come_back_as_a_held_one(bank: MemoryBank) -> None:
    [operation] = held(bank, adding(TEA))
    bank.forget(bank.add(TEA).id, purge=True)
    with pytest.raises(InputError, match="its text was purged"):
        bank.accept(operation.id)


def test_a_forgotten_text_does_not_come_back_from_an_older_message(bank: MemoryBank) -> None:
    [operation] = held(bank, adding(TEA))
    bank.forget(bank.add(TEA).id)
    with pytest.raises(InputError, match="was forgotten"):
        bank.accept(operation.id)
