"""Filling a MemoryBank with a million memories in minutes.

Promises the rows that `add` and `index_all` would have written, which a test holds against each other, in transactions
of many memories. Texts go through the bank's own functions. Vectors are made compact many at a time, which the bank
does one by one: that alone would take a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import apsw
import numpy as np

from assistant.memory import applying, times, vectors
from assistant.memory.bank import MemoryBank
from assistant.memory.journal import Origin
from assistant.memory.records import Embedder
from benchmarks.workload import Item

AT_ONCE = 10_000
"""Memories that one transaction writes."""
CACHE = -256 * 1024
"""KiB, as SQLite has it, of pages that are kept: the rows of an index come in no order."""
LARGEST = 127


def fill(bank: MemoryBank, embedder: Embedder, items: Iterable[Item]) -> None:
    """Has an empty bank remember `items`, with their vectors as those of `embedder`."""
    source = iter(items)
    while batch := list(islice(source, AT_ONCE)):
        with bank._database.write() as connection:
            connection.pragma("cache_size", CACHE)
            number = vectors.register(connection, embedder)
            origin = Origin(applying.BY_USER)
            said = [applying.say(connection, item.text, origin, times.now()).memory_id for item in batch]
            _store(connection, number, said, [item.vector for item in batch])


def _store(connection: apsw.Connection, embedder: int, ids: Sequence[int | None], made: Sequence[bytes]) -> None:
    """Writes vectors as `vectors.store` does."""
    numbers = np.frombuffer(b"".join(made), dtype="<f4").reshape(len(made), -1).astype(np.float64)
    small = np.rint(numbers * (LARGEST / np.abs(numbers).max(axis=1, keepdims=True))).astype(np.int8)
    bits = np.packbits(small > 0, axis=1, bitorder="little")
    connection.executemany(
        "INSERT INTO memory_vector (embedder_id, item_id, bits, vector) VALUES (?, ?, ?, ?)",
        ((embedder, *row) for row in zip(ids, map(bytes, bits), map(bytes, small), strict=True)),
    )
    connection.execute("DELETE FROM to_embed WHERE embedder_id = ?", (embedder,))
