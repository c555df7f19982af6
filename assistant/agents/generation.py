"""What the agents need from whatever generates text."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Agent(StrEnum):
    """The two agents. Each keeps a context of its own, so that its cached prefix stays valid."""

    MANAGER = "manager"
    ANSWER = "answer"


class Role(StrEnum):
    """Who speaks in a chat prompt."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a prompt. Its text is always plain text, never control tokens."""

    role: Role
    text: str


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote, and what it cost (tokens; `seconds` of wall time).

    `confidence` is the geometric mean of the probabilities that the model gave the tokens it wrote, from 0 to 1.
    `model` is the name of the model, "" where nobody knows.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    confidence: float = 1.0
    model: str = ""

    @property
    def log_probability(self) -> float:
        """The logarithm of the probability that the model gave the whole text, its end included."""
        return (self.completion_tokens + 1) * math.log(max(self.confidence, sys.float_info.min))


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What must be known of a model to work with it.

    `memories_offered` is how many memories it was trained to be shown at once. What its manager proposes with a
    confidence below `least_confidence` is more often wrong than right. Of completions with a confidence below
    `reconsider_below`, other drafts are worth their time. One that copies instead of knowing a language has
    `own_words`, in small letters: any other word that it writes should stand in its prompt. None: it may write what it
    likes.
    """

    memories_offered: int = 8
    least_confidence: float = 0.0
    reconsider_below: float = 0.0
    own_words: frozenset[str] = frozenset()


USUAL_TRAITS = ModelTraits()
"""Those of a model of which nothing is known."""


class Generator(Protocol):
    """Generates text for an agent. Greedy unless `temperature` is above 0, then repeatable by `seed`.

    `grammar` is GBNF; `on_text` gets each new piece as it comes; setting `cancel` ends the generation within one token
    with `FinishReason.CANCELLED` and the text so far.
    """

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        grammar: str | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        seed: int | None = None,
    ) -> Completion: ...
