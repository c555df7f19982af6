"""A disk that is full, or that may not be written: a write is there or leaves no trace, and the user is told what."""

from __future__ import annotations

import ctypes
import io
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from assistant import cli
from assistant.errors import DiskFull, NotWritable, StorageError
from assistant.memory import backups, checking
from assistant.memory.bank import Job, MemoryBank, MemoryStatus, Operation
from assistant.memory.database import problems
from assistant.memory.operations import MemoryOperation, OperationStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating
from tests.scripted import FakeEmbedder

PAGE = 4096
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
NOBODY = 65534
EVERY_WRITE = {
    "add",
    "say",
    "apply",
    "take",
    "work",
    "hold",
    "undo",
    "redo",
    "forget",
    "index",
    "cite",
    "purge",
    "accept",
}
SECRET = "User is called Zyxwvut."

Fork = Callable[..., Any]


def open_without_waiting(path: Path) -> MemoryBank:
    """A bank that leaves it to the system when what is written reaches the disk: hundreds of them are made here."""
    bank = MemoryBank.open(path, FakeEmbedder(dimensions=8))
    bank._database._connection.pragma("synchronous", "off")
    return bank


class Writer:
    """Writes a bit of everything, a step at a time, and sees after each that it is there or left no trace."""

    def __init__(self, bank: MemoryBank) -> None:
        self.bank = bank
        self.job: Job | None = None
        self.refused: list[tuple[str, StorageError]] = []
        self.there = all_of(bank)

    def write(self, *, backups_too: bool = True) -> None:
        for step in (
            self._add, self._say, self._apply, self._take, self._work, self._hold, self._undo, self._redo,
            self._forget, self._index, self._cite, self._back_up, self._purge, self._accept, self._index,
        ):  # fmt: skip
            if backups_too or step != self._back_up:
                self._attempt(step.__name__.strip("_"), step)
        kept = backups.all_of(self.bank._database.path)
        assert [problems(backup) for backup in kept] == [[]] * len(kept)

    def _attempt(self, name: str, step: Callable[[], bool]) -> None:
        kept = backups.all_of(self.bank._database.path)
        try:
            assert step(), f"{name} returned, and what it wrote is not there"
        except StorageError as error:
            self.refused.append((name, error))
            # A purge whose log could not be emptied is done all the same, and is to be repeated.
            if name != "purge" or self.bank.memory(4).text != "(purged)":
                assert all_of(self.bank) == self.there, f"{name} failed ({error}) and left something behind"
                assert backups.all_of(self.bank._database.path) == kept
        self.there = all_of(self.bank)

    def _add(self) -> bool:
        memory = self.bank.add("User wrote a novel. " + "x" * 1900)
        return self.bank.memory(memory.id) == memory

    def _say(self) -> bool:
        conversation = self.bank.conversations()[0].id
        jobs = self.bank.pending_jobs()
        message = self.bank.add_message(conversation, "user", "so then " * 800, remember=True)
        return self.bank.message(message.id) == message and self.bank.pending_jobs() == jobs + 1

    def _apply(self) -> bool:
        wanted = [updating(1, "User has a dog. " + "y" * 1900), adding("User sings. " + "z" * 1900), deleting(2)]
        return self._are_there(self.bank.apply(wanted, actor="manager", observed_at=NOON), wanted)

    def _take(self) -> bool:
        self.job = self.bank.next_job()
        return self.job is not None

    def _work(self) -> bool:
        if self.job is None:
            return True
        jobs = self.bank.pending_jobs()
        wanted = [adding("User boxes. " + "v" * 1900), adding("User rows. " + "w" * 1900)]
        done = self.bank.apply(wanted, actor="manager", observed_at=NOON, job_id=self.job.id)
        return self._are_there(done, wanted) and self.bank.pending_jobs() == jobs - 1

    def _are_there(self, done: list[Operation], wanted: list[MemoryOperation]) -> bool:
        statuses = {operation.status for operation in done}
        newest = self.bank.operations(limit=len(wanted))
        return statuses == {OperationStatus.APPLIED} and [operation.id for operation in newest] == [
            operation.id for operation in reversed(done)
        ]

    def _hold(self) -> bool:
        wanted = [adding("User paints. " + "u" * 1900)]
        [held] = self.bank.apply(wanted, actor="manager", observed_at=NOON, held_for="it is unsure")
        return self.bank.to_review() == [held]

    def _accept(self) -> bool:
        held = self.bank.to_review()
        return not held or self.bank.accept(held[0].id) == self.bank.operations(limit=1)[0]

    def _undo(self) -> bool:
        return self.bank.undo() == self.bank.operations(limit=1)[0]

    def _redo(self) -> bool:
        if self.bank.operations(limit=1)[0].actor != "undo":
            return True
        return self.bank.redo() == self.bank.operations(limit=1)[0]

    def _forget(self) -> bool:
        return (
            self.bank.forget(3) == self.bank.operations(limit=1)[0]
            and self.bank.memory(3).status is MemoryStatus.FORGOTTEN
        )

    def _purge(self) -> bool:
        return self.bank.forget(4, purge=True).memory_id == 4 and self.bank.memory(4).text == "(purged)"

    def _cite(self) -> bool:
        used = self.bank.memories()[:4]
        self.bank.cite(1, used)
        return [citation.memory_id for citation in self.bank.citations(1)] == [memory.id for memory in used]

    def _index(self) -> bool:
        before = vectors(self.bank)
        return self.bank.index_pending(batch=4) == vectors(self.bank) - before

    def _back_up(self) -> bool:
        return problems(self.bank.back_up()) == []


