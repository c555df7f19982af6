"""A bank in a real file, without an embedder: what is found is found by its words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recollect.db"


@pytest.fixture
def bank(path: Path) -> Iterator[MemoryBank]:
    with MemoryBank.open(path) as opened:
        yield opened
