"""Simulated lives: people who tell an assistant about themselves, and the operations and answers that would be right.

A `Life` is a dialogue. Each `Turn` holds what was said, the facts remembered before it, how they should change, and
questions that could be asked after it. Knows nothing of prompts, models or the bank.
"""

from __future__ import annotations

from dataclasses import dataclass

from trainer.data.facts import Fact

USER = "User"
ABSTAIN = "I don't know that yet."


@dataclass(frozen=True, slots=True)
class Change:
    """What should become of one fact. `before` None: it is new. `after` None: it no longer holds."""

    before: Fact | None
    after: Fact | None


@dataclass(frozen=True, slots=True)
class Question:
    """A question put to the assistant. `evidence` is the fact that answers it; None: only abstaining is right."""

    kind: str
    text: str
    answer: str
    evidence: Fact | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, what was remembered before it, and what it should change (nothing: small talk, or already known).

    `instead` holds messages that could have been said in its place; nothing follows from them.
    """

    speaker: str
    text: str
    kind: str
    known: tuple[Fact, ...]
    changes: tuple[Change, ...]
    questions: tuple[Question, ...]
    instead: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """A dialogue. `people` are those whose facts are told: the user alone, or two named participants."""

    people: tuple[str, ...]
    turns: tuple[Turn, ...]
