"""Puts lives together: events, restatements, small talk and questions in one dialogue."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from trainer.data.asking import ask_known, ask_unknown
from trainer.data.facts import Fact
from trainer.data.lives import Change, Life, Question, Turn
from trainer.data.storyteller import USUAL, Shares, Storyteller
from trainer.data.tellers import TELLERS, Event
from trainer.data.wordings import Wordings

OFTEN_TOLD_TOGETHER = ("liking", "favourite", "plan", "appointment")
"""Kinds of which two are told at once without the one being about the other."""
LEARNED_LAST = ("friend_job", "friend_pet", "job", "liking", "pet")
"""Kinds of news that came out worst on the dev split, for their share of it."""
SMALLTALK = (
    "greeting", "thanks", "goodbye", "mood", "weather", "chitchat", "request", "reaction", "remark", "wondering",
)  # fmt: skip
REMARK_SHARE = 0.4
"""Of small talk: most of what people say is nothing to remember, and says it in words of its own."""
RESTATED = {
    "pet": ("pet.first", "species", "name"),
    "name": ("name.set", "name"),
    "age": ("age.set", "age"),
    "home": ("home.live", "place"),
    "family": ("family.has", "relation", "name"),
    "allergy": ("allergy.first", "x"),
    "condition": ("condition.has", "x"),
    "instrument": ("instrument.plays", "x"),
    "language": ("language.speaks", "x"),
    "car": ("car.has", "x"),
    "birthday": ("birthday.set", "date"),
}
"""How a known fact is said again: the pool, then its slots, of which the last takes one of the values."""


def simulate(
    seed: int | str, wordings: Wordings, *, turns: int = 30, branches: int = 1, shares: Shares = USUAL
) -> Life:
    """One life of `turns` messages, the same for the same seed, wordings and shares.

    Each turn holds `branches - 1` messages that could have come in its place, and as many times its questions.
    """
    rng = Random(seed)
    story = Storyteller(rng, wordings, shares=shares)
    if rng.random() < shares.named:
        first = story.value("first_names")
        story.people = (first, story.value("first_names", first))
    return Life(story.people, tuple(_turn(story, branches) for _ in range(turns)))


def _turn(s: Storyteller, branches: int) -> Turn:
    instead = tuple(_turn(replace(s, known=dict(s.known)), 0) for _ in range(branches - 1))
    subject = s.rng.choice(s.people)
    known = tuple(s.known.values())
    roll = s.rng.random()
    if roll < s.shares.idle:
        kind, text, changes = _nothing_new(s, subject)
    elif roll < s.shares.idle + 0.06 and known:
        kind, text, changes = _restated(s, subject) or _nothing_new(s, subject)
    else:
        kind, text, changes = _news(s, subject)
    for change in changes:
        if change.before is not None:
            del s.known[change.before.key]
        if change.after is not None:
            s.known[change.after.key] = change.after
    rounds = branches if s.chance(s.shares.asked) else 0
    questions = [question for _ in range(rounds) for question in _questions(s, changes)]
    return Turn(subject, s.addressed(text, subject), kind, known, changes, tuple(questions), instead)


def _questions(s: Storyteller, changes: tuple[Change, ...]) -> list[Question]:
    """Two questions: one about what was just said or something older, one that may be unanswerable."""
    news = [c.after for c in changes if c.after is not None]
    asked: list[Question] = []
    if s.known:
        fact: Fact = s.rng.choice(news) if news and s.chance(0.5) else s.rng.choice(list(s.known.values()))
        asked.append(ask_known(s, fact))
    if s.chance(0.35):
        asked.append(ask_unknown(s, s.rng.choice(s.people)))
    return asked


def _event(s: Storyteller, subject: str) -> Event:
    """Something new about `subject`: as often as not about a kind of fact of which something is known."""
    told = sorted({f.kind for f in s.known.values() if f.about[0] == subject})
    kinds = list(TELLERS)
    weights = [TELLERS[k][0] for k in kinds]
    while True:
        # Where nothing is practised nothing is drawn: the lives that models are measured on stay the same.
        if s.shares.practised and s.chance(s.shares.practised):
            kind = s.rng.choice(LEARNED_LAST)
        else:
            kind = s.rng.choice(told) if told and s.chance(0.5) else s.rng.choices(kinds, weights)[0]
        event = TELLERS[kind][1](s, subject)
        if event is not None and event[2].before != event[2].after:  # What is known already is no news.
            return event


def _news(s: Storyteller, subject: str) -> tuple[str, str, tuple[Change, ...]]:
    kind, text, change = _event(s, subject)
    if s.chance(s.shares.paired):
        other_kind, other_text, other = _event(s, subject)
        keys = {f.key for c in (change, other) for f in (c.before, c.after) if f is not None}
        first, second = kind.split(".")[0], other_kind.split(".")[0]
        if len(keys) == 2 and (first != second or first in OFTEN_TOLD_TOGETHER):
            return "two facts", _joined(text, other_text, s), (change, other)
    return kind, text, (change,)


def _joined(one: str, other: str, s: Storyteller) -> str:
    """Two pieces of news as one message, at times as one sentence."""
    if s.chance(0.4) and one.endswith(".") and not re.search(r"[.!?] ", one) and re.match(r"I\b", other):
        return f"{one[:-1]} and {other}"
    return f"{one} {other}"


def _restated(s: Storyteller, subject: str) -> tuple[str, str, tuple[Change, ...]] | None:
    options = [f for f in s.known.values() if f.kind in RESTATED and f.about[0] == subject]
    if not options:
        return None
    fact = s.rng.choice(options)
    pool, *slots = RESTATED[fact.kind]
    filled = dict(zip(slots, (*fact.about[1:], s.rng.choice(fact.values)), strict=True))
    return "known already", s.tell(pool, **filled), ()


def _nothing_new(s: Storyteller, subject: str) -> tuple[str, str, tuple[Change, ...]]:
    if s.chance(0.3):
        return "question", ask_unknown(s, subject).text, ()
    if s.known and s.chance(0.2):
        return "question", ask_known(s, s.rng.choice(list(s.known.values()))).text, ()
    kind = "remark" if s.chance(REMARK_SHARE) else s.rng.choice(SMALLTALK)
    return f"small talk: {kind}", s.chat(kind), ()
