from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from assistant.errors import EngineCrashed, EngineError
from assistant.memory.bank import MatchedBy, MemoryBank
from tests.memory.shorthand import NOON, deleting, updating
from tests.scripted import FakeEmbedder

FACTS = [
    "User has two dogs named Buddy and Scout.",
    "User works as a nurse in Bergen.",
    "User's sister Ida is allergic to peanuts.",
    "User prefers tea to coffee.",
]


class MeaningEmbedder:
    """Puts animals, work and all else on three axes, as a model of meaning would."""

    name = "meaning"
    dimensions = 3

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: EngineError | None = None

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        if self.error is not None:
            raise self.error
        self.asked += texts
        return [struct.pack("<3f", *self._axis(text.lower())) for text in texts]

    def _axis(self, text: str) -> tuple[float, float, float]:
        if "dog" in text or "pet" in text:
            return (1.0, 0.0, 0.0)
        return (0.0, 1.0, 0.0) if "nurse" in text or "career" in text else (0.0, 0.0, 1.0)


@pytest.fixture
def facts(bank: MemoryBank) -> MemoryBank:
    for fact in FACTS:
        bank.add(fact)
    return bank


@pytest.fixture
def meaning(facts: MemoryBank) -> MeaningEmbedder:
    embedder = MeaningEmbedder()
    facts.embedder = embedder
    assert facts.index_pending() == 4
    return embedder


def found(bank: MemoryBank, query: str, *, floor: bool = True) -> list[int]:
    return [hit.memory.id for hit in bank.search(query, floor=floor) if hit.memory is not None]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("How many dogs do I have?", [1]),
        ("do you know my DOG", [1]),
        ("What's Ida allergic to?", [3]),
        ("where am I working?", [2]),
        ("Buddy or Ida", [3, 1]),
        ("pean", [3]),
    ],
)
def test_words_that_mean_something_find_memories(facts: MemoryBank, query: str, ids: list[int]) -> None:
    assert sorted(found(facts, query)) == sorted(ids)


@pytest.mark.parametrize(
    "query",
    [
        "What is the capital of Mongolia?",
        "I have to do it, and you?",
        "User",
        "tell me what you know about me",
        "tes",
        "",
        " \n",
        "?!",
        "___",
    ],
)
def test_a_query_that_has_nothing_to_do_with_it_finds_nothing(facts: MemoryBank, query: str) -> None:
    assert facts.search(query) == []


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '" OR *',
        "NEAR(tea, 2)",
        "text:dogs AND NOT",
        "tea)(",
        "^dogs*",
        "tea\x00dogs",
        "-tea",
        "{tea}",
        "tea\udcff",
    ],
)
def test_no_query_is_an_error_whatever_it_holds(facts: MemoryBank, query: str) -> None:
    assert isinstance(facts.search(query), list)


def test_a_word_in_front_of_strange_characters_is_still_found(facts: MemoryBank) -> None:
    assert found(facts, '"tea*) NEAR') == [4]


def test_a_pasted_page_is_searched_by_its_first_words(facts: MemoryBank) -> None:
    assert found(facts, "nurse " + "something else entirely " * 40_000) == [2]


def test_accents_and_case_do_not_matter(bank: MemoryBank) -> None:
    bank.add("User's friend Zoë lives in São Paulo")
    assert found(bank, "zoe") == [1]
    assert found(bank, "SÃO") == [1]


def test_the_limit_holds_and_the_best_come_first(bank: MemoryBank) -> None:
    for i in range(20):
        bank.add(f"User has a plant, number {i}, with some leaves")
    bank.add("A fern is a plant")
    hits = bank.search("plant fern", limit=3)
    assert len(hits) == 3
    assert hits[0].memory is not None
    assert hits[0].memory.text == "A fern is a plant"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_only_what_is_remembered_now_is_found(facts: MemoryBank) -> None:
    facts.embedder = FakeEmbedder()
    facts.index_pending()
    facts.apply([updating(4, "User prefers water"), deleting(2)], actor="manager", observed_at=NOON)
    facts.forget(1)
    facts.forget(3, purge=True)
    for query in ("tea coffee", "nurse Bergen", "dogs", "peanuts"):
        assert found(facts, query) == []
    assert found(facts, "nurse", floor=False) == [4], "without the floor, whatever is remembered; never what is not"
    facts.undo(facts.operations(limit=2)[1].id)
    assert found(facts, "dogs") == [1]


def test_without_an_embedder_search_is_by_text_and_says_so(facts: MemoryBank) -> None:
    assert facts.search_mode == "text"
    assert facts.index_pending() == 0
    assert [hit.matched_by for hit in facts.search("dogs")] == [MatchedBy.TEXT]


def test_meaning_finds_what_no_word_would(facts: MemoryBank, meaning: MeaningEmbedder) -> None:
    assert facts.search_mode == "text and meaning"
    assert [(hit.memory.id if hit.memory else 0, hit.matched_by) for hit in facts.search("my pets")] == [
        (1, MatchedBy.MEANING)
    ]


def test_what_both_ways_find_comes_before_what_one_finds(facts: MemoryBank, meaning: MeaningEmbedder) -> None:
    hits = facts.search("dogs or tea")
    assert [(hit.memory.id if hit.memory else 0, hit.matched_by) for hit in hits] == [
        (1, MatchedBy.BOTH),
        (4, MatchedBy.TEXT),
    ]