def all_of(bank: MemoryBank) -> list[str]:
    return list(bank.export_lines())


def vectors(bank: MemoryBank) -> int:
    with bank._database.read() as connection:
        return connection.execute("SELECT (SELECT count(*) FROM memory_vector) + count(*) FROM message_vector").get


def prepare(path: Path) -> None:
    """A small bank with a little of everything, in one file."""
    with MemoryBank.open(path, FakeEmbedder(dimensions=8)) as bank:
        conversation = bank.new_conversation("first").id
        bank.add_message(conversation, "assistant", "You have a dog.")
        bank.add_message(conversation, "user", "I have a cat.", remember=True)
        for text in ("User has a dog.", "User has a cat.", "User lives in Rome.", SECRET):
            bank.add(text)
        bank.index_pending(batch=3)


def check_whole(bank: MemoryBank) -> None:
    assert problems(bank._database.path) == []
    assert checking.check(bank._database) == []


def write_with_room(path: Path, bank: MemoryBank) -> None:
    """Goes on where a full disk has stopped it, and sees all of it in a bank opened anew."""
    bank.add("User is glad of the room.")
    bank.index_all()
    check_whole(bank)
    for job in (1, 2):
        bank.release_job(job)  # As closing does.
    kept = all_of(bank)
    bank.close()
    with MemoryBank.open(path) as again:
        assert "User is glad of the room." in texts(again)
        assert all_of(again) == kept
        check_whole(again)


def limited(bank: MemoryBank, extra: int) -> None:
    """Lets the database grow by so many pages and no more, as SQLite itself sees to it."""
    with bank._database.read() as connection:
        connection.pragma("max_page_count", connection.pragma("page_count") + extra)


@pytest.mark.slow
def test_a_full_database_refuses_whole_writes_at_every_page_and_goes_on_with_room(tmp_path: Path) -> None:
    prepare(tmp_path / "prepared.db")
    refused: list[list[str]] = []
    for extra in range(100):
        path = tmp_path / f"{extra}" / "recollect.db"
        path.parent.mkdir()
        shutil.copy(tmp_path / "prepared.db", path)
        bank = open_without_waiting(path)
        limited(bank, extra)
        writer = Writer(bank)
        writer.write(backups_too=False)  # They are other files, and have all the room they need.
        assert {type(error) for _, error in writer.refused} <= {DiskFull}
        refused.append([name for name, _ in writer.refused])
        limited(bank, 10_000)
        write_with_room(path, bank)
        if not writer.refused:
            break
    assert len(refused) > 10
    assert refused[-1] == []
    # These two always find room on pages that are there already.
    assert {name for names in refused for name in names} >= EVERY_WRITE - {"take", "index"}


def written_under_limits_of_files(folder: Path) -> list[tuple[str, str]]:
    """What was refused, and in which words, while no file could grow beyond a limit, for one limit after the other."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    prepare(folder / "prepared.db")
    refused: list[tuple[str, str]] = []
    for limit in range(4, 1000, 16):
        path = folder / f"{limit}" / "recollect.db"
        path.parent.mkdir()
        shutil.copy(folder / "prepared.db", path)
        bank = open_without_waiting(path)
        writer = Writer(bank)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit * PAGE, resource.RLIM_INFINITY))
        writer.write()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        refused += [(name, str(error).replace(str(path), "PATH")) for name, error in writer.refused]
        write_with_room(path, bank)
        if not writer.refused:
            return refused
    raise AssertionError("the limit was never wide enough")


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_refuses_whole_writes_and_names_the_disk(tmp_path: Path, fork: Fork) -> None:
    refused = fork(written_under_limits_of_files, tmp_path).wait()
    assert {name for name, _ in refused} >= EVERY_WRITE - {"take"} | {"back_up"}
    # The system says EFBIG, of which SQLite says no more than that it is an I/O error.
    assert {said for name, said in refused if name in EVERY_WRITE} == {
        "PATH could not be read or written (disk I/O error)."
        " Check the disk and its free space, then try again; what was saved before is still there."
    }


def own_disk(folder: Path, pages: int) -> bool:
    """Mounts a small disk that nobody but this process sees, as any user may where the system lets them."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        user, group = os.getuid(), os.getgid()
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
            return False
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        return bool(libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, f"size={pages * PAGE}".encode()) == 0)
    except (OSError, AttributeError):
        return False


