"""The vectors of what can be found: which are missing, keeping them, and which are near.

Promises that only whole and finite vectors are stored, that an item's vectors go when its text does, and that those of
several embedders lie side by side without being compared. Runs inside its caller's transaction. Knows nothing of how a
vector is made.

All signs are compared first, then the nearest by their numbers, in plain tables with sqlite-vec's functions. Measured
for 100,000 vectors of 384 numbers on two cores: comparing all numbers takes 105 ms, this 18. sqlite-vec's own index of
signs takes 12 ms for 64 candidates and 37 for the 200 here, keeps the bytes of deleted rows, and cannot be filtered.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from assistant.errors import EngineError
from assistant.memory.records import Embedder, ItemKind

FLOAT_BYTES = 4
CANDIDATES = 200
"""How many are compared by their numbers. Of the ten nearest they hold 996 in 1,000 and more."""
SOURCES = {
    ItemKind.MEMORY: "SELECT id, text FROM current_memory WHERE status = 'active'",
    ItemKind.MESSAGE: "SELECT id, text FROM message WHERE state <> 'partial' AND text <> ''",
}
"""What there is to be found of each kind."""
_POSITIVE = bytes(ord("1") if 0 < byte < 128 else ord("0") for byte in range(256))
"""Each int8 as the digit of its sign."""
_TABLES = {ItemKind.MEMORY: "memory_vector", ItemKind.MESSAGE: "message_vector"}


@dataclass(frozen=True, slots=True)
class Missing:
    """An item that has no vector yet."""

    kind: ItemKind
    item_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """A query's vector (float32, little endian), and the embedder it can be compared under."""

    embedder: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class Selection:
    """A query for the ids of some items, with the values of its named parameters; without one, all of them."""

    sql: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    def restrict(self, column: str) -> str:
        """What is added to a condition so that only rows with those ids in `column` meet it."""
        return f"AND {column} IN ({self.sql})" if self.sql else ""


ALL = Selection()


def known(connection: apsw.Connection, embedder: str, dimensions: int) -> int | None:
    """The number of an embedder that vectors are kept of; None if it has none, or vectors of another length."""
    number: int | None = connection.execute(
        "SELECT id FROM embedder WHERE name = ? AND dimensions = ? AND NOT has_left", (embedder, dimensions)
    ).get
    return number


def register(connection: apsw.Connection, embedder: Embedder) -> int:
    """Lets vectors of `embedder` be kept from now on, of all there is to be found; returns its number."""
    present = known(connection, embedder.name, embedder.dimensions)
    if present is not None:
        return present
    connection.execute("UPDATE embedder SET has_left = 1 WHERE name = ?", (embedder.name,))
    connection.execute("INSERT INTO embedder (name, dimensions) VALUES (?, ?)", (embedder.name, embedder.dimensions))
    number = connection.last_insert_rowid()
    for kind, source in SOURCES.items():
        connection.execute(f"INSERT INTO to_embed SELECT ?, ?, id FROM ({source})", (number, kind))
    return number


def leave_all_but(connection: apsw.Connection, embedder: str) -> None:
    """Lets all other embedders go; `drop_left` then drops what they made."""
    connection.execute("UPDATE embedder SET has_left = 1 WHERE name <> ?", (embedder,))
    connection.execute("DELETE FROM to_embed WHERE embedder_id IN (SELECT id FROM embedder WHERE has_left)")


def drop_left(connection: apsw.Connection, limit: int) -> int:
    """Drops up to `limit` vectors of embedders that have left, and says how many; with the last one the embedder."""
    for table in _TABLES.values():
        connection.execute(
            f"DELETE FROM {table} WHERE rowid IN (SELECT {table}.rowid FROM {table} JOIN embedder"
            " ON embedder.id = embedder_id WHERE has_left LIMIT ?)",
            (limit,),
        )
        if connection.changes():
            return connection.changes()
    connection.execute("DELETE FROM to_embed WHERE embedder_id IN (SELECT id FROM embedder WHERE has_left)")
    connection.execute("DELETE FROM embedder WHERE has_left")
    return 0


def has_leftovers(connection: apsw.Connection) -> bool:
    """Whether an embedder has left and something of it is still there."""
    return bool(connection.execute("SELECT count(*) FROM embedder WHERE has_left").get)


def expect(connection: apsw.Connection, kind: ItemKind, item_id: int) -> None:
    """Notes that the item, which is new or says something else by now, lacks a vector by each embedder."""
    connection.execute(
        "INSERT OR IGNORE INTO to_embed SELECT id, ?, ? FROM embedder WHERE NOT has_left", (kind, item_id)
    )


def drop(connection: apsw.Connection, kind: ItemKind, item_id: int) -> None:
    """Drops all vectors of the item, and expects none."""
    of_embedders = "embedder_id IN (SELECT id FROM embedder)"
    connection.execute(f"DELETE FROM {_TABLES[kind]} WHERE {of_embedders} AND item_id = ?", (item_id,))
    connection.execute(f"DELETE FROM to_embed WHERE {of_embedders} AND kind = ? AND item_id = ?", (kind, item_id))


def missing(connection: apsw.Connection, embedder: int, limit: int, kinds: Sequence[ItemKind]) -> list[Missing]:
    """What of `kinds` lacks a vector by the embedder with that number: memories first, of each kind the newest."""
    marks = ", ".join("?" * len(kinds))
    rows: list[Any] = connection.execute(
        f"SELECT kind, item_id FROM to_embed WHERE embedder_id = ? AND kind IN ({marks})"
        " ORDER BY kind, item_id DESC LIMIT ?",
        (embedder, *kinds, limit),
    ).fetchall()
    found = [(ItemKind(kind), item_id) for kind, item_id in rows]
    return [Missing(kind, item_id, _text(connection, kind, item_id) or "") for kind, item_id in found]


