"""Stand-ins for the one edge that tests may fake: what generates text, and what turns text into vectors."""

from __future__ import annotations

import hashlib
import re
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form

_PIECE = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the generator got it."""

    agent: Agent
    prompt: tuple[ChatMessage, ...]
    grammar: str | None

    @property
    def question(self) -> str:
        """The last message of the prompt."""
        return self.prompt[-1].text


@dataclass(frozen=True, slots=True)
class Breaks:
    """Streams `text` and then raises `error`, as an engine does that dies in the middle."""

    text: str
    error: Exception


Scripted = str | Completion | Breaks | Callable[[Call], str]


def cites(*short_ids: int, answer: str) -> Callable[[Call], str]:
    """An answer from the memories with these numbers among those on offer."""
    return lambda call: "\n".join(["Memories:", *(_line(call, i) for i in short_ids), f"Answer: {answer}"])


def updates(short_id: int, text: str) -> Callable[[Call], str]:
    """An UPDATE of the memory with this number among those on offer."""
    return lambda call: f"UPDATE: {_line(call, short_id)}\nWITH: {text}"


def deletes(short_id: int) -> Callable[[Call], str]:
    """A DELETE of the memory with this number among those on offer."""
    return lambda call: f"DELETE: {_line(call, short_id)}"


def _line(call: Call, short_id: int) -> str:
    return next(line for line in call.question.split("\n") if line.endswith(f" [{short_id}]"))


class ScriptedGenerator:
    """Answers each agent's requests with that agent's completions, in their order, and keeps every call.

    A completion is a text (or a function from the call to one), which streams word by word and ends early where
    `cancel` is set; a whole `Completion`; or `Breaks`. An agent that has none left gets its default again and again.
    What the manager was stopped in the middle of, it says again: its message goes back into the queue.
    """

    def __init__(
        self,
        *,
        answer: Iterable[Scripted] = (),
        manager: Iterable[Scripted] = (),
        default_answer: Scripted | None = None,
        default_manager: Scripted | None = None,
    ) -> None:
        self._completions = {Agent.ANSWER: list(answer), Agent.MANAGER: list(manager)}
        self._defaults = {Agent.ANSWER: default_answer, Agent.MANAGER: default_manager}
        self.calls: list[Call] = []

    def calls_of(self, agent: Agent) -> list[Call]:
        return [call for call in self.calls if call.agent is agent]

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
    ) -> Completion:
        call = Call(agent, tuple(prompt), form.grammar if form is not None else None)
        self.calls.append(call)
        match self._next(agent):
            case Completion() as completion:
                self._stream(completion.text, on_text, None)
                return completion
            case Breaks(text, error):
                self._stream(text, on_text, cancel)
                raise error
            case said:
                completion = self._stream(said if isinstance(said, str) else said(call), on_text, cancel)
                if agent is Agent.MANAGER and completion.finish_reason is FinishReason.CANCELLED:
                    self._completions[agent].insert(0, said)
                return completion

    def _next(self, agent: Agent) -> Scripted:
        queue, default = self._completions[agent], self._defaults[agent]
        if queue:
            return queue.pop(0)
        assert default is not None, f"no completion left for the {agent} agent"
        return default

    def _stream(self, text: str, on_text: Callable[[str], None] | None, cancel: threading.Event | None) -> Completion:
        said = ""
        for piece in _PIECE.findall(text):
            if cancel is not None and cancel.is_set():
                return Completion(said, FinishReason.CANCELLED)
            said += piece
            if on_text is not None:
                on_text(piece)
        return Completion(said, FinishReason.STOP)


class FakeEmbedder:
    """Hashes words into a vector of length 1, so that texts are near where they share words."""

    def __init__(self, dimensions: int = 384, name: str = "hashed-words") -> None:
        self.name = name
        self.dimensions = dimensions

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> bytes:
        values = [0.0] * self.dimensions
        for word in re.findall(r"\w+", text.lower()) or [""]:
            digest = hashlib.sha256(word.encode()).digest()
            values[int.from_bytes(digest[:4], "little") % self.dimensions] += 1.0
        length = sum(value * value for value in values) ** 0.5
        return struct.pack(f"<{self.dimensions}f", *(value / length for value in values))
