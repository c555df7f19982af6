"""Searching what was said at a time, what held on a day, and being told why something was found."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from assistant.memory.bank import MatchedBy, MemoryBank, Times
from assistant.memory.records import Explanation
from tests.memory.shorthand import adding
from tests.scripted import FakeEmbedder

SPRING = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
"""The second of March in London."""
AUTUMN = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def places(bank: MemoryBank) -> MemoryBank:
    """Lived somewhere until and from some time, as it was said."""
    conversation = bank.new_conversation().id
    said = {
        "I live in Oslo until May 2026.": ("User lives in Oslo.", SPRING),
        "I live in Rome since 2025.": ("User lives in Rome.", SPRING),
        "I live in Bonn as of last week.": ("User lives in Bonn.", AUTUMN),
        "I live in Kyiv.": ("User lives in Kyiv.", AUTUMN),
    }
    for text, (fact, time) in said.items():
        message = bank.add_message(conversation, "user", text, created_at=time)
        bank.apply([adding(fact)], actor="manager", observed_at=time, source_message_id=message.id)
    return bank


def lived(bank: MemoryBank, when: Times) -> list[str]:
    hits = bank.search("User lives where?", when=when)
    return sorted(hit.memory.text.split()[-1] for hit in hits if hit.memory is not None)


def test_what_was_said_from_and_before_a_moment_whatever_the_zone(places: MemoryBank) -> None:
    moment = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
    assert lived(places, Times(said_from=moment)) == ["Bonn.", "Kyiv.", "Oslo.", "Rome."]
    assert lived(places, Times(said_from=moment + timedelta(seconds=1))) == ["Bonn.", "Kyiv."]
    assert lived(places, Times(said_before=moment)) == []
    assert lived(places, Times(said_before=moment + timedelta(seconds=1))) == ["Oslo.", "Rome."]


@pytest.mark.parametrize(
    ("day", "where"),
    [
        (date(2024, 12, 31), ["Kyiv.", "Oslo."]),
        (date(2025, 1, 1), ["Kyiv.", "Oslo.", "Rome."]),
        (date(2026, 5, 31), ["Kyiv.", "Oslo.", "Rome."]),
        (date(2026, 6, 1), ["Kyiv.", "Rome."]),
        (date(2026, 9, 20), ["Kyiv.", "Rome."]),
        (date(2026, 9, 21), ["Bonn.", "Kyiv.", "Rome."]),
    ],
)
def test_what_held_on_a_day_as_precisely_as_it_was_said(places: MemoryBank, day: date, where: list[str]) -> None:
    assert lived(places, Times(holds_on=day)) == where


def test_times_go_for_words_meaning_and_what_fills_up_alike(places: MemoryBank) -> None:
    places.embedder = FakeEmbedder()
    places.index_all()
    late = Times(said_from=AUTUMN)
    hits = places.search("lives in Oslo", floor=False, when=late)
    assert sorted(hit.memory.id for hit in hits if hit.memory is not None) == [3, 4]
    hits = places.search("unheard", floor=False, when=Times(said_before=AUTUMN))
    assert sorted(hit.memory.id for hit in hits if hit.memory is not None) == [1, 2]
    hits = places.search("live", kinds=("message",), when=late)
    assert sorted(hit.message.id for hit in hits if hit.message is not None) == [3, 4]


def test_a_score_is_explained_by_both_ranks_the_words_and_the_cosine(bank: MemoryBank) -> None:
    bank.embedder = FakeEmbedder()
    bank.add("gardens")
    bank.add("the old gardening books of my aunt")
    bank.index_all()
    first, second = bank.search("gardening books")
    assert first.memory is not None
    assert first.memory.id == 2
    assert first.why == Explanation(("gardening", "books"), 1, 1, pytest.approx(2 / (7 * 2) ** 0.5, abs=0.002))
    assert first.score == pytest.approx(1 / 61 + 1 / 61)
    assert second.why == Explanation(("gardening",), 2, None, pytest.approx(0, abs=0.002))
    assert second.score == pytest.approx(1 / 62)


def test_what_merely_fills_up_has_no_explanation(bank: MemoryBank) -> None:
    bank.add("gardens")
    [hit] = bank.search("unheard", floor=False)
    assert (hit.score, hit.why, hit.matched_by) == (0.0, Explanation(), MatchedBy.RECENT)


def test_words_of_scripts_without_spaces_are_explained_by_what_was_asked(bank: MemoryBank) -> None:
    bank.add("我住在北京")
    [hit] = bank.search("北京 有 什么")
    assert hit.why.words == ("北京",)
