"""What a table, a timeline and a plot of the memories show."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from assistant.memory import times
from assistant.memory.bank import Growth, MemoryBank, MemoryOrigin, MemoryRow
from assistant.memory.operations import Action, MemoryOperation
from tests.memory.shorthand import NOON, adding, deleting, updating

TEA, OSLO = "User likes tea.", "User lives in Oslo."


class Clock:
    """What time it is said to be."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 8, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(times, "now", lambda: clock.now)
    return clock


def row(rows: list[MemoryRow], memory_id: int) -> MemoryRow:
    return next(row for row in rows if row.memory.id == memory_id)


def test_a_row_has_the_memory_and_what_it_speaks_of(bank: MemoryBank, clock: Clock) -> None:
    bank.apply([adding(TEA), adding(OSLO)], actor="manager", observed_at=NOON)
    clock.now += timedelta(hours=1)
    bank.edit(2, "User lives in Bergen.")
    rows = bank.memory_rows()
    assert [row.memory for row in rows] == bank.memories()
    assert [row.kind for row in rows] == ["preference", "you"]
    assert [row.since for row in rows] == [clock.now - timedelta(hours=1), clock.now]


def test_what_is_said_in_a_later_month_is_a_plan(bank: MemoryBank) -> None:
    bank.apply([adding("User works at Acme from next month.")], actor="manager", observed_at=NOON)
    assert [row.kind for row in bank.memory_rows()] == ["plan"]


def test_rows_are_of_what_counts_or_of_all_there_ever_were(bank: MemoryBank) -> None:
    bank.apply([adding(TEA), adding(OSLO), adding("User has a dog.")], actor="manager", observed_at=NOON)
    bank.mark_outdated(1)
    bank.mark_wrong(3)
    assert [row.memory.id for row in bank.memory_rows()] == [2]
    assert [row.memory for row in bank.memory_rows(include_all=True)] == bank.memories(include_all=True)


def test_a_row_says_where_it_came_from(bank: MemoryBank) -> None:
    chat, file = bank.new_conversation().id, bank.new_conversation("a file").id
    said = bank.add_message(chat, "user", "I like tea.")
    read = bank.add_message(file, "user", "I like milk.", external_id="file:1")
    bank.apply([adding(TEA)], actor="manager", observed_at=NOON, source_message_id=said.id)
    bank.apply([adding("User likes milk.")], actor="import", observed_at=NOON, source_message_id=read.id)
    bank.apply([adding("User likes rain.")], actor="import", observed_at=NOON)
    bank.add("User has a dog.")
    source = {"observed_at": NOON, "source_message_id": said.id, "held_for": "unsure"}
    [held] = bank.apply([adding("User likes coffee.")], actor="manager", **source)
    bank.accept(held.id)
    bank.apply([adding("User has a cat."), adding("User has a bird.")], actor="manager", observed_at=NOON)
    bank.edit(6, "User has two cats.")
    assert [row.origin for row in bank.memory_rows()] == [
        MemoryOrigin.SAID,
        MemoryOrigin.IMPORTED,
        MemoryOrigin.IMPORTED,
        MemoryOrigin.WRITTEN,
        MemoryOrigin.SAID,
        MemoryOrigin.WRITTEN,
        MemoryOrigin.SAID,
    ]
    bank.undo()
    assert row(bank.memory_rows(), 6).origin is MemoryOrigin.SAID


def test_a_row_counts_the_replies_that_used_it(bank: MemoryBank) -> None:
    bank.apply([adding(TEA), adding(OSLO), adding("User has a dog.")], actor="manager", observed_at=NOON)
    conversation = bank.new_conversation().id
    for day, used in ((1, [1, 2]), (3, [1]), (2, [])):
        time = NOON + timedelta(days=day)
        reply = bank.add_message(conversation, "assistant", "You do.", created_at=time)
        bank.cite(reply.id, [bank.memory(number) for number in used])
    assert [(row.uses, row.last_used) for row in bank.memory_rows()] == [
        (2, NOON + timedelta(days=3)),
        (1, NOON + timedelta(days=1)),
        (0, None),
    ]


