"""What is offered to an agent: what is pinned, then what is near, and never what is not to be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank
from tests.memory.shorthand import NOON, adding
from tests.scripted import FakeEmbedder

FACTS = [
    "User has a dog named Buddy.",
    "User likes tea.",
    "User lives in Oslo.",
    "User plays chess.",
    "User is allergic to walnuts.",
    "User drives a van.",
]


@pytest.fixture
def known(path: Path) -> Iterator[MemoryBank]:
    with MemoryBank.open(path, FakeEmbedder()) as bank:
        bank.apply([adding(text) for text in FACTS], actor="manager", observed_at=NOON)
        bank.index_all()
        yield bank


def ids(bank: MemoryBank, text: str, limit: int) -> list[int]:
    return [memory.id for memory in bank.related(text, limit)]


def test_without_marks_the_nearest_are_offered(known: MemoryBank) -> None:
    assert ids(known, "my dog Buddy", 1) == [1]
    assert sorted(ids(known, "my dog Buddy", 6)) == [1, 2, 3, 4, 5, 6]
    assert ids(known, "", 3) == [hit.memory.id for hit in known.search("", limit=3, floor=False) if hit.memory]


def test_pinned_ones_come_first_the_newest_of_them_and_nothing_twice(known: MemoryBank) -> None:
    for number in (1, 3, 4):
        known.pin(number)
    offered = ids(known, "my dog Buddy", 4)
    assert offered[:3] == [4, 3, 1], "half of the places are for pinned ones, and the nearest is pinned as well"
    assert len(set(offered)) == 4
    assert ids(known, "my dog Buddy", 5)[:2] == [4, 3]
    assert sorted(ids(known, "my dog Buddy", 6)) == [1, 2, 3, 4, 5, 6]


def test_a_place_for_one_is_for_the_nearest(known: MemoryBank) -> None:
    known.pin(4)
    assert ids(known, "my dog Buddy", 1) == [1]


def test_what_is_gone_is_not_offered_though_it_was_pinned(known: MemoryBank) -> None:
    known.pin(4)
    known.mark_outdated(4)
    assert 4 not in ids(known, "chess", 6)


def test_what_is_never_to_be_used_is_not_offered_but_found_by_the_user(known: MemoryBank) -> None:
    known.never_use(1)
    assert 1 not in ids(known, "my dog Buddy", 6)
    assert len(ids(known, "my dog Buddy", 5)) == 5
    found = known.search("my dog Buddy")
    assert found[0].memory is not None
    assert (found[0].memory.id, found[0].memory.never_use) == (1, True)
    for floor in (True, False):
        hits = known.search("my dog Buddy", floor=floor, for_answer=True)
        assert all(hit.memory is not None and hit.memory.id != 1 for hit in hits)
    known.never_use(1, on=False)
    assert ids(known, "my dog Buddy", 1) == [1]


def test_messages_are_found_all_the_same(known: MemoryBank) -> None:
    known.never_use(1)
    known.add_message(known.new_conversation().id, "user", "Buddy barks.")
    hits = known.search("Buddy", kinds=("memory", "message"), for_answer=True)
    assert [hit.message.text for hit in hits if hit.message is not None] == ["Buddy barks."]
