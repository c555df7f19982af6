"""The messages between the app and the model's process: one JSON object a line, each with the name of its class.

Requests go to the child, replies come back; a reply carries the id of its request. Knows nothing of pipes or models.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class AgentOptions:
    """What one agent runs on: a model's file and, if it has one, its adapter; `context` and `thinking` are in tokens.

    Agents with the same `model` share its weights. `context` is the most that is wanted, 0 for all that the model can.
    A model that thinks may do so for `thinking` tokens before it writes. `weighs` asks how sure it is of its words.
    """

    model: str
    adapter: str | None = None
    context: int = 0
    thinking: int = 0
    weighs: bool = True


@dataclass(frozen=True)
class ChildOptions:
    """What the child is told on its command line. `parent` is the process whose end is also the child's.

    `states` is a folder for what was read of the instructions, None to keep none of it.
    """

    agents: dict[str, AgentOptions]
    threads: int
    embedder: str | None
    states: str | None
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
    """The models are loaded; `contexts` is what each agent can read at once, in tokens."""

    contexts: dict[str, int]


@dataclass(frozen=True)
class Piece:
    """A new piece of a completion that is streamed."""

    id: int
    text: str


@dataclass(frozen=True)
class Done:
    """The whole completion, its cost in tokens, and how sure the model was of it, from 0 to 1.

    `dropped` counts the messages of the history that there was no room for.
    """

    id: int
    text: str
    finish_reason: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    confidence: float
    thinking_tokens: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class Vectors:
    """The vectors of the texts, in order, each base64 of normalised little-endian float32."""

    id: int
    vectors: list[str]


USUAL_CONTEXT = 8192
"""Tokens that are read at once unless others are asked for: a cache of all that newer models can read fills any memory.
"""

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
    fields = asdict(message) if isinstance(message, ChildOptions) else vars(message)
    return json.dumps({"type": type(message).__name__, **fields})


def decode(line: str | bytes) -> Any:
    """The message that `encode` wrote."""
    fields = json.loads(line)
    if "agents" in fields:
        fields["agents"] = {agent: AgentOptions(**options) for agent, options in fields["agents"].items()}
    return _CLASSES[fields.pop("type")](**fields)
