"""The list of conversations, and finding one again by what was said in it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from assistant.memory.bank import MemoryBank
from assistant.memory.excerpts import Wanted, line_around
from assistant.memory.records import Found
from tests.memory.shorthand import NOON
from tests.scripted import FakeEmbedder


def conversation(bank: MemoryBank, title: str, *texts: str, at: datetime = NOON) -> int:
    number = bank.new_conversation(title).id
    for text in texts:
        bank.add_message(number, "user", text, created_at=at)
    return number


def marked(found: Found) -> str:
    """The excerpt with what matches in brackets."""
    line = found.excerpt
    for begin, end in reversed(found.spans):
        line = f"{line[:begin]}[{line[begin:end]}]{line[end:]}"
    return line


def found_by(bank: MemoryBank, query: str) -> list[str]:
    return [marked(found) for found in bank.find_in_conversations(query, 9)]


def test_the_one_last_written_in_comes_first(bank: MemoryBank) -> None:
    dogs = conversation(bank, "Dogs", "I have a dog.")
    empty = bank.new_conversation("Nothing yet")
    tea = conversation(bank, "Tea", "I like tea.", at=NOON + timedelta(hours=1))
    bank.add_message(dogs, "assistant", "How nice!\n\n  What is it called?", created_at=NOON + timedelta(days=1))
    listed = bank.recent_conversations(9)
    assert [(s.conversation.title, s.message_count, s.opening) for s in listed] == [
        ("Dogs", 2, "How nice! What is it called?"),
        ("Tea", 1, "I like tea."),
        ("Nothing yet", 0, ""),
    ]
    assert [s.last_at for s in listed] == [NOON + timedelta(days=1), NOON + timedelta(hours=1), empty.created_at]
    assert [s.conversation for s in listed] == [bank.conversation(n) for n in (dogs, tea, empty.id)]
    assert [s.conversation.title for s in bank.recent_conversations(1, offset=1)] == ["Tea"]
    assert bank.recent_conversations(9, offset=3) == []


def test_all_branches_are_counted_and_the_shown_one_is_quoted(bank: MemoryBank) -> None:
    number = conversation(bank, "Dogs", "I have a dgo.")
    first = bank.messages(number, 1)[0]
    bank.add_message(number, "user", "I have a dog.", instead_of=first.id)
    bank.show_branch(first.id)
    [summary] = bank.recent_conversations(9)
    assert (summary.message_count, summary.opening) == (2, "I have a dgo.")


def test_a_long_message_is_shown_as_far_as_a_line_goes(bank: MemoryBank) -> None:
    conversation(bank, "", "word " * 1000)
    [summary] = bank.recent_conversations(9)
    assert summary.opening == "word " * 15 + "word…"


def test_what_was_imported_and_what_came_along_can_be_told(bank: MemoryBank) -> None:
    mine = conversation(bank, "Mine", "Hello")
    imported = bank.new_conversation("conv-26").id
    bank.add_message(imported, "user", "Long ago", external_id="locomo:1")
    bank.add_message(imported, "user", "And I go on with it")
    sample = bank.new_conversation("Sample", is_sample=True).id
    summaries = {s.conversation.id: s for s in bank.recent_conversations(9)}
    assert [summaries[n].is_imported for n in (mine, imported, sample)] == [False, True, False]
    assert [summaries[n].conversation.is_sample for n in (mine, imported, sample)] == [False, False, True]


def test_two_thousand_conversations_are_listed_at_once(bank: MemoryBank) -> None:
    with bank._database.write() as connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000)"
            " INSERT INTO conversation (id, title, created_at)"
            " SELECT i, 'Talk ' || i, '2026-01-01T00:00:00+00:00' FROM n"
        )
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
            " INSERT INTO message (id, conversation_id, role, text, created_at, state)"
            " SELECT i, i % 2000 + 1, 'user', 'Hello ' || i, '2026-01-01T00:00:00+00:00', 'complete' FROM n"
        )

    def seconds() -> float:
        began = time.perf_counter()
        listed = bank.recent_conversations(50, offset=50)
        assert [(s.conversation.id, s.message_count) for s in listed[:1]] == [(1951, 50)]
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.030


def test_a_conversation_is_found_by_what_was_said_in_it(bank: MemoryBank) -> None:
    conversation(bank, "Pets", "I adopted a dog.", "It rained all day.", "My dogs are called Buddy and Scout.")
    conversation(bank, "Hot drinks", "I like tea.", "The dog next door barks.")
    [first, second] = bank.find_in_conversations("dogs", 9)
    assert (first.conversation.title, first.message and first.message.text) == ("Pets", "I adopted a dog.")
    assert (second.conversation.title, marked(second)) == ("Hot drinks", "The [dog] next door barks.")
    assert found_by(bank, "dog buddy") == [
        "My [dogs] are called [Buddy] and Scout.",
        "The [dog] next door barks.",
    ]
    assert found_by(bank, "zebra") == found_by(bank, "") == found_by(bank, " ?! ") == []
    assert len(bank.find_in_conversations("dog", 1)) == 1


@pytest.mark.parametrize("typed", ["a", "ad", "adop", "adopt", "adopti", "adoptin", "adopting", "ADOPTI"])
def test_it_is_found_while_its_word_is_typed(bank: MemoryBank, typed: str) -> None:
    conversation(bank, "", "They were adopting Buddy.")
    conversation(bank, "", "We like tea.")
    assert found_by(bank, typed) == ["They were [adopting] Buddy."]


def test_a_word_that_is_typed_to_its_end_is_no_beginning_any_more(bank: MemoryBank) -> None:
    conversation(bank, "", "A tea cup.")
    conversation(bank, "", "A teapot.")
    assert sorted(found_by(bank, "tea")) == ["A [tea] cup.", "A [teapot]."]
    assert found_by(bank, "tea ") == ["A [tea] cup."]


def test_words_that_merely_share_their_beginning_with_what_is_typed_are_not_found(bank: MemoryBank) -> None:
    conversation(bank, "", "An adoption.")
    conversation(bank, "", "An adopter.")
    assert found_by(bank, "adopti") == ["An [adoption]."]


@pytest.mark.parametrize(
    ("said", "typed", "shown"),
    [
        ("我昨天领养了一只小狗", "小狗", "我昨天领养了一只[小狗]"),
        ("我昨天领养了一只小狗", "狗", "我昨天领养了一只小[狗]"),
        ("昨日犬を飼い始めました", "犬を飼", "昨日[犬を飼]い始めました"),
        ("Я живу в Москве", "моск", "Я живу в [Москве]"),
        ("Das Café heißt Müller", "cafe mul", "Das [Café] heißt [Müller]"),
        ("אני גר בתל אביב", "בתל אב", "אני גר [בתל] [אביב]"),
    ],
)
def test_other_languages_are_found_as_well(bank: MemoryBank, said: str, typed: str, shown: str) -> None:
    conversation(bank, "", said)
    conversation(bank, "", "Something else in English.")
    assert found_by(bank, typed) == [shown]


def test_a_title_counts_as_well(bank: MemoryBank) -> None:
    conversation(bank, "Holidays in Norway", "Where shall we go?")
    conversation(bank, "Norway", "Norway it is.")
    [both, title_alone] = bank.find_in_conversations("norw", 9)
    assert (both.conversation.title, marked(both)) == ("Norway", "[Norway] it is.")
    assert (title_alone.message, marked(title_alone)) == (None, "Holidays in [Norway]")
    assert both.score > title_alone.score


def test_of_equally_good_ones_the_newest_comes_first(bank: MemoryBank) -> None:
    older = conversation(bank, "Cats", "Hello")
    newer = conversation(bank, "Cats", "Hello")
    assert [found.conversation.id for found in bank.find_in_conversations("cats", 9)] == [newer, older]


def test_what_is_near_in_meaning_alone_is_found_and_quoted_from_its_beginning(bank: MemoryBank) -> None:
    bank.embedder = FakeEmbedder()
    conversation(bank, "", "who when where")
    bank.index_all()
    [found] = bank.find_in_conversations("who when where ", 9)
    assert found.excerpt == "who when where"


@pytest.mark.parametrize(
    "query", ['"', "AND", "dog OR", "NEAR(a b)", "*", "a*", "-", "(", "__", "tea\0", "^x", "\udcff"]
)
def test_whatever_is_typed_is_no_error(bank: MemoryBank, query: str) -> None:
    conversation(bank, "Title", "A dog or two.")
    assert isinstance(bank.find_in_conversations(query, 9), list)


def test_a_line_shows_what_was_looked_for_and_what_stands_around_it() -> None:
    text = "One two three.\n\n" * 20 + "The needle lies   here.\n" + "Four five six. " * 20
    line, [(begin, end)] = line_around(text, Wanted.of("needle").spans(text))
    assert line == (
        "…three. One two three. The needle lies here. Four five six. Four five six. Four five six. Four five…"
    )
    assert line[begin:end] == "needle"
    assert len(line) == 100


def test_a_line_without_a_match_is_the_beginning() -> None:
    assert line_around("Hello\tthere", ()) == ("Hello there", ())
    assert line_around("", ()) == ("", ())
    assert line_around("a" * 300, ()) == ("a" * 99 + "…", ())
