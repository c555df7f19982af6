"""Making the files of a workload: texts, vectors that lie in clusters, and which are nearest to each query.

Promises that the same size, number of queries and seed make the same files. Knows nothing of stores.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.sentences import facts
from benchmarks.workload import (
    DIMENSIONS,
    LIMIT,
    VECTOR_BYTES,
    WARM_UP,
    Change,
    Item,
    Query,
    Workload,
    texts_file,
    vectors_file,
)

Matrix = NDArray[np.float32]

CLUSTER = 20
"""Vectors in one cluster, on average."""
NOISE = 0.7
"""Length of what is added at random to a vector of length 1, the centre of a cluster or what a query is about."""
CHUNK = 20_000
"""Vectors that are made at once."""


def make(folder: Path, size: int, queries: int, seed: int) -> None:
    """Writes the files into `folder`. `size` memories; `queries` operations of each kind are timed."""
    folder.mkdir(parents=True, exist_ok=True)
    operations = queries + WARM_UP
    chance = random.Random(seed)
    asked = [chance.randrange(size) for _ in range(operations)]
    touched = chance.sample(range(size), 2 * operations)
    source = facts(seed)
    questions: dict[int, str] = {}
    wanted = set(asked)
    with texts_file(folder).open("w", encoding="utf-8") as texts:
        for index, fact in enumerate(islice(source, size)):
            texts.write(f"{fact.text}\n")
            if index in wanted:
                questions[index] = fact.question
    generator = np.random.default_rng(seed)
    centres = _unit(_noise(generator, max(1, size // CLUSTER)))
    with vectors_file(folder).open("wb") as vectors:
        for begin in range(0, size, CHUNK):
            vectors.write(_near_some(generator, centres, min(CHUNK, size - begin)).astype("<f4").tobytes())
    kept = matrix(folder)
    about = _unit(np.asarray(kept[asked]) + NOISE * _unit(_noise(generator, operations)))
    nearest = exact(kept, about)
    news = [
        Item(fact.text, vector.astype("<f4").tobytes())
        for fact, vector in zip(source, _near_some(generator, centres, 2 * operations), strict=False)
    ]
    Workload(
        tuple(
            Query(Item(questions[index], vector.astype("<f4").tobytes()), tuple(ids))
            for index, vector, ids in zip(asked, about, nearest, strict=True)
        ),
        tuple(news[:operations]),
        tuple(Change(index + 1, item) for index, item in zip(touched, news[operations:], strict=False)),
        tuple(index + 1 for index in touched[operations:]),
    ).save(folder)


def exact(vectors: Matrix, queries: Matrix) -> list[list[int]]:
    """The ids of the LIMIT vectors of length 1 nearest to each query, nearest first; the first vector's is 1."""
    found = [(np.empty(0, np.float32), np.empty(0, np.int64)) for _ in queries]
    for begin, chunk in _chunks(vectors):
        cosines = queries @ chunk.T
        for number, (best, ids) in enumerate(found):
            all_cosines = np.concatenate([best, cosines[number]])
            all_ids = np.concatenate([ids, np.arange(begin + 1, begin + 1 + len(chunk))])
            top = np.argsort(-all_cosines, kind="stable")[:LIMIT]
            found[number] = (all_cosines[top], all_ids[top])
    return [ids.tolist() for _, ids in found]


def matrix(folder: Path) -> Matrix:
    """The vectors of a workload, in rows, read from their file as they are used."""
    size = vectors_file(folder).stat().st_size // VECTOR_BYTES
    return np.memmap(vectors_file(folder), dtype="<f4", mode="r", shape=(size, DIMENSIONS))


def _chunks(vectors: Matrix) -> Iterator[tuple[int, Matrix]]:
    for begin in range(0, len(vectors), CHUNK):
        yield begin, np.asarray(vectors[begin : begin + CHUNK])


def _near_some(generator: np.random.Generator, centres: Matrix, count: int) -> Matrix:
    chosen = centres[generator.integers(len(centres), size=count)]
    return _unit(chosen + NOISE * _unit(_noise(generator, count)))


def _noise(generator: np.random.Generator, count: int) -> Matrix:
    return generator.standard_normal((count, DIMENSIONS), dtype=np.float32)


def _unit(vectors: Matrix) -> Matrix:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
