"""What every store is measured with: its content, the questions put to it and the changes made to it.

Promises that all stores get the same, from files that are made once. Knows nothing of stores, and needs no numpy, so
that measuring one does not count the memory that numpy takes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DIMENSIONS = 384
VECTOR_BYTES = 4 * DIMENSIONS
LIMIT = 8
"""Hits asked for, as the assistant asks for them."""
WARM_UP = 20
"""Of each kind of operation, done before any is timed."""


@dataclass(frozen=True, slots=True)
class Item:
    """A text with its vector (float32, little endian)."""

    text: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the ids that are nearest to its vector by exact cosine, nearest first."""

    item: Item
    nearest: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A memory that is to say something else."""

    item_id: int
    item: Item


@dataclass(frozen=True, slots=True)
class Workload:
    """`queries`, `additions`, `changes` and `deletions` are as many as are timed, and WARM_UP more of each."""

    queries: tuple[Query, ...]
    additions: tuple[Item, ...]
    changes: tuple[Change, ...]
    deletions: tuple[int, ...]

    def save(self, folder: Path) -> None:
        _workload(folder).write_text(json.dumps(asdict(self), default=lambda data: base64.b64encode(data).decode()))

    @classmethod
    def load(cls, folder: Path) -> Workload:
        saved = json.loads(_workload(folder).read_text())
        return cls(
            tuple(Query(_item(query["item"]), tuple(query["nearest"])) for query in saved["queries"]),
            tuple(map(_item, saved["additions"])),
            tuple(Change(change["item_id"], _item(change["item"])) for change in saved["changes"]),
            tuple(saved["deletions"]),
        )


def content(folder: Path) -> Iterator[Item]:
    """What a store holds before it is measured; the first has the id 1."""
    with texts_file(folder).open(encoding="utf-8") as texts, vectors_file(folder).open("rb") as vectors:
        for line in texts:
            yield Item(line.rstrip("\n"), vectors.read(VECTOR_BYTES))


def texts_file(folder: Path) -> Path:
    """One text a line."""
    return folder / "texts.txt"


def vectors_file(folder: Path) -> Path:
    """The vectors one after another, in the order of the texts."""
    return folder / "vectors.f32"


def _workload(folder: Path) -> Path:
    return folder / "workload.json"


def _item(saved: dict[str, Any]) -> Item:
    return Item(saved["text"], base64.b64decode(saved["vector"]))
