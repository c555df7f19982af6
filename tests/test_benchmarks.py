"""The benchmarks measure what they say they do; how fast anything is, is not asked here."""

from __future__ import annotations

import importlib.util
import json
import struct
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from assistant.memory.bank import MemoryBank
from benchmarks import bank as benchmark
from benchmarks import making, measuring, table
from benchmarks.filling import fill
from benchmarks.sentences import facts
from benchmarks.stores import BankStore, LookupEmbedder
from benchmarks.workload import DIMENSIONS, Item, Workload, content

TIMES = {"created_at", "observed_at"}
TABLES = """
    memory memory_version operation memory_text memory_meaning embedder memory_vector to_embed
""".split()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run at one small size writes."""
    folder = tmp_path_factory.mktemp("benchmark")
    file = folder / "report.json"
    arguments = ["--sizes", "60", "--queries", "5", "--peer", "none", "--folder", str(folder), "--json", str(file)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(benchmark, "OPENINGS", 1)
        assert benchmark.main(arguments) == 0
    assert list(folder.iterdir()) == [file]
    written: dict[str, Any] = json.loads(file.read_text())
    return written


def test_a_run_tells_of_each_operation_and_what_the_store_takes(report: dict[str, Any]) -> None:
    [result] = report["results"]
    assert (result["store"], result["size"]) == ("MemoryBank", 60)
    assert set(result["ms"]) == {"search", "search_text", "add", "index", "update", "undo", "delete"}
    assert all(0 < taken["p50"] <= taken["p95"] for taken in result["ms"].values())
    assert all(result[key] > 0 for key in ("open_s", "close_s", "fill_s", "disk_mb", "peak_mb"))


def test_a_run_computes_how_many_of_the_nearest_are_found(report: dict[str, Any]) -> None:
    assert 0.95 <= report["results"][0]["recall"] <= 1.0


def test_a_run_tells_what_its_numbers_depend_on_but_not_where_it_ran(report: dict[str, Any]) -> None:
    machine = report["machine"]
    assert machine["command"] == "python -m benchmarks.bank --sizes 60 --queries 5 --peer none --seed 1"
    assert {"cores", "python", "sqlite", "sqlite-vec", "commit", "seed"} <= set(machine)


def test_recall_counts_those_of_the_nearest_that_were_found() -> None:
    assert measuring.recall([[1, 2, 3, 4], [5, 6, 7, 8]], [(1, 2, 3, 9), (8, 7, 6, 5)]) == 0.875
    assert measuring.recall([[1, 1]], [(1, 2)]) == 0.5


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert (measuring.percentile(values, 50), measuring.percentile(values, 95)) == (100.0, 190.0)
    assert measuring.percentile([3.0, 1.0, 2.0], 50) == 2.0


def test_the_nearest_are_those_with_the_highest_cosine_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "CHUNK", 3)
    monkeypatch.setattr(making, "LIMIT", 3)
    angles = np.radians([80, 10, 50, 30, 70, 0, 20])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    queries = np.array([[1, 0], [0, 1]], np.float32)
    assert making.exact(vectors, queries) == [[6, 2, 7], [1, 5, 3]]


def test_a_workload_is_the_same_for_the_same_seed_and_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    for name, seed in (("first", 7), ("again", 7), ("other", 8)):
        making.make(tmp_path / name, 50, 4, seed)
    first, again, other = (Workload.load(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again != other
    assert list(content(tmp_path / "first")) == list(content(tmp_path / "again")) != list(content(tmp_path / "other"))
    first.save(tmp_path)
    assert Workload.load(tmp_path) == first


def test_a_question_is_near_to_what_it_is_about(tmp_path: Path) -> None:
    making.make(tmp_path, 60, 4, seed=7)
    items = list(content(tmp_path))
    for query in Workload.load(tmp_path).queries:
        nearest = items[query.nearest[0] - 1]
        assert cosine(query.item.vector, nearest.vector) > 0.5
        assert len(query.nearest) == len(set(query.nearest)) == 8


def test_memories_are_distinct_sentences_of_5_to_14_words() -> None:
    texts = [fact.text for fact in islice(facts(seed=1), 3000)]
    assert len(set(texts)) == 3000
    assert {len(text.split()) for text in texts} <= set(range(5, 15))
    assert len({word for text in texts for word in text.split()}) > 3000


def test_a_question_speaks_of_its_memory_in_another_sentence() -> None:
    for fact in islice(facts(seed=1), 200):
        assert fact.question != fact.text
        assert fact.question.endswith("?")


def test_a_bank_filled_in_bulk_has_the_rows_of_one_that_was_told_each(tmp_path: Path) -> None:
    making.make(tmp_path, 50, 4, seed=3)
    items = list(content(tmp_path))
    embedder = LookupEmbedder({item.text: item.vector for item in items})
    with MemoryBank.open(tmp_path / "bulk.db") as bulk:
        fill(bulk, embedder, items)
    with MemoryBank.open(tmp_path / "told.db", embedder) as told:
        told.index_all()
        for item in items:
            told.add(item.text)
            told.index_all()
    for name in TABLES:
        assert rows(tmp_path / "bulk.db", name) == rows(tmp_path / "told.db", name), name
    assert len(rows(tmp_path / "bulk.db", "memory_vector")) == 50


def test_every_operation_of_the_bank_does_what_is_timed(tmp_path: Path) -> None:
    store = BankStore(tmp_path)
    tea, jam, ice = (Item(f"User likes {what} a lot.", unit(axis)) for axis, what in enumerate(("tea", "jam", "ice")))
    for number, item in enumerate((tea, jam), 1):
        assert store.add(item) == number
        store.index(number, item)
    assert list(store.nearest(unit(1))) == [2, 1]
    assert list(store.search_text("jam or pie?")) == [2]
    assert list(store.search(Item("Which drink, jam?", unit(0)))) == [2, 1]
    store.update(2, ice)
    store.index(2, ice)
    assert list(store.search_text("ice")) == [2]
    store.undo()
    assert (list(store.search_text("ice")), list(store.search_text("jam"))) == ([], [2])
    store.delete(2)
    assert list(store.search_text("jam")) == []
    store.close()


def test_a_peer_whose_package_is_missing_is_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert benchmark._missing("usearch") == ("usearch with SQLite is left out: the package usearch is not installed.")
    assert benchmark._missing("bank") == ""


def test_a_size_must_have_enough_memories_to_change() -> None:
    with pytest.raises(SystemExit, match="a size is at least 440"):
        benchmark.main(["--sizes", "439"])


def test_a_table_has_a_row_for_each_measure_and_columns_for_each_store() -> None:
    result = {
        "size": 100_000,
        "ms": {name: {"p50": 1.234, "p95": 5.678} for name in table.OPERATIONS},
        **dict.fromkeys(table.SINGLE, 0.5),
    }
    peer = {**result, "store": "Peer", "ms": {"search": {"p50": 1000, "p95": 2000.5}}}
    machine = {
        "cores": 2, "processor": "Fast", "system": "Linux", "python": "3.11", "sqlite": "3.54",
        "sqlite-vec": "0.1.6", "commit": "abc", "seed": 1, "command": "python -m benchmarks.bank",
    }  # fmt: skip
    report = {"machine": machine, "notes": ["A note."], "results": [{**result, "store": "MemoryBank"}, peer]}
    assert table.markdown(report).splitlines() == [
        "`python -m benchmarks.bank`, commit abc; 2 cores (Fast, Linux), Python 3.11, SQLite 3.54, sqlite-vec 0.1.6",
        "",
        "**100,000 memories**",
        "",
        "|  | MemoryBank p50 | p95 | floor | Peer p50 | p95 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| search, ms | 1.23 | 5.68 | 60 ms | 1,000.00 | 2,000.50 |",
        "| search by text alone, ms | 1.23 | 5.68 |  | — | — |",
        "| add, ms | 1.23 | 5.68 | 5 ms | — | — |",
        "| index, ms | 1.23 | 5.68 |  | — | — |",
        "| update, ms | 1.23 | 5.68 |  | — | — |",
        "| undo, ms | 1.23 | 5.68 |  | — | — |",
        "| delete, ms | 1.23 | 5.68 |  | — | — |",
        "| open, s | 0.500 |  |  | 0.500 |  |",
        "| close, s | 0.500 |  |  | 0.500 |  |",
        "| fill, s | 0.5 |  |  | 0.5 |  |",
        "| on the disk, MB | 0.5 |  |  | 0.5 |  |",
        "| peak memory, MB | 0 |  |  | 0 |  |",
        "| recall@8 | 0.5000 |  |  | 0.5000 |  |",
        "",
        "A note.",
    ]
    assert table.plain(report).splitlines()[:3] == [
        "100,000 memories",
        "                          MemoryBank p50   p95  floor  Peer p50       p95",
        "search, ms                          1.23  5.68  60 ms  1,000.00  2,000.50",
    ]


def unit(axis: int) -> bytes:
    """Along one axis, and a little along the next."""
    numbers = [0.0] * DIMENSIONS
    numbers[axis], numbers[axis + 1] = 0.8, 0.6
    return struct.pack(f"<{DIMENSIONS}f", *numbers)


def cosine(one: bytes, other: bytes) -> float:
    return float(np.dot(np.frombuffer(one, "<f4"), np.frombuffer(other, "<f4")))


def rows(file: Path, name: str) -> list[dict[str, Any]]:
    """All rows of a table, without times."""
    connection = apsw.Connection(str(file))
    try:
        cursor = connection.execute(
            f"SELECT * FROM {name} ORDER BY rowid" if name != "to_embed" else f"SELECT * FROM {name}"
        )
        found = cursor.fetchall()
        columns = [column for column, *_ in connection.execute(f"SELECT name FROM pragma_table_info('{name}')")]
    finally:
        connection.close()
    return [{c: value for c, value in zip(columns, row, strict=True) if c not in TIMES} for row in found]
