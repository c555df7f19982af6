"""What all tests share: the same examples in every run, a data folder that is nobody's, and which tests are slow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything loads a library that counts cores: a test run shares its machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

TESTS = Path(__file__).parent
SLOW_FOLDERS = frozenset({"e2e", "llm", "trainer"})
"""Tests that run a model or train one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def nobodys_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever a test forgets to say, it never touches the memories or the models of who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECOLLECT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.delenv("RECOLLECT_MODEL", raising=False)
        yield
