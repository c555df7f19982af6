"""What the stores that are compared have in common, and the MemoryBank as one of them.

A peer's package is imported with its module alone, so that the bank is measured without it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from assistant.memory import applying, times, vectors
from assistant.memory.bank import Hit, ItemKind, MemoryBank
from assistant.memory.operations import Action, MemoryOperation
from benchmarks.workload import DIMENSIONS, LIMIT, Item, content


class Store(Protocol):
    """Holds texts with their vectors. Each change is a transaction; ids count from 1."""

    @property
    def lacks(self) -> frozenset[str]:
        """The operations it has no counterpart of."""

    def fill(self, folder: Path) -> None:
        """Puts in the content of the workload in `folder`, as fast as it can be."""

    def search(self, query: Item) -> Sequence[int]:
        """The best LIMIT by words and by meaning."""

    def search_text(self, text: str) -> Sequence[int]: ...
    def nearest(self, vector: bytes) -> Sequence[int]: ...

    def add(self, item: Item) -> int:
        """Its vector may be left for `index`."""

    def index(self, item_id: int, item: Item) -> None: ...
    def update(self, item_id: int, item: Item) -> None: ...
    def undo(self) -> None: ...
    def delete(self, item_id: int) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A store that can be measured: what it is called, where it is, and the package that it needs besides ours."""

    label: str
    module: str
    type: str
    package: str | None = None
    most: int | None = None
    """The largest size it is measured at."""

    def load(self) -> type[Store]:
        return cast("type[Store]", getattr(importlib.import_module(self.module), self.type))


KINDS = {
    "bank": Kind("MemoryBank", "benchmarks.stores", "BankStore"),
    "usearch": Kind("usearch with SQLite", "benchmarks.peer", "UsearchStore", "usearch"),
    "chroma": Kind("Chroma", "benchmarks.chroma", "ChromaStore", "chromadb", 100_000),
}


class LookupEmbedder:
    """Knows the vectors of the texts it is asked for beforehand, and so takes no time."""

    name = "lookup"
    dimensions = DIMENSIONS

    def __init__(self, known: Mapping[str, bytes]) -> None:
        self._known = known

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return [self._known[text] for text in texts]


class BankStore:
    """The MemoryBank, with an embedder that looks up what it is given here."""

    lacks: frozenset[str] = frozenset()

    def __init__(self, folder: Path) -> None:
        self._known: dict[str, bytes] = {}
        self._embedder = LookupEmbedder(self._known)
        self._bank = MemoryBank.open(folder / "recollect.db", self._embedder)

    def fill(self, folder: Path) -> None:
        # Imported here, or numpy would count towards the memory that the bank takes.
        from benchmarks.filling import fill

        fill(self._bank, self._embedder, content(folder))

    def search(self, query: Item) -> Sequence[int]:
        self._known[query.text] = query.vector
        return _ids(self._bank.search(query.text, limit=LIMIT))

    def search_text(self, text: str) -> Sequence[int]:
        self._bank.embedder = None
        try:
            return _ids(self._bank.search(text, limit=LIMIT))
        finally:
            self._bank.embedder = self._embedder

    def nearest(self, vector: bytes) -> Sequence[int]:
        query = vectors.Query(self._embedder.name, vector)
        with self._bank._database.read() as connection:
            return [item_id for item_id, _ in vectors.nearest(connection, query, ItemKind.MEMORY, LIMIT)]

    def add(self, item: Item) -> int:
        return self._bank.add(item.text).id

    def index(self, item_id: int, item: Item) -> None:
        self._known[item.text] = item.vector
        assert self._bank.index_pending(1) == 1

    def update(self, item_id: int, item: Item) -> None:
        operation = MemoryOperation(Action.UPDATE, item_id, item.text)
        [done] = self._bank.apply([operation], actor=applying.BY_USER, observed_at=times.now())
        assert done.memory_id == item_id, done.reason

    def undo(self) -> None:
        self._bank.undo()

    def delete(self, item_id: int) -> None:
        self._bank.forget(item_id)

    def close(self) -> None:
        self._bank.close()


def _ids(hits: Sequence[Hit]) -> list[int]:
    return [hit.memory.id for hit in hits if hit.memory is not None]
