"""Made-up memories, each with a question about the same things.

Promises that the same seed makes the same ones, that no two say the same, and that names, places and things are as
unevenly frequent as words are. Knows nothing of vectors.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")

ONSETS = "b br c ch d dr f g gr h j k kl l m n p pr r s sh st t tr v w z".split()
VOWELS = "a e i o u ai ea".split()
CODAS = "n r l s t nd m rk lt ck".split()
NAMES, PLACES, THINGS = 2000, 1500, 3000
OFFSET = 5
"""Of Zipf's law as Mandelbrot has it: the most frequent word is 3 in 100, not 12."""
USER_ALONE = 0.35
"""How often a memory is about the user and not about somebody of theirs."""

RELATIONS = """
    sister brother mother father aunt uncle cousin nephew niece daughter son wife husband partner friend neighbour
    colleague manager teacher doctor landlord roommate grandmother grandfather trainer
""".split()
MONTHS = """
    January February March April May June July August September October November December
""".split()
TEMPLATES = (
    ("{who} moved to {place} with {name} in {year}.", "Where does {asked} live since {year}?"),
    ("{who} moved to {place}, near the old {thing}.", "Which town is {asked} in, is it {place}?"),
    ("{who} works as a {thing} repairer in {place}.", "What job does {asked} have in {place}?"),
    ("{who} has {number} {thing}s in the garden.", "How many {thing}s does {asked} own?"),
    ("{who} is allergic to {thing} and to {other}.", "Can I cook {thing} for {asked}?"),
    ("{who} adopted a dog called {name} from {place}.", "What is the pet of {asked} called, {name}?"),
    ("{who} plays the {thing} with {name} every week.", "Who joins {asked} for music on the {thing}?"),
    ("{who} is training for the {place} marathon in {month}.", "When does {asked} run in {place}?"),
    ("{who} bought a {thing} for {number} euros in {place}.", "How much was the {thing} of {asked}?"),
    ("{who} studies the history of {thing} at {place}.", "What is {asked} learning in {place}?"),
    ("{who} prefers {thing} to {other} at breakfast.", "Does {asked} want {thing} or {other}?"),
    ("{who} met {name} at a {thing} fair in {place}.", "How did {asked} get to know {name}?"),
    ("{who} will marry {name} in {place} in {month}.", "When is the wedding of {asked} and {name}?"),
    ("{who} broke a {thing} while hiking near {place}.", "What happened to {asked} around {place}?"),
    ("{who} collects {thing} stamps from {place}.", "Which stamps would please {asked}?"),
    ("{who} teaches {thing} to {number} children in {place}.", "What is the class of {asked} about, {thing}?"),
    ("{who} lent {name} a {thing} in {month}.", "Who still has the {thing} of {asked}?"),
    ("{who} owes {name} {number} euros for the {thing}.", "How much money does {asked} have to give {name}?"),
    ("{who} dreams of sailing from {place} to {place2}.", "Where would {asked} take a boat, {place2}?"),
    ("{who} grew up in {place} and speaks {thing} fluently.", "Which languages does {asked} know from {place}?"),
    ("{who} painted the {thing} of {name} in {year}.", "Which picture of {name} is by {asked}?"),
    ("{who} cannot stand {thing} since a trip to {place}.", "Why does {asked} hate {thing}?"),
    ("{who} founded a {thing} company with {name} in {year}.", "Which firm do {asked} and {name} run?"),
    ("{who} takes {number} drops of {thing} for the heart.", "Which medicine does {asked} need, {thing}?"),
    ("{who} flies to {place} every {month} to see {name}.", "When is {asked} in {place} again?"),
    ("{who} baked a {thing} cake for {name} last {month}.", "What did {name} get from {asked} as dessert?"),
    ("{who} sold the house in {place} to {name}.", "Who owns the home of {asked} in {place} now?"),
    ("{who} reads {thing} novels by {name} at night.", "Which author does {asked} like, {name}?"),
    ("{who} won the {place} chess cup against {name}.", "Which prize did {asked} get in {place}?"),
    ("{who} keeps the {thing} key under pot {number}.", "Where is the {thing} key of {asked}?"),
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A memory's text, and a question about the same in other words."""

    text: str
    question: str


class _Zipf:
    """Draws from a list so that the first are the most frequent."""

    def __init__(self, values: Sequence[str]) -> None:
        self._values = values
        self._limits = list(accumulate(1 / (rank + OFFSET) for rank in range(1, len(values) + 1)))

    def draw(self, chance: random.Random) -> str:
        return self._values[bisect(self._limits, chance.random() * self._limits[-1])]


def facts(seed: int) -> Iterator[Fact]:
    """Ever new ones, of 5 to 14 words; the first are the same however many are taken."""
    chance = random.Random(seed)
    names, places, things = (
        _Zipf(_words(chance, count, capital=capital))
        for count, capital in ((NAMES, True), (PLACES, True), (THINGS, False))
    )
    said: set[str] = set()
    while True:
        statement, question = chance.choice(TEMPLATES)
        is_user = chance.random() < USER_ALONE
        somebody = "" if is_user else f"{chance.choice(RELATIONS)} {names.draw(chance)}"
        slots = {
            "who": "User" if is_user else f"User's {somebody}",
            "asked": "the user" if is_user else f"my {somebody}",
            "name": names.draw(chance),
            "place": places.draw(chance),
            "place2": places.draw(chance),
            "thing": things.draw(chance),
            "other": things.draw(chance),
            "number": chance.randint(2, 999),
            "year": chance.randint(1960, 2025),
            "month": chance.choice(MONTHS),
        }
        text = statement.format_map(slots)
        if text not in said:
            said.add(text)
            yield Fact(text, question.format_map(slots))


def _words(chance: random.Random, count: int, *, capital: bool) -> list[str]:
    """`count` different words that can be pronounced."""
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = [chance.choice(ONSETS) + chance.choice(VOWELS) for _ in range(chance.choice((1, 2, 2, 3)))]
        word = "".join(syllables) + chance.choice(CODAS)
        found[word.capitalize() if capital else word] = None
    return list(found)
