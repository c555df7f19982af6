"""Chroma's client that keeps its data in a folder, with its own settings and cosine for the distance.

It takes a text and its vector together, so `add` and `update` hold what is `index` elsewhere. It does not rank by
words: `search` goes by vectors alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import chromadb
import numpy as np
from chromadb.config import Settings

from benchmarks.making import Matrix
from benchmarks.workload import LIMIT, Item, content


class ChromaStore:
    """One collection, whose ids are numbers written out."""

    lacks = frozenset({"search_text", "index", "undo"})

    def __init__(self, folder: Path) -> None:
        self._client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        self._memories = self._client.get_or_create_collection(
            "memories", metadata={"hnsw:space": "cosine"}, embedding_function=None
        )
        self._last = self._memories.count()

    def fill(self, folder: Path) -> None:
        source = content(folder)
        while batch := list(islice(source, self._client.get_max_batch_size())):
            self._memories.add(
                ids=[str(self._last + number) for number in range(1, len(batch) + 1)],
                documents=[item.text for item in batch],
                embeddings=[_row(item.vector) for item in batch],
            )
            self._last += len(batch)

    def search(self, query: Item) -> Sequence[int]:
        return self.nearest(query.vector)

    def search_text(self, text: str) -> Sequence[int]:
        raise NotImplementedError

    def nearest(self, vector: bytes) -> Sequence[int]:
        found = self._memories.query(query_embeddings=[_row(vector)], n_results=LIMIT, include=["documents"])
        return [int(item_id) for item_id in found["ids"][0]]

    def add(self, item: Item) -> int:
        self._last += 1
        self._memories.add(ids=[str(self._last)], documents=[item.text], embeddings=[_row(item.vector)])
        return self._last

    def index(self, item_id: int, item: Item) -> None:
        raise NotImplementedError

    def update(self, item_id: int, item: Item) -> None:
        self._memories.update(ids=[str(item_id)], documents=[item.text], embeddings=[_row(item.vector)])

    def undo(self) -> None:
        raise NotImplementedError

    def delete(self, item_id: int) -> None:
        self._memories.delete(ids=[str(item_id)])

    def close(self) -> None:
        # What is written is on the disk already, and an older client cannot be closed.
        if hasattr(self._client, "close"):
            self._client.close()


def _row(vector: bytes) -> Matrix:
    return np.frombuffer(vector, dtype="<f4")
