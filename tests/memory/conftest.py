"""A bank in a real file, and a way to look into that file past the bank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from assistant.memory.bank import MemoryBank


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "recollect.db"


@pytest.fixture
def bank(path: Path) -> Iterator[MemoryBank]:
    with MemoryBank.open(path) as opened:
        yield opened


@pytest.fixture
def rows(path: Path) -> Callable[[str], list[Any]]:
    """Runs a query on the file by a connection of its own."""

    def run(query: str) -> list[Any]:
        connection = apsw.Connection(str(path))
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    return run
