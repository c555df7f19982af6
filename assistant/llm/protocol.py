"""The messages between the app and the model's process: one JSON object a line, each with the name of its class.

Requests go to the child, replies come back; a reply carries the id of its request. Knows nothing of pipes or models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class ChildOptions:
    """What the child is told on its command line. `parent` is the process whose end is also the child's."""

    model: str
    context: int
    threads: int
    embedder: str | None
    parent: int


@dataclass(frozen=True)
class Generate:
    """Asks for a completion; `messages` holds pairs of role and text. Pieces are sent as they come if `stream`."""

    id: int
    agent: str
    messages: list[tuple[str, str]]
    grammar: str | None
    max_tokens: int
    temperature: float
    seed: int
    stream: bool


@dataclass(frozen=True)
class Embed:
    """Asks for the vectors of `texts`."""

    id: int
    texts: list[str]


@dataclass(frozen=True)
class Cancel:
    """Ends request `id` within one token. One that has ended already is left alone."""

    id: int


@dataclass(frozen=True)
class Ready:
    """The model is loaded; `context` is what it can read at once, in tokens."""

    context: int


@dataclass(frozen=True)
class Piece:
    """A new piece of a completion that is streamed."""

    id: int
    text: str


@dataclass(frozen=True)
class Done:
    """The whole completion, its cost in tokens, and how sure the model was of it, from 0 to 1."""

    id: int
    text: str
    finish_reason: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    confidence: float


@dataclass(frozen=True)
class Vectors:
    """The vectors of the texts, in order, each base64 of normalised little-endian float32."""

    id: int
    vectors: list[str]


LOADING = 0
"""The id that stands for the loading of the model; requests count from 1."""


class FailureKind(StrEnum):
    """What a request, or the loading of the model, failed of."""

    MODEL_FILE = "model_file"
    INSTALLATION = "installation"
    GRAMMAR = "grammar"
    PROMPT = "prompt"
    EMBEDDER = "embedder"
    COMPUTE = "compute"


@dataclass(frozen=True)
class Failed:
    """Request `id` failed; LOADING is the loading of the model. The child goes on after the failure of a request."""

    id: int
    kind: FailureKind
    reason: str


Request = Generate | Embed | Cancel
RequestReply = Piece | Done | Vectors | Failed
Reply = Ready | RequestReply

_CLASSES: dict[str, Any] = {
    cls.__name__: cls for cls in (ChildOptions, Generate, Embed, Cancel, Ready, Piece, Done, Vectors, Failed)
}


def encode(message: ChildOptions | Request | Reply) -> str:
    """`message` as one line without its end. Pure ASCII, so that lone surrogates pass as well."""
    return json.dumps({"type": type(message).__name__, **vars(message)})


def decode(line: str | bytes) -> Any:
    """The message that `encode` wrote."""
    fields = json.loads(line)
    return _CLASSES[fields.pop("type")](**fields)
