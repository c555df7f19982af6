"""What becomes of vectors when the embedder changes, fails, or leaves something broken behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from assistant.errors import EngineCrashed
from assistant.memory import checking
from assistant.memory.bank import MatchedBy, MemoryBank
from assistant.memory.database import Database
from tests.memory.shorthand import NOON, updating
from tests.scripted import FakeEmbedder

Rows = Callable[[str], list[Any]]

FACTS = ["User has two dogs.", "User works in Bergen.", "User prefers tea.", "User paints birds.", "User is 40."]


class Counting(FakeEmbedder):
    """Counts the texts it embeds, and fails once it has embedded `limit` of them."""

    def __init__(self, name: str, limit: int = 1_000_000) -> None:
        super().__init__(name=name)
        self.asked: list[str] = []
        self.limit = limit

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        if len(self.asked) + len(texts) > self.limit:
            raise EngineCrashed("The model process ended unexpectedly.")
        self.asked += texts
        return super().embed(texts)


@pytest.fixture
def facts(bank: MemoryBank) -> MemoryBank:
    for fact in FACTS:
        bank.add(fact)
    bank.embedder = Counting("old")
    bank.index_all()
    return bank


def test_the_old_embedder_serves_until_the_new_ones_vectors_are_all_there(facts: MemoryBank, rows: Rows) -> None:
    old, new = facts.embedder, Counting("new")
    facts.successor = new
    for _ in range(3):
        assert facts.index_pending(batch=2) > 0
        assert facts.embedder is old
        assert [hit.matched_by for hit in facts.search("birds")] == [MatchedBy.BOTH]
    assert sorted(new.asked) == sorted(FACTS)
    facts.index_all()
    assert (facts.embedder, facts.successor) == (new, None)
    assert [hit.matched_by for hit in facts.search("birds")] == [MatchedBy.BOTH]
    assert rows("SELECT name, count(*) FROM embedder JOIN memory_vector ON embedder.id = embedder_id") == [("new", 5)]


def test_a_change_that_was_interrupted_goes_on_where_it_stopped(facts: MemoryBank, path: Path) -> None:
    facts.successor = Counting("new")
    facts.index_pending(batch=3)
    facts.close()
    new = Counting("new")
    with MemoryBank.open(path, Counting("old")) as again:
        again.successor = new
        again.index_all()
        assert again.embedder is new
    assert sorted(new.asked) == ["User has two dogs.", "User works in Bergen."]


def test_what_is_written_during_the_change_gets_vectors_of_both(facts: MemoryBank, rows: Rows) -> None:
    facts.successor = Counting("new")
    facts.index_pending(batch=3)
    facts.apply([updating(5, "User is 41.")], actor="user", observed_at=NOON)
    assert facts.index_pending(batch=1) == 1
    assert [hit.matched_by for hit in facts.search("41")] == [MatchedBy.BOTH], "by the old embedder"
    facts.index_all()
    assert [hit.matched_by for hit in facts.search("41")] == [MatchedBy.BOTH], "by the new one"
    assert rows("SELECT count(*) FROM memory_vector") == [(5,)]


def test_a_new_embedder_that_fails_leaves_the_old_one_at_work(facts: MemoryBank) -> None:
    facts.successor = Counting("new", limit=4)
    with pytest.raises(EngineCrashed):
        for _ in range(5):
            facts.index_pending(batch=2)
    assert [hit.matched_by for hit in facts.search("birds")] == [MatchedBy.BOTH]
    assert facts.search_mode == "text and meaning"


def test_an_embedder_with_other_dimensions_under_the_same_name_is_another(facts: MemoryBank) -> None:
    facts.embedder = FakeEmbedder(dimensions=1024, name="old")
    assert [hit.matched_by for hit in facts.search("birds")] == [MatchedBy.TEXT]
    facts.index_all()
    assert [hit.matched_by for hit in facts.search("birds")] == [MatchedBy.BOTH]


def test_a_broken_vector_is_no_error_and_the_doctor_has_it_made_anew(facts: MemoryBank, path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE memory_vector SET vector = x'0102' WHERE item_id = 4")
    connection.execute("UPDATE memory_vector SET bits = x'00' WHERE item_id = 3")
    connection.execute("DELETE FROM memory_vector WHERE item_id = 2")
    connection.close()
    assert [hit.matched_by for hit in facts.search("birds")] == [MatchedBy.TEXT]
    database = Database(path)
    [finding] = checking.check(database)
    assert (finding.ailment, finding.what, finding.mendable) == (
        checking.Ailment.VECTORS,
        "3 vectors are broken or missing",
        True,
    )
    checking.mend(database)
    assert checking.check(database) == []
    database.close()
    assert facts.index_pending() == 3
    assert [hit.matched_by for hit in facts.search("birds")] == [MatchedBy.BOTH]


def test_messages_are_found_by_what_they_mean_and_only_once_whole(bank: MemoryBank) -> None:
    bank.embedder = Counting("old")
    conversation = bank.new_conversation().id
    bank.add_message(conversation, "user", "the dogs sleep")
    reply = bank.add_message(conversation, "assistant", "the dogs", state="partial")
    bank.index_all()
    assert bank.embedder.asked == ["the dogs sleep"]
    bank.update_message(reply.id, "the dogs bark", "complete")
    bank.index_all()
    assert bank.embedder.asked[1:] == ["the dogs bark"]
    hits = bank.search("dogs bark", kinds=("message",))
    assert [(hit.message and hit.message.id, hit.matched_by) for hit in hits] == [
        (2, MatchedBy.BOTH),
        (1, MatchedBy.BOTH),
    ]
