"""Stories on a whole app take a second each, and there are hundreds: `make check` has the main ones alone."""

from __future__ import annotations

from pathlib import Path

import pytest

MAIN = {
    "test_a_first_conversation.py",
    "test_again_and_differently.py",
    "test_drafts.py",
    "test_faults.py",
    "test_nothing_kept.py",
    "test_start.py",
    "test_undo.py",
}
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        is_story = item.get_closest_marker("asyncio") is not None and item.path.is_relative_to(HERE)
        if is_story and item.path.name not in MAIN:
            item.add_marker(pytest.mark.slow)