def fill(disk: Path, free: int) -> Path:
    """Leaves so many free pages on the disk; deleting the file that is returned frees the others."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(PAGE * (os.statvfs(disk).f_bavail - free)))
    return ballast


def written_on_a_small_disk(folder: Path) -> list[tuple[str, str]] | None:
    """What was refused, and by which error, for one number of free pages after the other; None if there is no disk."""
    disk = folder / "disk"
    disk.mkdir()
    if not own_disk(disk, 1000):
        return None
    prepare(folder / "prepared.db")
    refused: list[tuple[str, str]] = []
    for free in range(0, 800, 16):
        path = disk / "data" / "recollect.db"
        path.parent.mkdir()
        shutil.copy(folder / "prepared.db", path)
        bank = open_without_waiting(path)
        writer = Writer(bank)
        ballast = fill(disk, free)
        writer.write()
        ballast.unlink()
        refused += [(name, type(error).__name__) for name, error in writer.refused]
        if "purge" in dict(writer.refused):
            assert bank.forget(4, purge=True).memory_id == 4
        write_with_room(path, bank)
        shutil.rmtree(path.parent)
        if not writer.refused:
            return refused
    raise AssertionError("the disk was never large enough")


@pytest.mark.slow
def test_a_full_disk_refuses_whole_writes_and_backups_and_goes_on_with_room(tmp_path: Path, fork: Fork) -> None:
    refused = fork(written_on_a_small_disk, tmp_path).wait()
    if refused is None:
        pytest.skip("no disk of one's own can be mounted here")
    assert {name for name, _ in refused} >= EVERY_WRITE - {"take"} | {"back_up"}
    # Of shared memory that finds no room SQLite says no more than that it is an I/O error.
    assert {(name, error) for name, error in refused if error != "DiskFull"} <= {("back_up", "StorageError")}


def opened_on_a_full_disk(folder: Path) -> list[str] | None:
    disk = folder / "disk"
    disk.mkdir()
    if not own_disk(disk, 300):
        return None
    path = disk / "recollect.db"
    prepare(path)
    found = []
    for free in range(16):
        ballast = fill(disk, free)
        try:
            with MemoryBank.open(path) as bank:
                found.append(texts(bank)[0])
        except StorageError as error:
            found.append(f"{error.hint}")
        ballast.unlink()
        with MemoryBank.open(path) as bank:
            assert len(texts(bank)) == 4
    return found


def test_a_bank_on_a_full_disk_opens_or_names_the_disk_and_opens_with_room(tmp_path: Path, fork: Fork) -> None:
    found = fork(opened_on_a_full_disk, tmp_path).wait()
    if found is None:
        pytest.skip("no disk of one's own can be mounted here")
    assert found[-1] == "User has a dog."
    assert found[0].endswith("free space, then try again; what was saved before is still there.")
    assert set(found) == {found[0], found[-1]}


def exported_under_a_limit(folder: Path, arguments: list[str]) -> tuple[int, str]:
    """The exit code of `recollect`, and what it said, while no file could grow beyond 64 KiB."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.environ["RECOLLECT_DATA_DIR"] = str(folder)
    said = io.StringIO()
    with redirect_stderr(said):
        resource.setrlimit(resource.RLIMIT_FSIZE, (16 * PAGE, resource.RLIM_INFINITY))
        return cli.main(arguments), said.getvalue()


def test_an_export_that_finds_no_room_is_an_error_and_no_file(tmp_path: Path, fork: Fork) -> None:
    with MemoryBank.open(tmp_path / "data" / "recollect.db") as bank:
        for i in range(60):
            bank.add(f"User has read book {i}. " + "x" * 900)
    file = tmp_path / "taken"
    code, said = fork(exported_under_a_limit, tmp_path / "data", ["export", str(file)]).wait()
    assert code == 4
    assert f"{file} cannot be written (File too large)." in said
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


def test_a_bank_closes_in_the_middle_of_an_export(tmp_path: Path) -> None:
    bank = MemoryBank.open(tmp_path / "recollect.db")
    bank.add("User likes tea")
    lines = bank.export_lines()
    assert next(lines).startswith('{"recollect": 1, ')
    bank.close()
    with MemoryBank.open(tmp_path / "recollect.db") as again:
        assert texts(again) == ["User likes tea"]


