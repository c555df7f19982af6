"""Several memories become one, and come back together."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.memory import transfer
from assistant.memory.bank import MemoryBank, MemoryStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating

BUDDY, SCOUT, BOTH = "User has a dog, Buddy.", "User has a dog, Scout.", "User has two dogs, Buddy and Scout."
TEA = "User likes tea."


@pytest.fixture
def dogs(bank: MemoryBank) -> MemoryBank:
    """Memory 1 is Buddy, 2 tea, 3 Scout."""
    bank.apply([adding(BUDDY), adding(TEA), adding(SCOUT)], actor="manager", observed_at=NOON)
    return bank


def test_the_first_says_the_text_and_the_others_end(dogs: MemoryBank) -> None:
    ended, said = dogs.merge([1, 3], f" {BOTH} ")
    assert (ended.action, ended.memory_id, ended.actor, ended.reason) == ("DELETE", 3, "user", "merged into memory 1")
    assert (said.action, said.memory_id, said.text, said.text_before) == ("UPDATE", 1, BOTH, BUDDY)
    assert texts(dogs) == [BOTH, TEA]
    assert dogs.memory(3).status is MemoryStatus.RETIRED
    assert dogs.memory(3).holds_until is None, "it still holds"
    assert [(f.kind, f.memory_id, f.operation_id) for f in dogs.feedback()] == [
        ("merged", 1, ended.id),
        ("merged", 3, ended.id),
    ]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_undoing_any_of_the_rows_brings_all_back(dogs: MemoryBank, which: int) -> None:
    rows = dogs.merge([1, 2, 3], BOTH)
    assert texts(dogs) == [BOTH]
    undone = dogs.undo(rows[which].id)
    assert undone.memory_id == rows[which].memory_id
    assert texts(dogs) == [BUDDY, TEA, SCOUT]
    assert {o.id: o.undone for o in dogs.operations()} == {
        **dict.fromkeys([1, 2, 3], False), **dict.fromkeys([4, 5, 6], True), **dict.fromkeys([7, 8, 9], False)
    }  # fmt: skip
    with pytest.raises(InputError, match=f"Operation {rows[which].id} is undone already"):
        dogs.undo(rows[which].id)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_redoing_any_of_the_rows_merges_again_and_so_on(dogs: MemoryBank, which: int) -> None:
    rows = dogs.merge([1, 2, 3], BOTH)
    for _ in range(3):
        undone = dogs.undo(rows[which].id)
        assert texts(dogs) == [BUDDY, TEA, SCOUT]
        dogs.redo(rows[(which + 1) % 3].id)
        assert texts(dogs) == [BOTH]
        assert not any(o.undone for o in dogs.operations() if o.id in (4, 5, 6))
        with pytest.raises(InputError, match="is undone already"):
            dogs.undo(undone.id)


def test_an_undo_of_a_merge_is_itself_undone_by_any_of_its_rows_over_and_over(dogs: MemoryBank) -> None:
    dogs.merge([1, 3], BOTH)
    row = dogs.undo()
    for turn in range(6):
        assert texts(dogs) == ([BOTH, TEA] if turn % 2 else [BUDDY, TEA, SCOUT])
        newest = [o for o in dogs.operations(limit=2) if o.id != row.id]
        row = dogs.undo(newest[0].id)
        assert len({o.memory_id for o in dogs.operations(limit=2)}) == 2
    assert texts(dogs) == [BUDDY, TEA, SCOUT]


def test_undo_and_redo_without_a_number_take_the_merge_as_one_step(dogs: MemoryBank) -> None:
    dogs.merge([3, 1], BOTH)
    dogs.undo()
    assert texts(dogs) == [BUDDY, TEA, SCOUT]
    dogs.redo()
    assert texts(dogs) == [TEA, BOTH]
    stations = []
    for _ in range(4):
        dogs.undo()
        stations.append(texts(dogs))
    assert stations == [[BUDDY, TEA, SCOUT], [BUDDY, TEA], [BUDDY], []]


def test_the_text_may_be_one_that_is_there(dogs: MemoryBank) -> None:
    [ended] = dogs.merge([1, 3], BUDDY)
    assert (ended.action, texts(dogs)) == ("DELETE", [BUDDY, TEA])
    dogs.undo(ended.id)
    ended, said = dogs.merge([1, 3], SCOUT)
    assert texts(dogs) == [SCOUT, TEA]
    dogs.undo(ended.id)
    assert texts(dogs) == [BUDDY, TEA, SCOUT]
    dogs.redo(said.id)
    assert texts(dogs) == [SCOUT, TEA]


def test_changes_of_a_memory_that_was_merged_once_are_undone_by_themselves(dogs: MemoryBank) -> None:
    [ended] = dogs.merge([1, 3], BUDDY)
    edited = dogs.edit(1, BOTH)
    dogs.undo(edited.id)
    assert texts(dogs) == [BUDDY, TEA]
    assert [o.undone for o in dogs.operations() if o.id == ended.id] == [False]
    dogs.undo(ended.id)
    back = dogs.edit(3, "User has a cat, Scout.")
    dogs.undo(back.id)
    assert texts(dogs) == [BUDDY, TEA, SCOUT]


def test_a_memory_can_be_merged_twice(dogs: MemoryBank) -> None:
    dogs.merge([1, 3], BOTH)
    dogs.merge([2, 1], "User has tea and two dogs.")
    assert texts(dogs) == ["User has tea and two dogs."]
    with pytest.raises(InputError, match="memory 1 has changed since"):
        dogs.undo(4)
    dogs.undo()
    assert texts(dogs) == [BOTH, TEA]
    dogs.undo()
    assert texts(dogs) == [BUDDY, TEA, SCOUT]


def test_a_merge_is_not_undone_in_part(dogs: MemoryBank) -> None:
    dogs.merge([1, 3], BOTH)
    edited = dogs.edit(1, "User has two dogs.")
    journal = dogs.operations()
    for number in (4, 5):
        with pytest.raises(
            InputError, match=r"Operation 5 cannot be undone: memory 1 has changed since\. Undo the later"
        ):
            dogs.undo(number)
    assert dogs.operations() == journal
    dogs.undo(edited.id)
    dogs.forget(3)
    with pytest.raises(InputError, match="Operation 4 cannot be undone: memory 3 has changed since"):
        dogs.undo(5)
    assert texts(dogs) == [BOTH, TEA]
    assert [dogs.undo().memory_id, dogs.undo().memory_id] == [3, 1], "once that is undone, the merge can be"


def test_a_merge_that_can_be_undone_in_part_alone_is_passed_over_without_a_trace(bank: MemoryBank) -> None:
    bank.apply([adding(BUDDY), adding(SCOUT)], actor="manager", observed_at=NOON)
    renamed = bank.edit(2, "User has a dog, Rex.")
    bank.add(SCOUT)
    bank.merge([1, 3], BOTH)
    bank.undo(renamed.id)
    assert texts(bank) == [BOTH, SCOUT]
    assert bank.undo().memory_id == 2
    assert texts(bank) == [BOTH]


def test_a_merge_that_cannot_be_undone_can_be_once_nothing_stands_against_it(dogs: MemoryBank) -> None:
    dogs.merge([1, 3], BOTH)
    dogs.add(SCOUT)
    with pytest.raises(InputError, match=r"memory 4 says the same by now\. Forget memory 4 first"):
        dogs.undo(5)
    assert texts(dogs) == [BOTH, TEA, SCOUT]
    dogs.apply([deleting(4)], actor="user", observed_at=NOON)
    dogs.add(SCOUT)
    assert dogs.undo().memory_id == 5
    assert dogs.undo().memory_id == 4
    assert dogs.undo().memory_id == 4
    assert dogs.undo().memory_id in (1, 3)
    assert texts(dogs) == [BUDDY, TEA, SCOUT]


def test_a_purged_part_is_not_brought_back(dogs: MemoryBank) -> None:
    dogs.merge([1, 3], BOTH)
    dogs.forget(3, purge=True)
    with pytest.raises(InputError, match="memory 3 was purged"):
        dogs.undo(5)
    assert texts(dogs) == [BOTH, TEA]


def test_what_cannot_be_merged_stays_as_it_is(dogs: MemoryBank) -> None:
    dogs.apply([updating(2, "User likes coffee.")], actor="manager", observed_at=NOON)
    journal = dogs.operations()
    refused = [
        ([1], BOTH, "that takes two memories at least"),
        ([1, 1], BOTH, "that takes two memories at least"),
        ([1, 3], " ", "the text is empty"),
        ([1, 3], "User likes coffee.", "memory 2 already says this"),
    ]
    for ids, text, why in refused:
        with pytest.raises(InputError, match=rf"Nothing was merged: {why}\."):
            dogs.merge(ids, text)
    with pytest.raises(NotFoundError):
        dogs.merge([1, 9], BOTH)
    assert dogs.operations() == journal
    dogs.forget(3)
    with pytest.raises(InputError, match=r"Nothing was merged: memory 3 is forgotten\."):
        dogs.merge([1, 3], BOTH)
    assert dogs.feedback() == []


def test_a_merge_outlives_an_export(dogs: MemoryBank, tmp_path: Path) -> None:
    dogs.merge([1, 3], BOTH)
    transfer.restore(dogs.export_lines(), tmp_path / "new.db")
    with MemoryBank.open(tmp_path / "new.db") as other:
        other.undo(4)
        assert texts(other) == [BUDDY, TEA, SCOUT]
