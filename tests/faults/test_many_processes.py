"""Many processes on one bank at the same time: nothing that was acknowledged is lost, and each job is done once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest

from assistant.errors import DatabaseBusy, InputError
from assistant.memory import backups, checking, schema
from assistant.memory.bank import MemoryBank
from assistant.memory.database import BUSY_TIMEOUT, Database, problems
from assistant.memory.operations import OperationStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating
from tests.scripted import FakeEmbedder

SECONDS = 3.0
PROCESSES = 8
BUSY_AT_MOST = 0.01
"""Of all that is tried, how much may find the bank busy for as long as it waits."""
ROUNDS = 6

Fork = Callable[..., Any]


@dataclass
class Told:
    """What one process was told was done."""

    tries: int = 0
    busy: list[float] = field(default_factory=list)
    """How long each waited that found the bank busy."""
    memories: dict[int, str] = field(default_factory=dict)
    messages: dict[int, str] = field(default_factory=dict)
    operations: set[int] = field(default_factory=set)
    done: list[int] = field(default_factory=list)
    owned: list[tuple[float, float, int]] = field(default_factory=list)
    """From when until when it had which job, by the clock that all processes share."""
    copies: int = 0


class Worker:
    """Does a bit of everything in a process of its own, and one thing besides that takes long."""

    def __init__(self, path: Path, number: int) -> None:
        self.rng = random.Random(number)
        self.number = number
        self.count = 0
        self.told = Told()
        self.bank = MemoryBank.open(path, FakeEmbedder(dimensions=16))
        self.conversation = self.bank.new_conversation(f"c{number}").id
        self.besides = {0: self._back_up, 1: self._export, 2: self._check}.get(number, self._search)

    def work(self, until: float) -> Told:
        steps = [self._add, self._add, self._apply, self._say, self._do_a_job, self._do_a_job, self._undo, self._search,
                 self._index, self.besides]  # fmt: skip
        while time.monotonic() < until:
            self.count += 1
            self.told.tries += 1
            begun = time.monotonic()
            try:
                self.rng.choice(steps)()
            except DatabaseBusy:
                self.told.busy.append(time.monotonic() - begun)
        self.bank.close()
        return self.told

    def _text(self, what: str) -> str:
        return f"{what} {self.number} {self.count}"

    def _add(self) -> None:
        memory = self.bank.add(self._text("fact"))
        self.told.memories[memory.id] = memory.text

    def _apply(self) -> None:
        mine = [i for i in list(self.told.memories)[-5:] if self.bank.memory(i).status == "active"]
        wanted = [adding(self._text("one")), adding(self._text("two"))]
        wanted += [updating(mine[0], self._text("changed"))] if mine else []
        wanted += [deleting(mine[1])] if len(mine) > 1 else []
        for operation in self.bank.apply(wanted, actor="manager", observed_at=NOON):
            self._keep(operation)

    def _keep(self, operation: Any) -> None:
        self.told.operations.add(operation.id)
        if operation.action == "ADD" and operation.status is OperationStatus.APPLIED:
            self.told.memories[operation.memory_id] = operation.text

    def _say(self) -> None:
        message = self.bank.add_message(self.conversation, "user", self._text("message"), remember=True)
        self.told.messages[message.id] = message.text

    def _do_a_job(self) -> None:
        job = self.bank.next_job()
        if job is None:
            return
        since = time.monotonic()
        time.sleep(self.rng.uniform(0, 0.03))
        self.told.owned.append((since, time.monotonic(), job.id))
        if self.rng.random() < 0.2:
            self.bank.release_job(job.id)
            return
        done = self.bank.apply([adding(f"job {job.id}")], actor="manager", observed_at=NOON, job_id=job.id)
        assert [operation.status for operation in done] == ["applied"]
        self.told.done.append(job.id)
        self._keep(done[0])

    def _undo(self) -> None:
        try:
            self.told.operations.add(self.bank.undo().id)
        except InputError as error:
            assert str(error) == "There is nothing to undo."

    def _search(self) -> None:
        for hit in self.bank.search(f"fact {self.number}", limit=4):
            assert hit.memory is not None
            assert hit.memory.text

    def _index(self) -> None:
        self.bank.index_pending(batch=8)

    def _back_up(self) -> None:
        assert problems(self.bank.back_up()) == []
        self.told.copies += 1

    def _export(self) -> None:
        lines = list(self.bank.export_lines())
        assert lines[-1] == f'{{"rows": {len(lines) - 2}}}'
        self.told.copies += 1

    def _check(self) -> None:
        assert checking.check(self.bank._database) == []
        self.told.copies += 1


def worked(path: Path, number: int, until: float) -> Told:
    return Worker(path, number).work(until)


def merged(parts: Sequence[dict[int, str]]) -> dict[int, str]:
    whole: dict[int, str] = {}
    for part in parts:
        assert not whole.keys() & part.keys(), "two processes were given the same id"
        whole |= part
    return whole


@pytest.mark.slow
def test_eight_processes_at_once_lose_nothing_and_do_each_job_once(tmp_path: Path, fork: Fork) -> None:
    path = tmp_path / "recollect.db"
    MemoryBank.open(path).close()
    until = time.monotonic() + SECONDS
    told: list[Told] = [child.wait() for child in [fork(worked, path, number, until) for number in range(PROCESSES)]]
    tries = sum(one.tries for one in told)
    busy = [seconds for one in told for seconds in one.busy]
    assert tries > 100
    assert len(busy) <= BUSY_AT_MOST * tries
    assert [seconds for seconds in busy if seconds < BUSY_TIMEOUT] == [], "a process did not wait for the others"
    assert all(one.copies for one in told[:3])
    with MemoryBank.open(path, FakeEmbedder(dimensions=16)) as bank:
        for memory_id, text in merged([one.memories for one in told]).items():
            assert bank.history(memory_id)[0].memory.text == text
        for message_id, text in merged([one.messages for one in told]).items():
            assert bank.message(message_id).text == text
        journal = bank.operations(limit=1_000_000)[::-1]
        assert [operation.id for operation in journal] == list(range(1, len(journal) + 1))
        assert [operation.created_at for operation in journal] == sorted(o.created_at for o in journal)
        assert set().union(*(one.operations for one in told)) <= {operation.id for operation in journal}
        done = Counter(job for one in told for job in one.done)
        assert set(done.values()) == {1}
        said = Counter(operation.text for operation in journal if operation.actor == "manager")
        assert {said[f"job {job}"] for job in done} == {1}
        assert bank.pending_jobs() == sum(len(one.messages) for one in told) - len(done)
        owned = sorted(lease for one in told for lease in one.owned)
        assert all(before[1] <= after[0] for before, after in pairwise(owned)), "two processes had a job at a time"
        bank.index_all()
        assert checking.check(bank._database) == []
    assert problems(path) == []


def test_a_bank_is_checked_while_another_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "recollect.db"
    with MemoryBank.open(path) as bank, MemoryBank.open(path, busy_timeout=0.05) as other:
        bank.add("User likes tea")

        def broken(_: apsw.Connection) -> list[Any]:
            with suppress(DatabaseBusy):  # As it may be, if nobody is let in meanwhile.
                other.add("User likes gin")
            return []

        monkeypatch.setattr(checking.vectors, "broken", broken)
        assert checking.check(bank._database) == []


def at_once(fork: Fork, work: Callable[..., Any], path: Path) -> list[Any]:
    """What two processes return that begin `work` at the same moment."""
    moment = time.monotonic() + 0.02
    return [child.wait() for child in [fork(work, path, moment) for _ in range(2)]]


def wait_for(moment: float) -> None:
    while time.monotonic() < moment:
        pass


def opened(path: Path, moment: float) -> list[str]:
    wait_for(moment)
    with MemoryBank.open(path) as bank:
        return texts(bank)


@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS)))
def test_two_processes_may_bring_a_bank_up_to_date_at_once(tmp_path: Path, fork: Fork, version: int) -> None:
    for number in range(ROUNDS):
        path = tmp_path / f"{number}" / "recollect.db"
        database = Database(path)
        schema.migrate(database, schema.MIGRATIONS[:version])
        with database.write() as connection:
            connection.execute(
                "INSERT INTO memory VALUES (1, 1); INSERT INTO memory_version (memory_id, version, text, status,"
                " observed_at, created_at) VALUES (1, 1, 'User likes tea', 'active', '2026-03-01T12:00:00+02:00',"
                " '2026-03-01T12:00:00+02:00')"
            )
        database.close()
        assert at_once(fork, opened, path) == [["User likes tea"], ["User likes tea"]]
        [left] = path.parent.glob("recollect.db.*")
        assert left.name == f"recollect.db.version-{version}"
        copy = apsw.Connection(str(left), flags=apsw.SQLITE_OPEN_READONLY)
        assert copy.pragma("user_version") == version
        assert copy.execute("SELECT text FROM memory_version").get == "User likes tea"
        copy.close()
        assert problems(path) == []


def backed_up(path: Path, moment: float) -> str:
    with MemoryBank.open(path) as bank:
        wait_for(moment)
        return bank.back_up().name


def test_two_processes_may_make_a_backup_at_once(tmp_path: Path, fork: Fork) -> None:
    for number in range(ROUNDS):
        path = tmp_path / f"{number}" / "recollect.db"
        with MemoryBank.open(path) as bank:
            bank.add("User likes tea")
        names = at_once(fork, backed_up, path)
        kept = backups.all_of(path)
        assert {backup.name for backup in kept} == set(names)
        assert sorted(file.name for file in backups.folder_of(path).iterdir()) == sorted(set(names))
        for backup in kept:
            assert problems(backup) == []


def added(path: Path, text: str) -> list[str]:
    with MemoryBank.open(path) as bank:
        bank.add(text)
        return texts(bank)


def test_a_bank_that_was_opened_twice_in_a_process_still_shares_its_writes_with_others(
    tmp_path: Path, fork: Fork
) -> None:
    path = tmp_path / "recollect.db"
    assert fork(after_a_backup, path, fork).wait() == ["one", "two", "three", "four"]
    with MemoryBank.open(path) as bank:
        assert texts(bank) == ["one", "two", "three", "four"]
    assert problems(path) == []


def after_a_backup(path: Path, fork: Fork) -> list[str]:
    # The system drops all of a process's locks on a file when any of its descriptors of that file is closed.
    with MemoryBank.open(path) as bank:
        bank.add("one")
        bank.back_up()
        MemoryBank.open(path).close()
        assert fork(added, path, "two").wait() == ["one", "two"]
        bank.add("three")
        assert fork(added, path, "four").wait() == ["one", "two", "three", "four"]
        return texts(bank)