def store(connection: apsw.Connection, embedder: int, items: Sequence[Missing], made: Sequence[bytes]) -> None:
    """Keeps the vectors, save those of items that changed while they were made, or of an embedder that left."""
    if connection.execute("SELECT has_left FROM embedder WHERE id = ?", (embedder,)).get != 0:
        return
    for item, vector in zip(items, made, strict=True):
        text = _text(connection, item.kind, item.item_id)
        if text is not None and text != item.text:
            continue
        table, key = _TABLES[item.kind], (embedder, item.item_id)
        connection.execute(f"DELETE FROM {table} WHERE embedder_id = ? AND item_id = ?", key)
        if text is not None:
            connection.execute(
                f"INSERT INTO {table} (embedder_id, item_id, bits, vector) VALUES (?, ?, ?, ?)",
                (*key, *_compact(vector)),
            )
        connection.execute("DELETE FROM to_embed WHERE embedder_id = ? AND item_id = ? AND kind = ?", (*key, item.kind))


def nearest(
    connection: apsw.Connection, query: Query, kind: ItemKind, limit: int, among: Selection = ALL
) -> list[tuple[int, float]]:
    """The items nearest in meaning, as (id, cosine), nearest first; of those that `among` selects."""
    embedder = known(connection, query.embedder, len(query.vector) // FLOAT_BYTES)
    if embedder is None:
        return []
    bits, vector = _compact(query.vector)
    table = _TABLES[kind]
    values = {"embedder": embedder, "bits": bits, "vector": vector, "candidates": max(CANDIDATES, limit)}
    # A blob of another length is damaged: sqlite-vec would refuse the whole query for it.
    rows = connection.execute(
        f"SELECT item_id, 1.0 - vec_distance_cosine(vec_int8(vector), vec_int8(:vector)) AS cosine FROM {table}"
        " WHERE embedder_id = :embedder AND length(vector) = length(:vector) AND item_id IN ("
        f" SELECT item_id FROM {table} WHERE embedder_id = :embedder AND length(bits) = length(:bits)"
        f" {among.restrict('item_id')}"
        " ORDER BY vec_distance_hamming(vec_bit(bits), vec_bit(:bits)) LIMIT :candidates)"
        " ORDER BY cosine DESC, item_id DESC LIMIT :limit",
        {**values, **among.values, "limit": limit},
    )
    return [(item_id, cosine) for item_id, cosine in rows if cosine is not None]


def broken(connection: apsw.Connection) -> list[tuple[ItemKind, int]]:
    """The items of which a vector is none, or lacks without being expected."""
    found: list[tuple[ItemKind, int]] = []
    for kind, table in _TABLES.items():
        rows = connection.execute(
            f"SELECT item_id FROM {table} JOIN embedder ON embedder.id = embedder_id WHERE NOT has_left AND ("
            " length(bits) <> (dimensions + 7) / 8 OR length(vector) <> (dimensions + 7) / 8 * 8"
            " OR vector = zeroblob(length(vector)))"
            f" UNION SELECT item.id FROM ({SOURCES[kind]}) AS item, embedder WHERE NOT has_left AND NOT EXISTS"
            f" (SELECT 1 FROM {table} WHERE embedder_id = embedder.id AND item_id = item.id) AND NOT EXISTS"
            " (SELECT 1 FROM to_embed WHERE embedder_id = embedder.id AND kind = ? AND item_id = item.id)",
            (kind,),
        )
        found += [(kind, item_id) for (item_id,) in rows]
    return found


def mend(connection: apsw.Connection) -> None:
    """Drops what is broken, so that it is made anew."""
    for kind, item_id in broken(connection):
        drop(connection, kind, item_id)
        if _text(connection, kind, item_id) is not None:
            expect(connection, kind, item_id)


def checked(vectors: Sequence[bytes], count: int, dimensions: int) -> Sequence[bytes]:
    """The vectors, if they are `count` whole ones of finite numbers. Raises EngineError otherwise."""
    if len(vectors) != count or not all(_is_vector(vector, dimensions) for vector in vectors):
        raise EngineError("The embedder returned something that is no vector.", "Install its model again.")
    return vectors


def _is_vector(vector: bytes, dimensions: int) -> bool:
    if len(vector) != FLOAT_BYTES * dimensions:
        return False
    numbers = _numbers(vector)
    # A zero vector is near to nothing: its cosine is NaN.
    return all(map(math.isfinite, numbers)) and any(numbers)


def _numbers(vector: bytes) -> array[float]:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _compact(vector: bytes) -> tuple[bytes, bytes]:
    """The signs of a vector as bits, and its numbers as int8, both filled up to whole bytes of bits.

    The cosine of two is that of the vectors to within 0.002: each is stretched until its largest number is 127.
    """
    numbers = _numbers(vector)
    stretch = 127 / max(map(abs, numbers))
    small = array("b", [round(number * stretch) for number in numbers] + [0] * (-len(numbers) % 8)).tobytes()
    bits = int(small[::-1].translate(_POSITIVE), base=2)
    return bits.to_bytes(len(small) // 8, "little"), small


def _text(connection: apsw.Connection, kind: ItemKind, item_id: int) -> str | None:
    """What the item says, if it is one that is to be found."""
    text: str | None = connection.execute(f"SELECT text FROM ({SOURCES[kind]}) WHERE id = ?", (item_id,)).get
    return text
