"""What the agents need from whatever generates text."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


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


@dataclass(frozen=True, slots=True)
class JsonForm:
    """A form for what can be held to a JSON Schema alone.

    `request` tells a model in words to write so. `read` turns the JSON, which may still be growing, into the completion
    that the grammar describes, as far as it is certain: of a longer text it returns a longer one that begins alike.
    """

    schema: Mapping[str, Any]
    request: str
    read: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Form:
    """What a completion has to look like: a grammar in GBNF, and the same as JSON where that is all one can ask for."""

    grammar: str
    json: JsonForm | None = None


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote, and what it cost (tokens; `seconds` of wall time).

    `confidence` is the geometric mean of the probabilities that the model gave the tokens it wrote, from 0 to 1, and 1
    where the model's traits do not ask for it. `model` is the name of the model, "" where nobody knows.
    `thinking_tokens` were written before the text and thrown away; `dropped` messages of the history, the oldest, did
    not fit and were not read.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    confidence: float = 1.0
    model: str = ""
    thinking_tokens: int = 0
    dropped: int = 0

    @property
    def read_tokens(self) -> int:
        """How much of the prompt had to be read; the rest was in the cache."""
        return self.prompt_tokens - self.cached_tokens

    @property
    def log_probability(self) -> float:
        """The logarithm of the probability that the model gave the whole text, its end included."""
        return (self.completion_tokens + 1) * math.log(max(self.confidence, sys.float_info.min))


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What must be known of a model to work with it.

    `memories_offered` is how many memories it is shown at once. What its manager proposes with a confidence below
    `least_confidence` is more often wrong than right. Of completions with a confidence below `reconsider_below`, other
    drafts are worth their time. One that copies instead of knowing a language has `own_words`, in small letters: any
    other word that it writes should stand in its prompt. None: it may write what it likes.

    A model that is `trained` for the task knows it from the agents' names; any other has to be told. `history_turns` is
    how many of the turns before a message it is shown (None: as many as its context has room for), `answer_tokens` how
    long its answers may grow.
    """

    memories_offered: int = 8
    least_confidence: float = 0.0
    reconsider_below: float = 0.0
    own_words: frozenset[str] = frozenset()
    trained: bool = False
    history_turns: int | None = None
    answer_tokens: int = 1024

    @property
    def doubts(self) -> bool:
        """Whether it matters how sure the model is."""
        return self.least_confidence > 0 or self.reconsider_below > 0


USUAL_TRAITS = ModelTraits()
"""Those of a model of which nothing is known."""


class Generator(Protocol):
    """Generates text for an agent. Greedy unless `temperature` is above 0, then repeatable by `seed`.

    The completion has `form`, if there is one. `on_text` gets each new piece as it comes; setting `cancel` ends the
    generation within one token with `FinishReason.CANCELLED` and the text so far.
    """

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        seed: int | None = None,
    ) -> Completion: ...
