"""The store that one would write in an afternoon: texts in SQLite with FTS5, vectors in usearch's HNSW index.

Each change of a text is a commit that is on the disk (WAL, synchronous=FULL, as the bank's). The index is held in
memory and saved when the store is closed: what was indexed since the last time is lost in a crash. Saving at each
change would write the whole index each time. Its settings are usearch's own; the SQLite is the bank's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import apsw
import numpy as np
from usearch.index import Index

from assistant.memory.words import STOP_WORDS
from benchmarks.making import Matrix, matrix
from benchmarks.workload import DIMENSIONS, LIMIT, Item, content

CANDIDATES = 50
RANK_CONSTANT = 60
AT_ONCE = 50_000
TABLES = """
CREATE TABLE IF NOT EXISTS memory (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE IF NOT EXISTS memory_text USING fts5 (text, tokenize = 'porter unicode61');
"""


class UsearchStore:
    """Searches by words and by vectors, and fuses both by reciprocal ranks, as the bank does."""

    lacks = frozenset({"undo"})

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = apsw.Connection(str(folder / "memories.db"))
        self._database.pragma("journal_mode", "wal")
        self._database.pragma("synchronous", "full")
        self._database.execute(TABLES)
        self._file = folder / "memories.usearch"
        self._index = Index(ndim=DIMENSIONS, metric="cos")
        if self._file.exists():
            self._index.load(str(self._file))

    def fill(self, folder: Path) -> None:
        with self._database:
            for item in content(folder):
                self._insert(item.text)
        vectors = matrix(folder)
        for begin in range(0, len(vectors), AT_ONCE):
            chunk = np.asarray(vectors[begin : begin + AT_ONCE])
            self._index.add(np.arange(begin + 1, begin + 1 + len(chunk)), chunk)

    def search(self, query: Item) -> Sequence[int]:
        scores: dict[int, float] = {}
        for found in (self._matching(query.text, CANDIDATES), self._near(query.vector, CANDIDATES)):
            for rank, item_id in enumerate(found, 1):
                scores[item_id] = scores.get(item_id, 0.0) + 1 / (RANK_CONSTANT + rank)
        return self._there(sorted(scores, key=lambda item_id: -scores[item_id])[:LIMIT])

    def search_text(self, text: str) -> Sequence[int]:
        return self._there(self._matching(text, LIMIT))

    def nearest(self, vector: bytes) -> Sequence[int]:
        return self._near(vector, LIMIT)

    def add(self, item: Item) -> int:
        with self._database:
            return self._insert(item.text)

    def index(self, item_id: int, item: Item) -> None:
        self._index.add(item_id, _row(item.vector))

    def update(self, item_id: int, item: Item) -> None:
        with self._database:
            self._database.execute("UPDATE memory SET text = ? WHERE id = ?", (item.text, item_id))
            self._database.execute("UPDATE memory_text SET text = ? WHERE rowid = ?", (item.text, item_id))
        self._index.remove(item_id)

    def undo(self) -> None:
        raise NotImplementedError

    def delete(self, item_id: int) -> None:
        with self._database:
            self._database.execute("DELETE FROM memory WHERE id = ?", (item_id,))
            self._database.execute("DELETE FROM memory_text WHERE rowid = ?", (item_id,))
        self._index.remove(item_id)

    def close(self) -> None:
        self._index.save(str(self._file))
        self._database.close()

    def _insert(self, text: str) -> int:
        self._database.execute("INSERT INTO memory (text) VALUES (?)", (text,))
        item_id = self._database.last_insert_rowid()
        self._database.execute("INSERT INTO memory_text (rowid, text) VALUES (?, ?)", (item_id, text))
        return item_id

    def _matching(self, text: str, limit: int) -> list[int]:
        # With words such as "the" and "user" in it, most of the rows would match.
        expression = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", text.lower()) if word not in STOP_WORDS)
        rows = self._database.execute(
            "SELECT rowid FROM memory_text WHERE memory_text MATCH ? ORDER BY rank LIMIT ?", (expression, limit)
        )
        return [item_id for (item_id,) in rows]

    def _near(self, vector: bytes, limit: int) -> list[int]:
        return self._index.search(_row(vector), limit).keys.tolist()

    def _there(self, ids: Sequence[int]) -> list[int]:
        """Those of `ids` that have a text, which is read, as it is what is searched for."""
        texts = [self._database.execute("SELECT text FROM memory WHERE id = ?", (item_id,)).get for item_id in ids]
        return [item_id for item_id, text in zip(ids, texts, strict=True) if text is not None]


def _row(vector: bytes) -> Matrix:
    return np.frombuffer(vector, dtype="<f4")
