"""What a memory speaks of is told from its words, for the wordings that models and people use."""

from __future__ import annotations

from datetime import date

import pytest

from assistant.memory.kinds import MemoryKind, kind_of
from assistant.memory.periods import Period

SAID = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (
            MemoryKind.PERSON,
            [
                "User has a sister named Emma.",
                "User has two older brothers.",
                "User's best friend Sam lives in Lisbon.",
                "User\u2019s mother-in-law works as a nurse.",
                "User's wife loves opera.",
                "User's boss is going to retire in May.",
                "Ana moved to Lyon.",
                "Ana and her brother run a shop.",
                "Ana's dog is called Rex.",
                "Mary Jane has red hair.",
                "Emma is User's cousin.",
                "My father was a baker.",
            ],
        ),
        (
            MemoryKind.PREFERENCE,
            [
                "User likes tea.",
                "User really dislikes crowds.",
                "User prefers trains to planes.",
                "User no longer enjoys running.",
                "User does not like fish.",
                "User doesn't like fish.",
                "User can't stand the cold.",
                "User's favourite colour is green.",
                "User's favorite film is Alien.",
                "Alien is User's favorite film.",
                "User is a big fan of jazz.",
                "User is very fond of cats.",
                "I love chess.",
                "Prefers window seats.",
            ],
        ),
        (
            MemoryKind.PLAN,
            [
                "User plans to visit Rome in May.",
                "User is planning a party.",
                "User will start a new job.",
                "User is going to Oslo.",
                "User wants to learn Greek.",
                "User would like to see the Alps.",
                "User is moving to Bergen in June.",
                "User has a dentist appointment on 5 May.",
                "User has booked a flight.",
                "User starts school next Monday.",
                "User sees the doctor tomorrow.",
                "The car is due for service next month.",
            ],
        ),
        (
            MemoryKind.EVENT,
            [
                "User adopted a dog.",
                "User got married on 3 May 2020.",
                "User recently moved to Bergen.",
                "User has visited Rome.",
                "User had an operation last week.",
                "User's dog died.",
                "I ran a marathon.",
                "User was promoted.",
            ],
        ),
        (
            MemoryKind.YOU,
            [
                "User lives in Oslo.",
                "User has a dog named Buddy.",
                "User's name is Max.",
                "User is allergic to walnuts.",
                "User works at Acme.",
                "User lived in Rome until 2019.",
                "User used to smoke.",
                "User has red hair.",
                "User looks like Elvis.",
                "User lives next to the station.",
                "User wears a ring.",
                "User's mother tongue is Greek.",
                "User's sister's car is red.",
                "Buddy is User's dog.",
                "I am a nurse.",
            ],
        ),
        (
            MemoryKind.OTHER,
            ["The bins go out on Fridays.", "walnut allergy", "Wifi password is on the fridge.", "我住在巴黎。", ""],
        ),
    ],
)
def test_a_memory_is_of_the_kind_that_its_words_say(kind: MemoryKind, texts: list[str]) -> None:
    assert {text: kind_of(text, SAID) for text in texts} == dict.fromkeys(texts, kind)


def test_what_begins_to_hold_after_it_was_said_is_a_plan() -> None:
    assert kind_of("User works at Acme.", SAID, Period.parse("2026-04")) is MemoryKind.PLAN
    assert kind_of("User works at Acme.", SAID, Period.parse("2026-03-01")) is MemoryKind.YOU
    assert kind_of("User works at Acme.", SAID, Period.parse("2026")) is MemoryKind.YOU


def test_a_long_text_is_read_in_no_time() -> None:
    """Every way to go wrong is tried once, not over and over."""
    assert kind_of("User " + "very " * 400 + "tired", SAID) is MemoryKind.YOU
    assert kind_of("A" * 2000, SAID) is MemoryKind.OTHER
    assert kind_of("Ana-" * 500, SAID) is MemoryKind.OTHER
