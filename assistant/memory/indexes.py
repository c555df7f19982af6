"""The indexes that memories and messages are found by: their words, what they mean, and the queue for their vectors.

Promises that an item is in all of them or in none. They can be made anew from the tables at any time. Runs inside its
caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import apsw

from assistant.memory import settings, vectors, words
from assistant.memory.records import ItemKind
from assistant.memory.vectors import SOURCES

FORM = 1
"""To be raised whenever the words of a text come to be others: then every index is made anew, and every trace."""
TEXTS = {ItemKind.MEMORY: "memory_text", ItemKind.MESSAGE: "message_text"}
"""The full-text index of each kind."""


def put(connection: apsw.Connection, kind: ItemKind, item_id: int, text: str) -> None:
    """Makes the item findable by `text`, and by nothing else."""
    drop(connection, kind, item_id)
    _put_words(connection, kind, item_id, text)
    vectors.expect(connection, kind, item_id)


def drop(connection: apsw.Connection, kind: ItemKind, item_id: int) -> None:
    """Makes the item unfindable."""
    connection.execute(f"DELETE FROM {TEXTS[kind]} WHERE rowid = ?", (item_id,))
    if kind is ItemKind.MEMORY:
        connection.execute("DELETE FROM memory_meaning WHERE memory_id = ?", (item_id,))
    vectors.drop(connection, kind, item_id)


def meaning_the_same(connection: apsw.Connection, text: str, other_than: int | None) -> int | None:
    """An active memory that says `text` with the same words that mean something, in any form; None if there is none."""
    meaning = words.meaning(text)
    if not meaning:
        return None
    found: int | None = connection.execute(
        "SELECT min(memory_id) FROM memory_meaning WHERE digest = ? AND memory_id IS NOT ?",
        (_digest(meaning), other_than),
    ).get
    return found


def is_current(connection: apsw.Connection) -> bool:
    """Whether the indexes of words are in this program's form."""
    return settings.text_index(connection) == FORM


def rebuild(connection: apsw.Connection) -> None:
    """Makes the indexes of words anew."""
    connection.execute("DELETE FROM memory_meaning")
    for kind, table in TEXTS.items():
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE VIRTUAL TABLE {table} USING fts5 (text, tokenize = '{' '.join(words.TOKENIZER)}')")
        # Without this FTS5 keeps the words of deleted rows until it happens to merge them away.
        connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('secure-delete', 1)")
        rows: Any = connection.execute(SOURCES[kind])
        for item_id, text in rows:
            _put_words(connection, kind, item_id, text)
    settings.set_text_index(connection, FORM)


def astray(connection: apsw.Connection) -> list[str]:
    """The indexes that do not agree with the tables: a row is missing, is there for nothing, or holds other words."""
    found = [table for kind, table in TEXTS.items() if dict(_spaced(connection, kind)) != _held(connection, table)]
    memories: Any = connection.execute(SOURCES[ItemKind.MEMORY])
    meanings: Any = connection.execute("SELECT memory_id, digest FROM memory_meaning")
    expected = {item_id: _digest(meaning) for item_id, text in memories if (meaning := words.meaning(text))}
    return found if expected == dict(meanings) else [*found, "memory_meaning"]


def damaged(connection: apsw.Connection) -> list[str]:
    """The full-text indexes that do not agree with themselves."""
    return [table for table in TEXTS.values() if not _is_whole(connection, table)]


def _put_words(connection: apsw.Connection, kind: ItemKind, item_id: int, text: str) -> None:
    connection.execute(f"INSERT INTO {TEXTS[kind]} (rowid, text) VALUES (?, ?)", (item_id, words.spaced(text)))
    if kind is ItemKind.MEMORY and (meaning := words.meaning(text)):
        connection.execute("INSERT INTO memory_meaning VALUES (?, ?)", (item_id, _digest(meaning)))


def _digest(meaning: tuple[str, ...]) -> int:
    digest = hashlib.blake2b(" ".join(meaning).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _held(connection: apsw.Connection, table: str) -> dict[int, str]:
    rows: Any = connection.execute(f"SELECT rowid, text FROM {table}")
    return dict(rows)


def _is_whole(connection: apsw.Connection, table: str) -> bool:
    """What FTS5 says of its own words."""
    try:
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
    except apsw.CorruptError:
        return False
    return True


def _spaced(connection: apsw.Connection, kind: ItemKind) -> Iterator[tuple[int, str]]:
    rows: Any = connection.execute(SOURCES[kind])
    return ((number, words.spaced(text)) for number, text in rows)