def test_rows_as_of_a_time_are_what_was_known_and_used_then(bank: MemoryBank, clock: Clock) -> None:
    bank.apply([adding(TEA), adding(OSLO)], actor="manager", observed_at=NOON)
    first = bank.add_message(bank.new_conversation().id, "assistant", "You do.", created_at=clock.now)
    bank.cite(first.id, bank.memories())
    then = clock.now
    clock.now += timedelta(microseconds=1)
    bank.edit(1, "User likes milk.")
    bank.mark_wrong(2)
    clock.now += timedelta(seconds=1)
    bank.add("User has a dog.")
    second = bank.add_message(first.conversation_id, "assistant", "So you do.", created_at=clock.now)
    bank.cite(second.id, bank.memories())
    rows = bank.memory_rows(as_of=then)
    assert [row.memory for row in rows] == bank.as_of(then)
    assert [(r.memory.text, r.origin, r.uses, r.last_used, r.since) for r in rows] == [
        (TEA, "said", 1, then, then),
        (OSLO, "said", 1, then, then),
    ]
    assert [(r.memory.text, r.uses) for r in bank.memory_rows(as_of=clock.now)] == [
        ("User likes milk.", 2),
        ("User has a dog.", 1),
    ]
    assert bank.memory_rows(as_of=then - timedelta(seconds=1)) == []


def test_marks_stand_in_rows(bank: MemoryBank) -> None:
    bank.add(TEA)
    bank.add(OSLO)
    now = datetime.now(UTC)
    bank.pin(1)
    bank.never_use(2)
    for rows in (bank.memory_rows(), bank.memory_rows(as_of=now)):
        assert [(r.memory.pinned, r.memory.never_use) for r in rows] == [(True, False), (False, True)]


def test_the_timeline_has_what_was_changed_newest_first(bank: MemoryBank) -> None:
    bank.apply([adding(TEA), MemoryOperation(Action.NOOP), deleting(9)], actor="manager", observed_at=NOON)
    bank.apply([adding(OSLO)], actor="manager", observed_at=NOON, held_for="unsure")
    bank.edit(1, "User likes milk.")
    bank.undo()
    bank.forget(1, purge=True)
    assert [(o.id, o.action, o.actor) for o in bank.timeline()] == [
        (7, "DELETE", "user"),
        (6, "UPDATE", "undo"),
        (5, "UPDATE", "user"),
        (1, "ADD", "manager"),
    ]
    assert [o.id for o in bank.timeline(limit=2)] == [7, 6]
    assert [o.id for o in bank.timeline(limit=2, before_id=6)] == [5, 1]
    assert bank.timeline(before_id=1) == []


def test_growth_says_what_each_day_did(bank: MemoryBank, clock: Clock) -> None:
    assert bank.growth() == []
    bank.apply([adding(TEA), adding(OSLO), adding("User has a dog.")], actor="manager", observed_at=NOON)
    bank.apply([adding("User has a cat."), deleting(3)], actor="manager", observed_at=NOON, held_for="unsure")
    clock.now += timedelta(days=2)
    bank.apply([updating(1, "User likes milk."), deleting(2), deleting(2)], actor="manager", observed_at=NOON)
    clock.now += timedelta(days=1)
    bank.add("User has a bird.")
    bank.undo(6)
    assert bank.growth() == [
        Growth(date(2026, 5, 1), active=3, added=3, changed=0, ended=0),
        Growth(date(2026, 5, 3), active=2, added=0, changed=1, ended=1),
        Growth(date(2026, 5, 4), active=3, added=1, changed=1, ended=0),
    ]


def test_growth_counts_what_is_gone_once_and_what_came_back(bank: MemoryBank, clock: Clock) -> None:
    bank.apply([adding(TEA), adding(OSLO), adding("User has a dog.")], actor="manager", observed_at=NOON)
    clock.now += timedelta(days=1)
    bank.apply([deleting(1)], actor="manager", observed_at=NOON)
    bank.forget(1)
    bank.forget(1, purge=True)
    bank.forget(2, purge=True)
    clock.now += timedelta(days=1)
    ended = bank.mark_outdated(3)
    bank.undo(ended.id)
    assert bank.growth() == [
        Growth(date(2026, 5, 1), active=3, added=3, changed=0, ended=0),
        Growth(date(2026, 5, 2), active=1, added=0, changed=0, ended=2),
        Growth(date(2026, 5, 3), active=1, added=1, changed=0, ended=1),
    ]
    assert len(bank.memories()) == 1


def test_a_day_is_the_users_own(bank: MemoryBank, clock: Clock) -> None:
    clock.now = datetime(2026, 5, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    bank.add(TEA)
    assert [growth.day for growth in bank.growth()] == [date(2026, 5, 1)]
