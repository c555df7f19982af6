from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from assistant.errors import DatabaseDamaged, DatabaseTooNew
from assistant.memory import schema
from assistant.memory.bank import MemoryBank
from assistant.memory.database import Database
from assistant.paths import Paths
from tests.memory.shorthand import texts

NEXT = (*schema.MIGRATIONS, "ALTER TABLE conversation ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")


def test_a_new_database_is_ours_up_to_date_and_for_its_owner_alone(
    bank: MemoryBank, path: Path, rows: Callable[[str], list[Any]]
) -> None:
    bank.add("User likes tea")
    assert rows("PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert rows("PRAGMA application_id") == [(0x5245434F,)]
    assert rows("PRAGMA journal_mode") == [("wal",)]
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["recollect.db", "recollect.db-shm", "recollect.db-wal"]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"


def test_a_bank_opens_by_the_data_folder_as_well(tmp_path: Path) -> None:
    with MemoryBank.open(Paths(tmp_path / "kept")) as bank:
        bank.add("User likes tea")
    with MemoryBank.open(tmp_path / "kept" / "recollect.db") as bank:
        assert texts(bank) == ["User likes tea"]


@pytest.mark.parametrize("version", range(len(schema.MIGRATIONS) + 1))
def test_every_earlier_schema_is_brought_up_to_date(path: Path, version: int) -> None:
    database = Database(path)
    schema.migrate(database, schema.MIGRATIONS[:version])
    database.close()
    with MemoryBank.open(path) as bank:
        bank.add("User likes tea")
        assert [hit.memory and hit.memory.text for hit in bank.search("tea")] == ["User likes tea"]
        assert [operation.settled for operation in bank.operations()] == [False]


def test_a_migration_keeps_what_is_there_and_a_copy_of_the_file_before(path: Path) -> None:
    with MemoryBank.open(path) as bank:
        bank.add("User likes tea")
        bank.new_conversation("first")
    database = Database(path)
    schema.migrate(database, NEXT)
    with database.read() as connection:
        assert connection.execute("SELECT title, mood FROM conversation").fetchall() == [("first", "calm")]
        assert connection.pragma("user_version") == len(NEXT)
    database.close()
    [copy] = schema.earlier_copies(path)
    assert copy.name == f"recollect.db.version-{len(schema.MIGRATIONS)}"
    assert oct(copy.stat().st_mode & 0o777) == "0o600"
    with MemoryBank.open(copy) as before:
        assert texts(before) == ["User likes tea"]


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    with MemoryBank.open(path) as bank:
        bank.add("User likes tea")
    database = Database(path)
    with pytest.raises(apsw.SQLError, match="no such table"):
        schema.migrate(database, (*schema.MIGRATIONS, "CREATE TABLE extra (id INTEGER); DROP TABLE nowhere"))
    database.close()
    with MemoryBank.open(path) as bank:
        assert texts(bank) == ["User likes tea"]


def test_a_database_of_a_later_version_is_refused_and_left_as_it_is(path: Path) -> None:
    with MemoryBank.open(path) as bank:
        bank.add("User likes tea")
    database = Database(path)
    schema.migrate(database, NEXT)
    database.close()
    before = path.read_bytes()
    said = rf"its format is {len(NEXT)}, this version knows {len(NEXT) - 1}\)\. Update Recollect"
    with pytest.raises(DatabaseTooNew, match=said) as refused:
        MemoryBank.open(path)
    assert refused.value.exit_code == 4
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "recollect.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseDamaged, match="of another program"):
        MemoryBank.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "recollect.db"
    path.write_text("These are notes, and they are longer than the header of a database would be. " * 20)
    before = path.read_bytes()
    with pytest.raises(DatabaseDamaged, match="is not a database of Recollect"):
        MemoryBank.open(path)
    assert path.read_bytes() == before


def test_a_database_cut_off_in_the_middle_is_an_error_that_says_so(path: Path) -> None:
    with MemoryBank.open(path) as bank:
        for i in range(200):
            bank.add(f"User likes tea number {i}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatabaseDamaged, match="damaged"), MemoryBank.open(path) as bank:
        bank.memories()


def test_a_copied_database_opens_elsewhere(bank: MemoryBank, path: Path, tmp_path: Path) -> None:
    bank.add("User likes tea")
    bank.close()
    shutil.copy(path, tmp_path / "copy.db")
    with MemoryBank.open(tmp_path / "copy.db") as copy:
        assert texts(copy) == ["User likes tea"]