def test_without_the_floor_the_newest_fill_up_to_the_limit(facts: MemoryBank) -> None:
    hits = facts.search("dogs", limit=3, floor=False)
    assert [(hit.memory.id if hit.memory else 0, hit.matched_by) for hit in hits] == [
        (1, MatchedBy.TEXT),
        (4, MatchedBy.RECENT),
        (3, MatchedBy.RECENT),
    ]


def test_far_vectors_are_no_hits_unless_asked_for(facts: MemoryBank, meaning: MeaningEmbedder) -> None:
    facts.forget(3)
    facts.forget(4)
    assert found(facts, "the weather") == []
    assert sorted(found(facts, "the weather", floor=False)) == [1, 2]


@pytest.mark.parametrize(("cosine", "ids"), [(0.26, [1]), (0.24, [])])
def test_the_floor_is_a_cosine_of_a_quarter(bank: MemoryBank, cosine: float, ids: list[int]) -> None:
    class Fixed(MeaningEmbedder):
        def _axis(self, text: str) -> tuple[float, float, float]:
            return (1.0, 0.0, 0.0) if text == "fact" else (cosine, (1 - cosine**2) ** 0.5, 0.0)

    bank.add("fact")
    bank.embedder = Fixed()
    bank.index_pending()
    assert found(bank, "unrelated") == ids


def test_an_embedder_that_fails_leaves_search_by_text(facts: MemoryBank, meaning: MeaningEmbedder) -> None:
    meaning.error = EngineCrashed("The model process ended unexpectedly.")
    assert found(facts, "my pets, the dogs") == [1]
    assert facts.search_mode == "text"
    with pytest.raises(EngineCrashed):
        facts.add("User likes jazz") and facts.index_pending()
    meaning.error = None
    assert found(facts, "my pets") == [1]
    assert facts.search_mode == "text and meaning"


@pytest.mark.parametrize(
    "vector",
    [b"", b"\x00" * 8, struct.pack("<3f", 1, float("nan"), 0), struct.pack("<3f", 1, float("inf"), 0), b"\x00" * 12],
)
def test_a_broken_vector_is_refused_and_never_stored(facts: MemoryBank, vector: bytes) -> None:
    class Broken(MeaningEmbedder):
        def embed(self, texts: Sequence[str]) -> list[bytes]:
            return [vector for _ in texts]

    facts.embedder = Broken()
    with pytest.raises(EngineError, match="no vector"):
        facts.index_pending()
    assert found(facts, "dogs") == [1]
    assert facts.search_mode == "text"


def test_too_few_vectors_are_refused(facts: MemoryBank) -> None:
    class Short(MeaningEmbedder):
        def embed(self, texts: Sequence[str]) -> list[bytes]:
            return super().embed(texts)[:-1]

    facts.embedder = Short()
    with pytest.raises(EngineError, match="no vector"):
        facts.index_pending()


def test_vectors_are_made_a_batch_at_a_time_and_once(facts: MemoryBank) -> None:
    embedder = facts.embedder = MeaningEmbedder()
    assert [facts.index_pending(batch=3), facts.index_pending(batch=3), facts.index_pending(batch=3)] == [3, 1, 0]
    assert embedder.asked == FACTS[::-1]
    facts.apply([updating(1, "User has a cat.")], actor="manager", observed_at=NOON)
    assert [facts.index_pending(), facts.index_pending()] == [1, 0]
    assert embedder.asked[4:] == ["User has a cat."]


def test_another_embedder_makes_its_own_vectors(facts: MemoryBank, meaning: MeaningEmbedder) -> None:
    facts.embedder = FakeEmbedder()
    assert facts.search("unheard") == []
    assert facts.index_pending() == 4
    hits = facts.search("dogs")
    assert [hit.matched_by for hit in hits] == [MatchedBy.BOTH]


def test_a_memory_that_changes_while_it_is_embedded_gets_no_stale_vector(facts: MemoryBank) -> None:
    class Slow(MeaningEmbedder):
        def embed(self, texts: Sequence[str]) -> list[bytes]:
            if not self.asked:
                facts.apply([updating(1, "User has a cat.")], actor="manager", observed_at=NOON)
                facts.forget(2)
            return super().embed(texts)

    embedder = facts.embedder = Slow()
    facts.index_pending()
    assert found(facts, "my pets") == []
    assert facts.index_pending() == 1
    assert embedder.asked[4:] == ["my pets", "User has a cat."]


def test_messages_are_found_by_their_words_once_they_are_whole(bank: MemoryBank) -> None:
    conversation = bank.new_conversation()
    asked = bank.add_message(conversation.id, "user", "Is my dentist in Oslo?")
    reply = bank.add_message(conversation.id, "assistant", "The dentist", state="partial")
    bank.add("User's dentist is Ann")
    assert [hit.message for hit in bank.search("dentist", kinds=["message"])] == [asked]
    bank.update_message(reply.id, "No, in Bergen.", "complete")
    assert [hit.message and hit.message.id for hit in bank.search("dentist bergen", kinds=["message"])] == [2, 1]
    both = bank.search("dentist", kinds=("memory", "message"))
    assert [(hit.memory is not None, hit.message is not None) for hit in both] == [(True, False), (False, True)]
