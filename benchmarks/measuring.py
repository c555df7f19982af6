"""Measuring one store at one size, each step in a process of its own, so that its memory is that step's alone.

`python -m benchmarks.measuring STEP STORE FOLDER` prints as JSON what the step measured; `benchmarks.bank` runs the
steps in their order on the workload in FOLDER.
"""

from __future__ import annotations

import json
import math
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from benchmarks.stores import KINDS, Store
from benchmarks.workload import WARM_UP, Workload

Measured = dict[str, Any]

STEPS = ("fill", "open", "operations")


class Stopwatch:
    """Collects what each kind of operation takes, in ms."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    @contextmanager
    def time(self, operation: str) -> Iterator[None]:
        begin = perf_counter_ns()
        yield
        self.taken.setdefault(operation, []).append((perf_counter_ns() - begin) / 1e6)


def run(step: str, store: str, folder: Path) -> Measured:
    """One of STEPS for one of KINDS. `folder` holds the workload and, in a folder named for the store, its files."""
    type_of_store, own_folder = KINDS[store].load(), folder / store
    match step:
        case "fill":
            return fill(type_of_store, folder, own_folder)
        case "open":
            return opening(type_of_store, own_folder)
        case _:
            return operations(type_of_store, own_folder, Workload.load(folder))


def fill(type_of_store: type[Store], folder: Path, own_folder: Path) -> Measured:
    """Puts the content in. Seconds, and MB that it takes on the disk once it is closed."""
    begin = perf_counter_ns()
    store = type_of_store(own_folder)
    store.fill(folder)
    store.close()
    taken = perf_counter_ns() - begin
    size = sum(file.stat().st_size for file in own_folder.rglob("*") if file.is_file())
    return {"fill_s": taken / 1e9, "disk_mb": size / 1e6}


def opening(type_of_store: type[Store], own_folder: Path) -> Measured:
    """Opens what lies on the disk. Seconds, without those that imports take."""
    begin = perf_counter_ns()
    store = type_of_store(own_folder)
    taken = perf_counter_ns() - begin
    store.close()
    return {"open_s": taken / 1e9}


def operations(type_of_store: type[Store], own_folder: Path, workload: Workload) -> Measured:
    """Each kind of operation in ms, the share of the truly nearest that is found, and the most memory taken in MB."""
    watch = Stopwatch()
    store = type_of_store(own_folder)
    for query in workload.queries:
        with watch.time("search"):
            store.search(query.item)
    if "search_text" not in store.lacks:
        for query in workload.queries:
            with watch.time("search_text"):
                store.search_text(query.item.text)
    found = [store.nearest(query.item.vector) for query in workload.queries]
    _change(store, workload, watch)
    begin = perf_counter_ns()
    store.close()
    return {
        "ms": {
            operation: {"p50": percentile(times[WARM_UP:], 50), "p95": percentile(times[WARM_UP:], 95)}
            for operation, times in watch.taken.items()
        },
        "recall": recall(found, [query.nearest for query in workload.queries]),
        "close_s": (perf_counter_ns() - begin) / 1e9,
        "peak_mb": _peak(),
    }


def _change(store: Store, workload: Workload, watch: Stopwatch) -> None:
    can_index = "index" not in store.lacks
    for item in workload.additions:
        with watch.time("add"):
            item_id = store.add(item)
        if can_index:
            with watch.time("index"):
                store.index(item_id, item)
    for change in workload.changes:
        with watch.time("update"):
            store.update(change.item_id, change.item)
        if can_index:
            store.index(change.item_id, change.item)
    if "undo" not in store.lacks:
        for _ in workload.changes:
            with watch.time("undo"):
                store.undo()
    for item_id in workload.deletions:
        with watch.time("delete"):
            store.delete(item_id)


def percentile(values: Sequence[float], percent: int) -> float:
    """The least of `values` that `percent` in 100 of them do not exceed."""
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


def recall(found: Sequence[Sequence[int]], nearest: Sequence[Sequence[int]]) -> float:
    """How many of the nearest were found, of all queries together; from 0 to 1."""
    hits = sum(len(set(some) & set(true)) for some, true in zip(found, nearest, strict=True))
    return hits / sum(map(len, nearest))


def _peak() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
