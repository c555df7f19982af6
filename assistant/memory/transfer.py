"""Taking a bank along: all of it as JSON lines, or what it knows now as Markdown.

Promises that what is brought in from JSON lines is, row for row, what was taken out, whatever version wrote it, and
that a file that is cut off or altered brings nothing in. The lines are rows: first {"recollect": 1, "schema": n}, then
{"table": name, "row": {column: value}}, bytes as {"base64": text}, and last {"rows": how many}.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from assistant.errors import InputError
from assistant.memory import indexes, schema
from assistant.memory.database import Database
from assistant.memory.records import Memory

FORMAT = 1
TABLES = (
    "setting", "conversation", "message", "memory", "operation", "memory_version", "citation", "job", "tombstone",
    "tombstone_word", "feedback", "draft",
)  # fmt: skip
"""All that is no cache."""
_HINT = "Bring in a file that `recollect export` has written."


def lines(connection: apsw.Connection) -> Iterator[str]:
    """The whole bank, one line after the other."""
    yield json.dumps({"recollect": FORMAT, "schema": connection.pragma("user_version")})
    count = 0
    for table in TABLES:
        columns = sorted(_columns(connection, table))
        for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):
            count += 1
            yield json.dumps({"table": table, "row": dict(zip(columns, map(_written, row), strict=True))})
    yield json.dumps({"rows": count})


def restore(written: Iterable[str], path: Path) -> None:
    """Makes the database at `path`, where none is yet, out of `lines`. Raises InputError, or StorageError.

    It comes into being whole or not at all.
    """
    if path.exists():
        raise InputError(f"There is a bank at {path} already.", "Name an empty data folder with RECOLLECT_DATA_DIR.")
    partial = path.with_name(path.name + ".partial")
    database = Database(partial)
    try:
        _fill(database, iter(written))
        database.copy_to(path)
    finally:
        database.close()
        database.delete([partial, *(partial.with_name(partial.name + end) for end in ("-wal", "-shm"))])


def _fill(database: Database, written: Iterator[str]) -> None:
    head = _read(next(written, ""), 1)
    version = head.get("schema")
    if head.get("recollect") != FORMAT or not isinstance(version, int) or not 0 < version <= len(schema.MIGRATIONS):
        raise InputError("This is no export that this version of Recollect can read.", _HINT)
    schema.migrate(database, schema.MIGRATIONS[:version])
    with database.write() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        columns = {table: _columns(connection, table) for table in TABLES if table in _tables(connection)}
        if "setting" in columns:  # The bank's key comes along, or its traces would be of no use.
            connection.execute("DELETE FROM setting")
        count, end = 0, None
        for number, line in enumerate(written, 2):
            if end is not None:
                raise InputError(f"Line {number} comes after the end.", _HINT)
            entry = _read(line, number)
            if "rows" in entry:
                end = entry["rows"]
                continue
            _insert(connection, entry, columns, number)
            count += 1
        if end != count:
            raise InputError(f"The file is cut off: it ends after {count} rows.", _HINT)
    schema.migrate(database)
    with database.write() as connection:
        indexes.rebuild(connection)


def _insert(connection: apsw.Connection, entry: dict[str, Any], columns: dict[str, set[str]], number: int) -> None:
    table, row = entry.get("table"), entry.get("row")
    if not isinstance(row, dict) or table not in columns or not row.keys() <= columns[table]:
        raise InputError(f"Line {number} is no row of a bank.", _HINT)
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    try:
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [_value(v) for v in row.values()])
    except (apsw.ConstraintError, apsw.MismatchError, ValueError, TypeError) as error:
        raise InputError(f"Line {number} cannot be a row of {table} ({error}).", _HINT) from error


def _read(line: str, number: int) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise InputError(f"Line {number} is no JSON ({error}).", _HINT) from error
    if not isinstance(entry, dict):
        raise InputError(f"Line {number} is no row of a bank.", _HINT)
    return entry


def _tables(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _columns(connection: apsw.Connection, table: str) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _written(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _value(written: Any) -> Any:
    return base64.b64decode(written["base64"], validate=True) if isinstance(written, dict) else written


def markdown(known: Iterable[Memory]) -> Iterator[str]:
    """What is known now, as a list that people can read and edit; when it was said and holds stands in comments."""
    yield "# Memories"
    yield ""
    for memory in known:
        notes = [f"said {memory.observed_at.isoformat()}"]
        notes += [f"from {memory.holds_from}"] if memory.holds_from is not None else []
        notes += [f"until {memory.holds_until}"] if memory.holds_until is not None else []
        yield f"- {memory.text} <!-- {', '.join(notes)} -->"


@dataclass(frozen=True, slots=True)
class Listed:
    """A memory as it stands in a list."""

    text: str
    observed_at: datetime | None


_ITEM = re.compile(r"\s*[-*+] (?P<text>.*?)(?:\s*<!-- (?P<notes>.*?) -->)?\s*")
_SAID = re.compile(r"\bsaid (\S+?)(?:,|$)")


def listed(text: str) -> list[Listed]:
    """The items of the lists in a Markdown text, wherever they stand."""
    found = []
    for line in text.splitlines():
        match = _ITEM.fullmatch(line)
        if match is None or not match["text"].strip():
            continue
        said = _SAID.search(match["notes"] or "")
        found.append(Listed(match["text"].strip(), _time(said[1]) if said else None))
    return found


def _time(written: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        return None
    return time if time.utcoffset() is not None else None
