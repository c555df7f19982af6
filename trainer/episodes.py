"""Dialogues replayed into episodes: what an agent is asked once, and what its reward is found by.

Promises the prompts of the app: banks, search and prompts are the assistant's own. Knows nothing of models and rewards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assistant.agents.generation import ChatMessage
from trainer.dialogues import Asked, Said


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory as it stood: its text, and when what it says was said."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ManagerEpisode:
    """A message with the bank before it, and the questions of which it is the evidence, or a part of it.

    `earlier` are the messages just before, oldest first.
    """

    id: str
    before: tuple[Remembered, ...]
    message: Said
    earlier: tuple[Said, ...]
    questions: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class AnswerEpisode:
    """A question with the memories on offer, best first, and what was said before it."""

    id: str
    question: Asked
    offered: tuple[str, ...]
    history: tuple[ChatMessage, ...] = ()
