"""A clock that is wrong, is put right, or is in another country: the order of what happened stays what it was."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from assistant.errors import InputError
from assistant.memory import backups, jobs, times
from assistant.memory.bank import Job, MemoryBank
from assistant.memory.database import problems
from assistant.memory.operations import OperationStatus
from tests.memory.shorthand import adding, deleting, texts, updating

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASTHMA = "User suffers from asthma since childhood."
LEAPS = (
    timedelta(milliseconds=3), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=400),
    timedelta(days=3000),
)  # fmt: skip
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Marquesas", "UTC")


class Clock:
    """What time it is here, as `times.now` says it: with the offset of the day, and without the name of the zone."""

    def __init__(self) -> None:
        self.time = START
        self.zone = "UTC"

    def now(self) -> datetime:
        return local(self.time, self.zone)


def local(time: datetime, zone: str) -> datetime:
    there = time.astimezone(ZoneInfo(zone))
    offset = there.utcoffset()
    assert offset is not None
    return there.astimezone(timezone(offset))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    hands = Clock()
    monkeypatch.setattr(times, "now", hands.now)
    return hands


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds since 1970 as the queue sees them: the last entry."""
    hands = [START.timestamp()]
    monkeypatch.setattr(jobs, "time", SimpleNamespace(time=lambda: hands[-1]))
    return hands


def change(bank: MemoryBank, rng: random.Random, number: int) -> None:
    """Does something that is written in the journal, if it can be done."""
    known = bank.memories(include_all=True)
    active = bank.memories()
    match rng.randrange(8):
        case 0 | 1:
            bank.add(f"User has read book {number}")
        case 2 if active:
            bank.apply([updating(rng.choice(active).id, f"User wrote {number}")], actor="manager", observed_at=START)
        case 3 if active:
            wanted = [adding(f"User knows person {number}"), deleting(rng.choice(active).id)]
            bank.apply(wanted, actor="manager", observed_at=START)
        case 4:
            bank.undo()
        case 5:
            bank.redo()
        case 6 if active:
            bank.forget(rng.choice(active).id)
        case 7 if rng.random() < 0.2 and known:
            bank.forget(rng.choice(known).id, purge=True)


@pytest.mark.parametrize("seed", range(6))
def test_the_journal_keeps_its_order_and_every_moment_of_it_can_be_seen_again(
    tmp_path: Path, clock: Clock, seed: int
) -> None:
    rng = random.Random(seed)
    then: dict[datetime, list[tuple[int, str]]] = {}
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        for number in range(60):
            clock.time += rng.choice(LEAPS) * rng.choice((-1, 1, 1))
            clock.zone = rng.choice(ZONES)
            try:
                change(bank, rng, number)
            except InputError:
                continue
            for operation in bank.operations(limit=1):
                # What happens while the clock is behind has the time of what was before: the last of it counts.
                then[operation.created_at] = [(memory.id, memory.text) for memory in bank.memories()]
        journal = [operation.created_at for operation in reversed(bank.operations(limit=1000))]
        assert len(journal) > 30
        assert journal == sorted(journal)
        purged = {memory.id for memory in bank.memories(include_all=True) if memory.status == "purged"}
        for moment, known in then.items():
            seen = [(memory.id, memory.text) for memory in bank.as_of(moment)]
            assert seen == [(i, text) for i, text in known if i not in purged]
        for memory in bank.memories(include_all=True):
            since = [version.since for version in bank.history(memory.id)]
            assert since == sorted(since)
    assert problems(tmp_path / "recollect.db") == []


def test_changes_within_a_millisecond_are_told_apart(tmp_path: Path, clock: Clock) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.add("User likes tea")
        clock.time += timedelta(microseconds=300)
        bank.add("User likes gin")
        assert [memory.text for memory in bank.as_of(START)] == ["User likes tea"]
        assert [memory.text for memory in bank.as_of(clock.time)] == ["User likes tea", "User likes gin"]


def test_the_hour_that_comes_twice_is_two_hours(tmp_path: Path, clock: Clock) -> None:
    clock.zone = "Europe/Berlin"
    clock.time = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.add("User likes tea")
        clock.time += timedelta(minutes=20)
        bank.apply([updating(1, "User likes gin")], actor="manager", observed_at=clock.now())
        assert [operation.created_at.isoformat() for operation in bank.operations()] == [
            "2026-10-25T02:10:00+01:00",
            "2026-10-25T02:50:00+02:00",
        ]
        known = [bank.as_of(datetime(2026, 10, 25, hour, 55, tzinfo=UTC)) for hour in (0, 1)]
        assert [[memory.text for memory in memories] for memories in known] == [
            ["User likes tea"],
            ["User likes gin"],
        ]


