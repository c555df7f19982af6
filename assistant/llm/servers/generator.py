"""Any server that speaks OpenAI's chat completions, as what generates text for the agents.

Promises that nothing is sent anywhere before `generate` is called, and that every call ends: with a completion, with
what was written when it was cancelled, or with an EngineError. Knows nothing of memories and of screens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form, Role
from assistant.llm.servers import errors
from assistant.llm.servers.address import ServerAddress, Structure
from assistant.llm.servers.connection import Refused, ServerConnection, choice_of, delta_of, mapping
from assistant.llm.servers.exchange import Cancelled
from assistant.llm.servers.thoughts import HiddenThoughts

__all__ = ["MAX_SHORTENINGS", "ServerAddress", "ServerGenerator", "Structure"]

MAX_SHORTENINGS = 4
"""How often the older half of the history is left out of a prompt that a server finds too long."""

_BYTES_OF_TOKEN = 3
"""Fewer than a token has in most languages: for a guess at what fits, on the safe side."""

_OFFERS_GRAMMAR = ("llamacpp", "vllm")
"""What these servers say of themselves in `owned_by`; llama-server says it in its `Server` header as well."""

_LOOSER = {Structure.GRAMMAR: Structure.SCHEMA, Structure.SCHEMA: Structure.NONE}


@dataclass(frozen=True, slots=True)
class _Task:
    """What `generate` was asked for, but the prompt."""

    agent: Agent
    form: Form | None
    max_tokens: int
    temperature: float
    seed: int | None
    on_text: Callable[[str], None] | None
    cancel: threading.Event


class ServerGenerator:
    """Generates (`agents.generation.Generator`) on a server. Raises EngineError for an address that is not safe."""

    def __init__(self, address: ServerAddress) -> None:
        self._connection = ServerConnection(address)
        self._address = address
        self._offered: Structure | None = None

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
        """See `Generator`. A prompt that is too long loses the older half of its history, and again if need be."""
        begun = time.monotonic()
        task = _Task(agent, form, max_tokens, temperature, seed, on_text, cancel or threading.Event())
        sent = _within(prompt, self._address.context - min(max_tokens, self._address.context // 2))
        try:
            done, sent = self._answered(task, sent)
        except Cancelled:
            done = Completion("", FinishReason.CANCELLED)
        return replace(
            done,
            seconds=time.monotonic() - begun,
            model=f"{self._address.model} @ {self._address.host}",
            dropped=len(prompt) - len(sent),
        )

    def _answered(self, task: _Task, prompt: list[ChatMessage]) -> tuple[Completion, list[ChatMessage]]:
        """The completion and the prompt that it is of, after all that a server may find wrong with the first one."""
        shortenings = 0
        while True:
            structure = self._structure(task)
            try:
                return self._complete(task, structure, prompt), prompt
            except Refused as refused:
                if refused.too_long:
                    shorter = _without_older_half(prompt)
                    if shortenings == MAX_SHORTENINGS or len(shorter) == len(prompt):
                        raise errors.too_long_error(self._address.url) from None
                    prompt, shortenings = shorter, shortenings + 1
                elif refused.of_structure and self._address.structure is Structure.AUTO and structure in _LOOSER:
                    self._offered = _LOOSER[structure]
                else:
                    raise self._connection.error(refused, task.cancel) from None

    def _structure(self, task: _Task) -> Structure:
        if task.form is None:
            return Structure.NONE
        chosen = self._address.structure
        if chosen is Structure.AUTO:
            if self._offered is None:
                self._offered = self._ask_what_is_offered(task.cancel)
            chosen = self._offered
        return Structure.NONE if chosen is Structure.SCHEMA and task.form.json is None else chosen

    def _ask_what_is_offered(self, cancel: threading.Event) -> Structure:
        headers, models = self._connection.models(cancel)
        own = [model for model in models if model.get("id") == self._address.model]
        offers = any(model.get("owned_by") in _OFFERS_GRAMMAR for model in own or models)
        named = headers.get("server", "").startswith("llama.cpp")
        return Structure.GRAMMAR if offers or named else Structure.SCHEMA

    def _complete(self, task: _Task, structure: Structure, prompt: Sequence[ChatMessage]) -> Completion:
        """Follows one completion to its end. Raises Refused if it does not begin."""
        json_form = task.form.json if task.form is not None and structure is Structure.SCHEMA else None
        writing = _Writing(json_form.read if json_form is not None else str, task.on_text)
        body = _body(self._address.model, task, structure, prompt)
        usage: Mapping[str, Any] = {}
        finish = ""
        try:
            with closing(self._connection.events(body, task.cancel)) as events:
                for event in events:
                    usage = mapping(event.get("usage")) or usage
                    writing.add(_text(delta_of(event).get("content")))
                    finish = finish or _text(choice_of(event).get("finish_reason"))
                    if finish == "content_filter":
                        raise errors.filtered_error(self._address.url)
        except Cancelled:
            return _completion(writing.text, FinishReason.CANCELLED, usage)
        except Refused as refused:
            if writing.text:
                raise self._connection.error(refused, task.cancel) from None
            raise
        if not finish:
            raise errors.broken_error(self._address.url)
        writing.end()
        return _completion(writing.text, FinishReason.LENGTH if finish == "length" else FinishReason.STOP, usage)


class _Writing:
    """A completion as it grows, without thoughts and in the form of our parsers."""

    def __init__(self, read: Callable[[str], str], on_text: Callable[[str], None] | None) -> None:
        self._read = read
        self._on_text = on_text
        self._thoughts = HiddenThoughts()
        self._said = ""
        self.text = ""

    def add(self, piece: str) -> None:
        self._said += self._thoughts.feed(piece)
        self._show(self._read(self._said))

    def end(self) -> None:
        """The model is done. If nothing it said can be read, what it said is the text, for who reviews it."""
        self._said += self._thoughts.rest()
        self._show(self._read(self._said) or self._said)

    def _show(self, text: str) -> None:
        new = text[len(self.text) :]
        if new:
            self.text = text
            if self._on_text is not None:
                self._on_text(new)


def _body(model: str, task: _Task, structure: Structure, prompt: Sequence[ChatMessage]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role.value, "content": _sendable(message.text)} for message in prompt],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": task.temperature,
        "max_tokens": task.max_tokens,
    }
    if task.seed is not None:
        body["seed"] = task.seed
    form = task.form
    if form is not None and structure is Structure.GRAMMAR:
        # As llama-server, vLLM and vLLM before 0.12 name it; each ignores the names of the others.
        body |= {"grammar": form.grammar, "structured_outputs": {"grammar": form.grammar}}
        body["guided_grammar"] = form.grammar
        # Under a grammar, a template that opens a thought would have the whole reply taken for one.
        body["chat_template_kwargs"] = {"enable_thinking": False}
    elif form is not None and form.json is not None and structure is Structure.SCHEMA:
        schema = {"name": task.agent.value, "strict": True, "schema": form.json.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
        _instruct(body["messages"], form.json.request)
    return body


def _instruct(messages: list[dict[str, str]], request: str) -> None:
    if not messages or messages[0]["role"] != Role.SYSTEM:
        messages.insert(0, {"role": Role.SYSTEM.value, "content": request})
    else:
        messages[0]["content"] += f"\n\n{request}"


def _sendable(text: str) -> str:
    """`text` without halves of surrogate pairs, which UTF-8 cannot say."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _within(prompt: Sequence[ChatMessage], tokens: int) -> list[ChatMessage]:
    """`prompt` with as much of its history as `tokens` surely hold."""
    kept = list(prompt)
    while sum(len(_sendable(message.text).encode()) for message in kept) > tokens * _BYTES_OF_TOKEN:
        shorter = _without_older_half(kept)
        if len(shorter) == len(kept):
            break
        kept = shorter
    return kept


def _without_older_half(prompt: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The instructions, the younger half of the history, from what somebody asked, and the last message.

    Half at once, so that what is left begins alike for many turns, and the server need not read it again each time.
    """
    first = 1 if len(prompt) > 1 and prompt[0].role is Role.SYSTEM else 0
    history = list(prompt[first:-1])
    kept = history[(len(history) + 1) // 2 :]
    while kept and kept[0].role is Role.ASSISTANT:
        kept.pop(0)
    return [*prompt[:first], *kept, *prompt[-1:]]


def _completion(text: str, finish: FinishReason, usage: Mapping[str, Any]) -> Completion:
    thinking = _count(mapping(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    return Completion(
        text,
        finish,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(mapping(usage.get("prompt_tokens_details")).get("cached_tokens")),
        completion_tokens=max(0, _count(usage.get("completion_tokens")) - thinking),
        thinking_tokens=thinking,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
