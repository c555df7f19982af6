"""A fork of a bank goes its own way."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank
from tests.memory.shorthand import NOON, deleting, texts, updating
from tests.scripted import FakeEmbedder


@pytest.mark.parametrize("is_temporary", [True, False])
def test_what_is_done_to_a_fork_is_not_seen_in_the_bank_nor_the_other_way_round(
    is_temporary: bool, tmp_path: Path
) -> None:
    bank = MemoryBank.temporary() if is_temporary else MemoryBank.open(tmp_path / "bank.db")
    with bank:
        bank.add("User has a dog named Buddy.")
        bank.add("User lives in Lima.")
        with bank.fork() as fork, bank.fork() as other:
            fork.apply([updating(1, "User has two dogs named Buddy and Scout.")], actor="user", observed_at=NOON)
            other.apply([deleting(2)], actor="user", observed_at=NOON)
            bank.add("User likes tea.")
            assert texts(fork) == ["User has two dogs named Buddy and Scout.", "User lives in Lima."]
            assert texts(other) == ["User has a dog named Buddy."]
            assert [version.memory.text for version in fork.history(1)] == [
                "User has a dog named Buddy.",
                "User has two dogs named Buddy and Scout.",
            ]
        assert texts(bank) == ["User has a dog named Buddy.", "User lives in Lima.", "User likes tea."]


def test_a_fork_is_kept_nowhere_and_outlives_its_bank(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "bank.db") as bank:
        bank.add("User lives in Lima.")
        before = sorted(file.name for file in tmp_path.iterdir())
        fork = bank.fork()
        fork.add("User has a zubrowka.")
        assert sorted(file.name for file in tmp_path.iterdir()) == before
    assert fork.is_temporary
    assert texts(fork) == ["User lives in Lima.", "User has a zubrowka."]
    fork.close()


def test_a_fork_is_searched_as_its_bank_is_without_making_vectors_again() -> None:
    embedder = FakeEmbedder()
    with MemoryBank.temporary(embedder) as bank:
        bank.add("User has a dog named Buddy.")
        bank.index_all()
        with bank.fork() as fork:
            assert fork.index_pending() == 0
            assert fork.search_mode == "text and meaning"
            assert [hit.memory and hit.memory.text for hit in fork.search("Buddy")] == ["User has a dog named Buddy."]
