"""What the disk, the system and other processes may do to the bank."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from assistant.errors import DatabaseBusy, DiskFull, NotWritable, StorageError
from assistant.memory import applying, schema
from assistant.memory.bank import MemoryBank
from assistant.memory.database import Database
from assistant.memory.journal import Origin
from tests.memory.shorthand import NOON, adding, start, texts

ADD_FOREVER = """
import itertools, sys
from pathlib import Path
from assistant.memory.bank import MemoryBank
with MemoryBank.open(Path(sys.argv[1])) as bank:
    for i in itertools.count():
        memory = bank.add(f"fact {sys.argv[2]} {i}")
        print(memory.id, memory.text, sep="\\t", flush=True)
"""

ADD_SOME_AND_DO_JOBS = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from assistant.memory.bank import MemoryBank
from assistant.memory.operations import Action, MemoryOperation
with MemoryBank.open(Path(sys.argv[1])) as bank:
    for i in range(60):
        bank.add(f"{sys.argv[2]} {i}")
        if i % 3 == 0 and (job := bank.next_job()) is not None:
            operation = MemoryOperation(Action.ADD, None, f"job {job.id}")
            done = bank.apply([operation], actor="manager", observed_at=datetime.now(UTC), job_id=job.id)
            print(job.id, done[0].status, flush=True)
"""

FILL_UP = """
import resource, signal, sys
from pathlib import Path
from assistant.errors import StorageError
from assistant.memory.bank import MemoryBank
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
bank = MemoryBank.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
saved = 0
try:
    while True:
        bank.add(f"fact {saved} " + "x" * 1500)
        saved += 1
except StorageError as error:
    print(saved, len(bank.memories()), error, sep="\\t")
"""

TRY_TO_OPEN = """
import os, sys
from pathlib import Path
from assistant.errors import RecollectError
from assistant.memory.bank import MemoryBank
if len(sys.argv) > 2 and os.geteuid() == 0:
    os.setuid(65534)
try:
    MemoryBank.open(Path(sys.argv[1])).add("User likes tea")
except RecollectError as error:
    print(type(error).__name__, error.exit_code, error, sep="\\t")
"""

DROP_PRIVILEGES = "as nobody"
"""Permissions do not count for root, who is let through everywhere."""


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that another user may enter, as the test's own may not be."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def check_whole(path: Path) -> None:
    connection = apsw.Connection(str(path))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    for table in ("memory_text", "message_text"):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
    connection.close()


@pytest.mark.parametrize("written", [0, 1, 20, 77])
def test_a_kill_in_the_middle_of_writing_loses_nothing_acknowledged(path: Path, written: int) -> None:
    with start(ADD_FOREVER, path, "a") as process:
        assert process.stdout is not None
        for _ in range(written):
            process.stdout.readline()
        process.kill()
    with start(ADD_FOREVER, path, "b") as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(15)]
        process.kill()
        acknowledged += [line for line in process.stdout if line.endswith("\n")]
    with MemoryBank.open(path) as bank:
        there = {f"{memory.id}\t{memory.text}\n" for memory in bank.memories()}
        assert set(acknowledged) <= there
        assert len(there) >= written + len(acknowledged)
        assert len(bank.operations(limit=10_000)) == len(there)
    check_whole(path)


def test_two_processes_write_at_once_and_each_job_is_done_once(path: Path) -> None:
    with MemoryBank.open(path) as bank:
        conversation = bank.new_conversation()
        for i in range(20):
            bank.add_message(conversation.id, "user", f"message {i}", remember=True)
    processes = [start(ADD_SOME_AND_DO_JOBS, path, name) for name in ("a", "b")]
    outputs = [process.communicate() for process in processes]
    assert [errors for _, errors in outputs] == ["", ""]
    done = [line for output, _ in outputs for line in output.splitlines()]
    assert sorted(done) == sorted(f"{i} applied" for i in range(1, len(done) + 1))
    with MemoryBank.open(path) as bank:
        expected = {f"{name} {i}" for name in ("a", "b") for i in range(60)}
        assert set(texts(bank)) == expected | {f"job {i}" for i in range(1, len(done) + 1)}
        assert bank.pending_jobs() == 20 - len(done)
    check_whole(path)


def test_two_processes_may_make_the_database_at_once(path: Path) -> None:
    processes = [start(TRY_TO_OPEN.replace("User likes tea", f"fact {i}"), path) for i in range(4)]
    assert [process.communicate() for process in processes] == [("", "")] * 4
    with MemoryBank.open(path) as bank:
        assert sorted(texts(bank)) == ["fact 0", "fact 1", "fact 2", "fact 3"]


def test_threads_may_share_a_bank(bank: MemoryBank, path: Path) -> None:
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for i in range(25):
                bank.apply([adding(f"fact {name} {i}")], actor="manager", observed_at=NOON)
                bank.search("fact")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(bank.memories()) == 100
    check_whole(path)


