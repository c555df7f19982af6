"""A bank can be taken along whole, and what is cut off or altered brings nothing in."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from assistant.errors import InputError
from assistant.memory import schema, transfer
from assistant.memory.bank import MemoryBank
from assistant.memory.database import Database
from tests.memory.shorthand import NOON, adding, texts, updating


@pytest.fixture
def full(bank: MemoryBank) -> MemoryBank:
    message = bank.add_message(bank.new_conversation("dogs").id, "user", "I adopted Buddy last week.", remember=True)
    bank.apply(
        [adding("User has a dog named Buddy.")],
        actor="manager",
        observed_at=NOON,
        source_message_id=message.id,
        completion="ADD: …",
    )
    bank.add("User likes tea.")
    bank.apply([updating(1, "User has two dogs.")], actor="manager", observed_at=NOON)
    bank.undo()
    bank.forget(2)
    bank.cite(message.id, bank.memories())
    bank.pin(1)
    bank.keep_draft(None, "Have I")
    return bank


def dump(path: Path) -> dict[str, list[Any]]:
    connection = apsw.Connection(str(path))
    try:
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for table in transfer.TABLES
        }
    finally:
        connection.close()


def test_what_is_brought_in_is_row_for_row_what_was_taken_out(full: MemoryBank, path: Path, tmp_path: Path) -> None:
    transfer.restore(full.export_lines(), tmp_path / "new" / "recollect.db")
    assert dump(tmp_path / "new" / "recollect.db") == dump(path)
    with MemoryBank.open(tmp_path / "new" / "recollect.db") as other:
        assert list(other.export_lines()) == list(full.export_lines())
        assert other.memory(1).pinned
        assert (other.feedback(), other.draft(None)) == (full.feedback(), "Have I")
        assert [hit.memory.text for hit in other.search("Buddy") if hit.memory] == ["User has a dog named Buddy."]
        [again] = other.apply([adding("User likes tea.")], actor="manager", observed_at=NOON)
        assert again.reason == "you had this forgotten"


@pytest.mark.parametrize(
    ("spoiled", "what"),
    [
        (lambda lines: lines[:-1], "is cut off"),
        (lambda lines: lines[:3] + lines[4:], "is cut off"),
        (lambda lines: [], "Line 1 is no JSON"),
        (lambda lines: ["{}", *lines[1:]], "no export that this version"),
        (lambda lines: [json.dumps({"recollect": 1, "schema": 99}), *lines[1:]], "no export that this version"),
        (lambda lines: [*lines, lines[1]], "comes after the end"),
        (lambda lines: [lines[0], '{"table": "sqlite_schema", "row": {"name": 1}}', *lines[1:]], "Line 2 is no row"),
        (lambda lines: [lines[0], '{"table": "memory", "row": {"1; DROP TABLE": 1}}', *lines[1:]], "Line 2 is no row"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "Line 3 cannot be a row"),
        (lambda lines: [lines[0], lines[1][:-4], *lines[2:]], "Line 2 is no JSON"),
        (lambda lines: [lines[0], "[]", *lines[1:]], "Line 2 is no row"),
    ],
)
def test_a_spoiled_file_brings_nothing_in(
    full: MemoryBank, tmp_path: Path, spoiled: Callable[[list[str]], list[str]], what: str
) -> None:
    target = tmp_path / "new" / "recollect.db"
    with pytest.raises(InputError, match=what):
        transfer.restore(spoiled(list(full.export_lines())), target)
    assert list(target.parent.iterdir()) == []


def test_nothing_is_written_over(full: MemoryBank, path: Path) -> None:
    with pytest.raises(InputError, match="There is a bank at"):
        transfer.restore(full.export_lines(), path)


@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS)))
def test_an_export_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    old = Database(tmp_path / "old.db")
    schema.migrate(old, schema.MIGRATIONS[:version])
    with old.write() as connection:
        connection.execute("INSERT INTO memory (id, version) VALUES (1, 1)")
        connection.execute(
            "INSERT INTO memory_version (memory_id, version, text, status, observed_at, created_at)"
            " VALUES (1, 1, 'User likes tea.', 'active', ?1, ?1)",
            (NOON.isoformat(),),
        )
        present = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        rows = []
        for table in filter(present.__contains__, transfer.TABLES):
            cursor = connection.execute(f"SELECT * FROM {table}")
            for row in cursor:
                names = [name for name, _ in cursor.get_description()]
                written = [v.hex() if isinstance(v, bytes) else v for v in row]
                rows.append(json.dumps({"table": table, "row": dict(zip(names, written, strict=True))}))
    old.close()
    lines = [json.dumps({"recollect": 1, "schema": version}), *rows, json.dumps({"rows": len(rows)})]
    transfer.restore(lines, tmp_path / "new" / "recollect.db")
    with MemoryBank.open(tmp_path / "new" / "recollect.db") as bank:
        assert texts(bank) == ["User likes tea."]


def test_a_list_can_be_read_and_brought_in_again(full: MemoryBank) -> None:
    full.add("User plays chess - badly.", observed_at=datetime(2026, 5, 1, tzinfo=UTC))
    written = "\n".join(transfer.markdown(full.memories()))
    assert "- User plays chess - badly. <!-- said 2026-05-01T00:00:00+00:00 -->" in written
    assert [(item.text, item.observed_at) for item in transfer.listed(written)] == [
        (memory.text, memory.observed_at) for memory in full.memories()
    ]


def test_lists_that_people_write_are_read(full: MemoryBank) -> None:
    written = "# Me\nI am Ann.\n\n* I have a cat\n  - and a dog <!-- said yesterday -->\n-\n- \n1. no\n"
    assert [(item.text, item.observed_at) for item in transfer.listed(written)] == [
        ("I have a cat", None),
        ("and a dog", None),
    ]


def test_every_table_is_taken_along_or_follows_from_the_others(full: MemoryBank, path: Path) -> None:
    connection = apsw.Connection(str(path))
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    connection.close()
    made_anew = {"memory_meaning", "embedder", "memory_vector", "message_vector", "to_embed"}
    full_text = {name for name in tables if name.startswith(("memory_text", "message_text"))}
    assert tables - made_anew - full_text == set(transfer.TABLES)
