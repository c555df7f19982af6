"""What the bank knew at a time, and all that a memory ever said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from assistant.errors import NotFoundError
from assistant.memory import times
from assistant.memory.bank import MemoryBank, MemoryStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time that it is: its last entry."""
    hands = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    monkeypatch.setattr(times, "now", lambda: hands[-1])
    return hands


def test_what_the_bank_knew_at_a_time(bank: MemoryBank, clock: list[datetime]) -> None:
    first = clock[0]
    bank.apply([adding("a dog, Buddy"), adding("tea")], actor="manager", observed_at=NOON)
    clock.append(first + timedelta(days=1))
    bank.apply([updating(1, "two dogs, Buddy and Scout"), deleting(2)], actor="manager", observed_at=NOON)
    clock.append(first + timedelta(days=2))
    bank.undo()

    def known(after: timedelta) -> list[str]:
        return [memory.text for memory in bank.as_of(first + after)]

    assert known(timedelta(seconds=-1)) == []
    assert known(timedelta(0)) == ["a dog, Buddy", "tea"]
    assert known(timedelta(hours=23)) == ["a dog, Buddy", "tea"]
    assert known(timedelta(days=1)) == ["two dogs, Buddy and Scout"]
    assert known(timedelta(days=2)) == texts(bank) == ["two dogs, Buddy and Scout", "tea"]
    elsewhere = (first + timedelta(hours=1)).astimezone(timezone(timedelta(hours=-11)))
    assert [memory.text for memory in bank.as_of(elsewhere)] == ["a dog, Buddy", "tea"]


def test_a_clock_that_is_set_back_does_not_change_the_order(bank: MemoryBank, clock: list[datetime]) -> None:
    bank.add("a dog, Buddy")
    clock.append(clock[0] - timedelta(days=400))
    bank.apply([updating(1, "two dogs")], actor="manager", observed_at=NOON)
    assert [operation.created_at for operation in bank.operations()] == [clock[0], clock[0]]
    assert [memory.text for memory in bank.as_of(clock[0])] == ["two dogs"]
    assert bank.as_of(clock[-1]) == []


def test_all_that_a_memory_ever_said(bank: MemoryBank) -> None:
    bank.apply([adding("a dog, Buddy")], actor="manager", observed_at=NOON)
    bank.apply([updating(1, "two dogs"), deleting(1)], actor="manager", observed_at=NOON)
    bank.undo()
    versions = bank.history(1)
    assert [(v.memory.text, v.memory.status, v.operation_id) for v in versions] == [
        ("a dog, Buddy", MemoryStatus.ACTIVE, 1),
        ("two dogs", MemoryStatus.ACTIVE, 2),
        ("two dogs", MemoryStatus.RETIRED, 3),
        ("two dogs", MemoryStatus.ACTIVE, 4),
    ]
    assert [v.since for v in versions] == sorted(v.since for v in versions)
    with pytest.raises(NotFoundError):
        bank.history(2)