def test_a_thread_waits_for_another_one_in_the_middle_of_a_transaction(path: Path) -> None:
    database = Database(path)
    schema.migrate(database)
    bank = MemoryBank(database)
    seen: list[list[str]] = []
    other = threading.Thread(target=lambda: seen.append(texts(bank)))
    with database.write() as connection:
        applying.say(connection, "User likes tea", Origin("user"), NOON)
        other.start()
        other.join(0.2)
        assert seen == []
    other.join()
    bank.close()
    assert seen == [["User likes tea"]]


def test_a_process_that_holds_the_database_too_long_is_named_and_nothing_is_lost(path: Path) -> None:
    with MemoryBank.open(path, busy_timeout=0.05) as bank:
        bank.add("User likes tea")
        holder = apsw.Connection(str(path))
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy, match=r"Another process .* try again"):
            bank.add("User likes gin")
        assert texts(bank) == ["User likes tea"]
        holder.execute("COMMIT")
        bank.add("User likes gin")
        holder.close()
        assert texts(bank) == ["User likes tea", "User likes gin"]


def test_a_full_disk_is_said_and_loses_nothing_and_writing_goes_on_with_room(path: Path) -> None:
    database = Database(path)
    schema.migrate(database)
    bank = MemoryBank(database)
    bank.add_message(bank.new_conversation().id, "user", "hello", remember=True)
    with database.read() as connection:
        pages = connection.pragma("page_count")
        connection.pragma("max_page_count", pages + 4)
    saved: list[str] = []

    def fill() -> None:
        for i in range(100):
            saved.append(bank.add(f"{i} " + "x" * 1500).text)

    with pytest.raises(DiskFull, match=r"no room left .* Free some space") as full:
        fill()
    assert full.value.exit_code == 4
    assert texts(bank) == saved
    job = bank.next_job()
    assert job is not None
    with pytest.raises(DiskFull):
        bank.apply([adding("y" * 1900), adding("z" * 1900)], actor="manager", observed_at=NOON, job_id=job.id)
    assert (texts(bank), bank.pending_jobs()) == (saved, 1)
    with database.read() as connection:
        connection.pragma("max_page_count", pages + 1000)
    bank.apply([adding("y" * 1900)], actor="manager", observed_at=NOON, job_id=job.id)
    bank.close()
    with MemoryBank.open(path) as again:
        assert texts(again) == [*saved, "y" * 1900]
        assert again.pending_jobs() == 0
    check_whole(path)


def test_a_write_that_the_system_refuses_loses_nothing(path: Path) -> None:
    output, errors = start(FILL_UP, path).communicate()
    assert errors == ""
    saved, kept, said = output.rstrip("\n").split("\t")
    assert int(saved) == int(kept) > 10
    assert "could not be read or written" in said or "no room left" in said
    assert said.endswith("what was saved before is still there.")
    with MemoryBank.open(path) as bank:
        assert len(bank.memories()) == int(saved)
        bank.add("User likes tea")
    check_whole(path)


def test_a_read_only_database_is_said_and_left_as_it_is(shared_folder: Path) -> None:
    path = shared_folder / "recollect.db"
    with MemoryBank.open(path) as bank:
        bank.add("User likes gin")
    path.chmod(0o444)
    shared_folder.chmod(0o555)
    before = path.read_bytes()
    output, errors = start(TRY_TO_OPEN, path, DROP_PRIVILEGES).communicate()
    assert errors == ""
    name, code, said = output.rstrip("\n").split("\t")
    assert (name, code) == ("NotWritable", "4")
    assert said.startswith(f"{path} cannot be opened for writing")
    assert said.endswith("name another folder with RECOLLECT_DATA_DIR.")
    shared_folder.chmod(0o755)
    assert [file.name for file in shared_folder.iterdir()] == ["recollect.db"]
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_said(shared_folder: Path) -> None:
    shared_folder.chmod(0o555)
    path = shared_folder / "kept" / "recollect.db"
    output, errors = start(TRY_TO_OPEN, path, DROP_PRIVILEGES).communicate()
    assert errors == ""
    name, code, said = output.rstrip("\n").split("\t")
    assert (name, code) == ("NotWritable", "4")
    assert said.startswith(f"The folder {path.parent} cannot be made (Permission denied).")


def test_a_folder_in_place_of_the_file_is_said(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(NotWritable, match="cannot be opened for writing"):
        MemoryBank.open(path)


def test_using_a_closed_bank_is_an_error_and_closing_twice_is_not(bank: MemoryBank) -> None:
    bank.close()
    bank.close()
    with pytest.raises(StorageError, match=r"was closed\."):
        bank.memories()