def backed_up_under_a_limit(path: Path) -> tuple[str, list[str]]:
    """What a backup that finds no room says, and what lies where backups are kept."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with MemoryBank.open(path) as bank:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16 * PAGE, resource.RLIM_INFINITY))
        try:
            bank.back_up()
        except StorageError as error:
            return str(error), [file.name for file in backups.folder_of(path).iterdir()]
    return "", []


def test_a_backup_that_finds_no_room_leaves_nothing_that_takes_room(tmp_path: Path, fork: Fork) -> None:
    path = tmp_path / "recollect.db"
    prepare(path)
    _, left = fork(backed_up_under_a_limit, path).wait()
    assert left == []


def test_a_backup_that_finds_no_room_says_what_is_wrong(tmp_path: Path, fork: Fork) -> None:
    path = tmp_path / "recollect.db"
    prepare(path)
    said, _ = fork(backed_up_under_a_limit, path).wait()
    assert "free space, then try again" in said
    assert "not an error" not in said


@pytest.mark.parametrize("end", [".unchecked", ".unchecked.partial"])
def test_a_purge_wipes_what_a_killed_backup_has_left(tmp_path: Path, end: str) -> None:
    path = tmp_path / "recollect.db"
    prepare(path)
    left = backups.folder_of(path) / f"recollect-20260301T120000Z{end}"
    left.parent.mkdir()
    shutil.copy(path, left)
    with MemoryBank.open(path) as bank:
        [secret] = [memory for memory in bank.memories() if memory.text == SECRET]
        bank.forget(secret.id, purge=True)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file() and b"Zyxwvut" in file.read_bytes()] == []


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that another user may enter, as the test's own may not be."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)
        Path(name).chmod(0o777)


def killed_while_open(path: Path) -> None:
    """Leaves the log and its shared memory beside the database, as a power cut does."""
    if os.fork() == 0:
        bank = MemoryBank.open(path)
        bank.add("User likes gin")
        os._exit(0)
    os.wait()


def tried_by_somebody(path: Path) -> tuple[str, int, str]:
    """The error of who may not do everything, as root may: its name, its exit code and what is said."""
    if os.geteuid() == 0:
        os.setuid(NOBODY)
    try:
        MemoryBank.open(path).close()
    except StorageError as error:
        return type(error).__name__, error.exit_code, str(error)
    return "", 0, ""


@pytest.mark.parametrize(
    ("was_killed", "read_only"),
    [
        (False, ["recollect.db"]),
        (False, ["."]),
        (True, ["recollect.db"]),
        (True, ["recollect.db-wal"]),
        (True, ["recollect.db-shm"]),
        (True, [".", "recollect.db", "recollect.db-wal", "recollect.db-shm"]),
    ],
)
def test_what_may_not_be_written_is_said_at_the_start_and_left_as_it_is(
    shared_folder: Path, fork: Fork, was_killed: bool, read_only: list[str]
) -> None:
    path = shared_folder / "recollect.db"
    if was_killed:
        killed_while_open(path)
    else:
        with MemoryBank.open(path) as bank:
            bank.add("User likes gin")
    for file in shared_folder.iterdir():
        file.chmod(0o666)
    for name in read_only:
        (shared_folder / name).chmod(0o555 if name == "." else 0o444)
    before = path.read_bytes()
    name, code, said = fork(tried_by_somebody, path).wait()
    assert (name, code) == ("NotWritable", 4), said
    assert said.startswith(f"{path} cannot be opened for writing (")
    assert said.endswith("Make the file and its folder writable, or name another folder with RECOLLECT_DATA_DIR.")
    assert path.read_bytes() == before
    for file in (shared_folder, *shared_folder.iterdir()):
        file.chmod(0o777)
    with MemoryBank.open(path) as bank:
        assert texts(bank) == ["User likes gin"]
    assert problems(path) == []


def test_a_bank_that_may_no_longer_be_written_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "recollect.db"
    prepare(path)
    with MemoryBank.open(path, FakeEmbedder(dimensions=8)) as bank:
        before = all_of(bank)
        # For SQLite this connection is read-only from here on, as on a disk that the system has given up writing to.
        bank._database._connection.pragma("query_only", True)
        for write in (
            lambda: bank.add("User likes tea"),
            lambda: bank.apply([updating(1, "User has two dogs."), deleting(2)], actor="manager", observed_at=NOON),
            lambda: bank.add_message(1, "user", "I like tea.", remember=True),
            bank.undo,
            lambda: bank.forget(3),
            lambda: bank.forget(4, purge=True),
            bank.next_job,
            bank.index_all,
        ):
            with pytest.raises(NotWritable, match=r"Make the file and its folder writable"):
                write()
        assert all_of(bank) == before
        assert [hit.memory and hit.memory.text for hit in bank.search("dog", limit=1)] == ["User has a dog."]
        bank._database._connection.pragma("query_only", False)
        bank.add("User likes tea")
    assert problems(path) == []