def proposed(bank: MemoryBank, text: str, observed_at: datetime) -> str:
    [operation] = bank.apply([adding(text)], actor="manager", observed_at=observed_at)
    return operation.reason if operation.status is not OperationStatus.APPLIED else ""


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=400)])
def test_what_is_forgotten_while_the_clock_is_behind_does_not_come_back(
    tmp_path: Path, clock: Clock, back: timedelta
) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        said = bank.add_message(bank.new_conversation().id, "user", ASTHMA)
        bank.add(ASTHMA)
        clock.time -= back
        bank.forget(1)
        assert proposed(bank, ASTHMA, said.created_at) == "you had this forgotten"
        clock.time += back + timedelta(minutes=1)
        assert proposed(bank, ASTHMA, clock.now()) == "you had this forgotten, and then spoke of it again"
        assert texts(bank) == []


def test_what_is_forgotten_in_one_country_and_wiped_in_another_counts_from_then(tmp_path: Path, clock: Clock) -> None:
    clock.zone = "Asia/Tokyo"
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.add(ASTHMA)
        bank.forget(1)
        clock.time += timedelta(hours=1)
        said = clock.now()
        clock.time += timedelta(hours=1)
        clock.zone = "America/New_York"
        bank.forget(1, purge=True)
        assert proposed(bank, ASTHMA, said) == "you had this forgotten"


def test_a_backup_from_the_future_does_not_make_one_due_every_time(tmp_path: Path, clock: Clock) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.add("User likes tea")
        clock.time += timedelta(days=400)
        bank.back_up()
        clock.time = START
        assert bank.back_up_if_due() is not None
        clock.time += timedelta(hours=1)
        assert bank.back_up_if_due() is None
        clock.time += timedelta(days=1)
        assert bank.back_up_if_due() is not None


def test_a_new_backup_stays_beside_seven_from_the_future(tmp_path: Path, clock: Clock) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        for day in range(7):
            clock.time = START + timedelta(days=400 + day)
            bank.back_up()
        bank.add("User likes tea")
        clock.time = START
        newest = bank.back_up()
        assert newest in backups.all_of(tmp_path / "recollect.db")
        assert len(backups.all_of(tmp_path / "recollect.db")) == 7
    with MemoryBank.open(newest) as copy:
        assert texts(copy) == ["User likes tea"]


def test_backups_are_as_old_as_they_are_in_every_zone(tmp_path: Path, clock: Clock) -> None:
    clock.zone = "Pacific/Kiritimati"
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        bank.add("User likes tea")
        assert bank.back_up().name == "recollect-20260301T120000Z.db"
        clock.zone = "Pacific/Marquesas"
        clock.time += timedelta(hours=23, minutes=59)
        assert bank.back_up_if_due() is None
        clock.time += timedelta(minutes=1)
        made = bank.back_up_if_due()
        assert made is not None
        assert made.name == "recollect-20260302T120000Z.db"


def told(bank: MemoryBank) -> None:
    bank.add_message(bank.new_conversation().id, "user", "I have a dog.", remember=True)


def test_a_job_is_done_once_though_the_clock_leaps_meanwhile(tmp_path: Path, seconds: list[float]) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank, MemoryBank.open(tmp_path / "recollect.db") as other:
        told(bank)
        assert bank.next_job() == Job(1, 1, 1)
        seconds.append(seconds[0] - 300)
        assert other.next_job() is None
        seconds.append(seconds[0] + 400 * 86400)
        assert other.next_job() == Job(1, 1, 2)
        assert bank.apply([adding("User has a cat")], actor="manager", observed_at=START, job_id=1) == []
        [done] = other.apply([adding("User has a dog")], actor="manager", observed_at=START, job_id=1)
        assert done.status is OperationStatus.APPLIED
        assert (texts(bank), bank.pending_jobs()) == (["User has a dog"], 0)


def test_a_job_is_not_kept_for_years_by_a_lease_from_the_future(tmp_path: Path, seconds: list[float]) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank, MemoryBank.open(tmp_path / "recollect.db") as other:
        told(bank)
        seconds.append(seconds[0] + 400 * 86400)
        # Its owner lives on, like a process that hangs or another one that was given the number of a dead one.
        assert bank.next_job() == Job(1, 1, 1)
        seconds.append(seconds[0])
        assert other.next_job() == Job(1, 1, 2)
