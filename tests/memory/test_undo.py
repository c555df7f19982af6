from __future__ import annotations

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.memory.bank import MemoryBank, MemoryStatus
from assistant.memory.operations import Action, MemoryOperation
from tests.memory.shorthand import NOON, adding, deleting, texts, updating


@pytest.fixture
def dogs(bank: MemoryBank) -> MemoryBank:
    """Operation 1 adds Buddy, operation 2 adds tea, operation 3 makes Buddy two dogs."""
    bank.apply(
        [adding("a dog, Buddy"), adding("tea"), updating(1, "Buddy and Scout")], actor="manager", observed_at=NOON
    )
    return bank


def test_undo_of_an_update_brings_back_what_was_said_before(dogs: MemoryBank) -> None:
    undone = dogs.undo()
    assert (undone.action, undone.text, undone.text_before, undone.actor) == (
        Action.UPDATE,
        "a dog, Buddy",
        "Buddy and Scout",
        "undo",
    )
    assert texts(dogs) == ["a dog, Buddy", "tea"]
    assert [operation.undone for operation in dogs.operations()] == [False, True, False, False]


def test_undoing_again_and_again_walks_back_to_the_empty_bank(dogs: MemoryBank) -> None:
    dogs.apply([deleting(2), MemoryOperation(Action.NOOP)], actor="manager", observed_at=NOON)
    seen = []
    for _ in range(4):
        dogs.undo()
        seen.append(texts(dogs))
    assert seen == [["Buddy and Scout", "tea"], ["a dog, Buddy", "tea"], ["a dog, Buddy"], []]
    with pytest.raises(InputError, match=r"There is nothing to undo\."):
        dogs.undo()
    assert {memory.status for memory in dogs.memories(include_all=True)} == {MemoryStatus.RETIRED}


def test_undoing_an_undo_is_redo_and_the_operation_stands_again(dogs: MemoryBank) -> None:
    undone = dogs.undo(3)
    redone = dogs.undo(undone.id)
    assert texts(dogs) == ["Buddy and Scout", "tea"]
    assert {o.id: o.undone for o in dogs.operations()} == {5: False, 4: True, 3: False, 2: False, 1: False}
    dogs.undo(redone.id)
    assert texts(dogs) == ["a dog, Buddy", "tea"]
    assert {o.id: o.undone for o in dogs.operations()} == {6: False, 5: True, 4: False, 3: True, 2: False, 1: False}


def test_several_undos_of_one_memory_are_redone_in_reverse(dogs: MemoryBank) -> None:
    stations = [texts(dogs)]
    undos = []
    for _ in range(3):
        undos.append(dogs.undo())
        stations.append(texts(dogs))
    assert stations[-1] == []
    for undone, station in zip(reversed(undos), reversed(stations[:-1]), strict=True):
        dogs.undo(undone.id)
        assert texts(dogs) == station
    assert [o.undone for o in dogs.operations() if o.actor != "undo"] == [False] * 3


def test_an_undo_is_not_redone_over_a_later_change(dogs: MemoryBank) -> None:
    undone = dogs.undo(3)
    dogs.apply([updating(1, "a dog, Rex")], actor="manager", observed_at=NOON)
    with pytest.raises(InputError, match="memory 1 has changed since"):
        dogs.undo(undone.id)


def test_an_operation_that_stands_again_can_be_undone_again(dogs: MemoryBank) -> None:
    dogs.undo(dogs.undo(3).id)
    assert dogs.undo().text == "a dog, Buddy"
    assert dogs.undo().text_before == "tea"
    assert dogs.undo().text_before == "a dog, Buddy"
    assert texts(dogs) == []


def test_undo_of_an_older_operation_leaves_other_memories_alone(dogs: MemoryBank) -> None:
    undone = dogs.undo(2)
    assert (undone.action, undone.text, undone.text_before, undone.memory_id) == (Action.DELETE, None, "tea", 2)
    assert texts(dogs) == ["Buddy and Scout"]


def test_undo_of_a_delete_brings_the_memory_back_with_its_dates(dogs: MemoryBank) -> None:
    before = dogs.memory(2)
    dogs.apply([deleting(2)], actor="manager", observed_at=NOON)
    undone = dogs.undo()
    assert (undone.action, undone.text, undone.memory_id) == (Action.ADD, "tea", 2)
    after = dogs.memory(2)
    assert (after.text, after.status, after.observed_at) == ("tea", MemoryStatus.ACTIVE, before.observed_at)


def test_undo_of_forgetting_brings_the_memory_back(dogs: MemoryBank) -> None:
    dogs.undo(dogs.forget(1).id)
    assert texts(dogs) == ["Buddy and Scout", "tea"]


def test_undo_does_not_overwrite_a_later_change(dogs: MemoryBank) -> None:
    with pytest.raises(InputError, match=r"Operation 1 cannot be undone: memory 1 has changed since\. Undo the later"):
        dogs.undo(1)
    undone = dogs.undo(3)
    dogs.apply([updating(1, "a cat")], actor="manager", observed_at=NOON)
    with pytest.raises(InputError, match="memory 1 has changed since"):
        dogs.undo(undone.id)
    assert texts(dogs) == ["a cat", "tea"]


def test_undo_does_not_make_two_memories_say_the_same(dogs: MemoryBank) -> None:
    deleted = dogs.apply([deleting(2)], actor="manager", observed_at=NOON)[0]
    dogs.add("Tea")
    with pytest.raises(InputError, match=r"memory 3 says the same by now\. Forget memory 3 first"):
        dogs.undo(deleted.id)
    assert texts(dogs) == ["Buddy and Scout", "Tea"]


def test_what_changed_nothing_cannot_be_undone(dogs: MemoryBank) -> None:
    [noop, rejected] = dogs.apply([MemoryOperation(Action.NOOP), deleting(9)], actor="manager", observed_at=NOON)
    held = dogs.hold("??", "no form", source_message_id=None)
    for operation in (noop, rejected, held):
        with pytest.raises(InputError, match=f"Operation {operation.id} changed nothing"):
            dogs.undo(operation.id)
    assert dogs.undo().text == "a dog, Buddy"


def test_undoing_twice_by_number_and_unknown_numbers_are_refused(dogs: MemoryBank) -> None:
    dogs.undo(2)
    with pytest.raises(InputError, match=r"Operation 2 is undone already\."):
        dogs.undo(2)
    with pytest.raises(NotFoundError, match=r"There is no operation 77\."):
        dogs.undo(77)
    with pytest.raises(NotFoundError, match=r"There is no operation -1\."):
        dogs.undo(-1)


def test_an_empty_bank_has_nothing_to_undo(bank: MemoryBank) -> None:
    with pytest.raises(InputError, match=r"There is nothing to undo\."):
        bank.undo()


def test_what_is_forgotten_again_by_a_redo_does_not_come_back(bank: MemoryBank) -> None:
    bank.apply([adding("User has a dog.")], actor="manager", observed_at=NOON)
    forgotten = bank.forget(1)
    bank.undo(forgotten.id)
    bank.redo(forgotten.id)
    [again] = bank.apply([adding("User has a dog.")], actor="manager", observed_at=NOON)
    assert again.reason == "you had this forgotten"
    bank.undo(forgotten.id)
    assert texts(bank) == ["User has a dog."]
    bank.apply([deleting(1)], actor="manager", observed_at=NOON)
    [again] = bank.apply([adding("User has a dog.")], actor="manager", observed_at=NOON)
    assert again.reason == ""
