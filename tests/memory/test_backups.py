"""Backups are whole, few, and hold nothing that was purged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assistant.errors import DatabaseDamaged, DiskFull
from assistant.memory import backups, times
from assistant.memory.bank import MemoryBank
from assistant.memory.database import Database


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time that it is: its last entry."""
    hands = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    monkeypatch.setattr(times, "now", lambda: hands[-1])
    return hands


def test_a_backup_holds_what_the_bank_holds(bank: MemoryBank) -> None:
    bank.add("User likes tea")
    backup = bank.back_up()
    assert backup.stat().st_mode & 0o777 == 0o600
    assert backup.parent.stat().st_mode & 0o777 == 0o700
    with MemoryBank.open(backup) as copy:
        assert [memory.text for memory in copy.memories()] == ["User likes tea"]


def test_one_a_day_is_due_and_the_newest_seven_stay(bank: MemoryBank, clock: list[datetime]) -> None:
    assert bank.back_up_if_due() is None, "there is nothing to be lost yet"
    bank.add("User likes tea")
    made = []
    for day in range(9):
        clock.append(clock[0] + timedelta(days=day))
        made.append(bank.back_up_if_due())
        assert bank.back_up_if_due() is None
    kept = backups.all_of(made[-1].parent.parent / "recollect.db") if made[-1] else []
    assert kept == list(reversed([path for path in made if path is not None]))[:7]


def test_one_is_due_when_the_clock_was_set_back(bank: MemoryBank, clock: list[datetime]) -> None:
    bank.add("User likes tea")
    bank.back_up()
    clock.append(clock[0] - timedelta(days=400))
    assert bank.back_up_if_due() is not None


def test_what_is_not_whole_becomes_no_backup(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        good = bank.back_up()
    database = Database(tmp_path / "recollect.db")
    with pytest.raises(DatabaseDamaged, match=r"is not whole \(row 3 missing from index\)"):
        backups.make(database, check=lambda *_: ["row 3 missing from index"])
    database.close()
    assert backups.all_of(tmp_path / "recollect.db") == [good]
    assert [path.name for path in good.parent.iterdir()] == [good.name]


def test_a_purge_leaves_nothing_in_backups_and_leaves_a_fresh_one(bank: MemoryBank, path: Path) -> None:
    bank.add("User likes tea")
    secret = bank.add("User is called Zyxwvut")
    bank.back_up()
    bank.forget(secret.id, purge=True)
    bank.close()
    assert [b"Zyxwvut" in file.read_bytes() for file in path.parent.rglob("*") if file.is_file()].count(True) == 0
    [backup] = backups.all_of(path)
    with MemoryBank.open(backup) as copy:
        assert [memory.text for memory in copy.memories()] == ["User likes tea"]


def test_a_backup_that_there_is_no_room_for_replaces_nothing(
    bank: MemoryBank, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.add("User likes tea")
    backup = bank.back_up()
    bank.close()

    def full(database: Database, to: Path) -> None:
        raise DiskFull(f"There is no room left to write to {to}.")

    monkeypatch.setattr(Database, "copy_to", full)
    with pytest.raises(DiskFull):
        backups.restore(path, backup, None)
    assert sorted(file.name for file in path.parent.iterdir()) == ["backups", "recollect.db"]
    with MemoryBank.open(path) as same:
        assert [memory.text for memory in same.memories()] == ["User likes tea"]
