"""One completion as it is written: the prompt is read as far as it is new, then a token at a time.

Promises to end within one token of a cancel, also while it reads, and to think, where the model is to, out of sight.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.agents.generation import ChatMessage, FinishReason, Role
from assistant.llm.llama import CHUNK, ChatContext, ChatModel, ComputeError, Grammar
from assistant.llm.prefixes import SavedPrefix
from assistant.llm.prompting import Prompt, build
from assistant.llm.protocol import Done, Generate, Piece, Reply
from assistant.llm.sampling import Sampler, Text

_PIECE_SECONDS = 0.02
"""Pieces are sent at most so often: a small model writes faster than anybody reads, and each piece wakes the app."""

Steps = Generator[None, None, bool]
"""Steps that end with whether they were done, and not cancelled."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What an agent writes with. A model that thinks may do so for `thinking` tokens."""

    model: ChatModel
    context: ChatContext
    thinking: int = 0
    prefix: SavedPrefix | None = None
    weighs: bool = True


class Writing:
    """The completion that `request` asks for."""

    def __init__(
        self,
        desk: Desk,
        grammar: Grammar | None,
        request: Generate,
        send: Callable[[Reply], None],
    ) -> None:
        self._desk = desk
        self._model = desk.model
        self._context = desk.context
        self._thinks = desk.thinking if desk.model.template.marks is not None else 0
        self._request = request
        self._send = send
        self._text = Text(desk.model.piece)
        self._sampler = Sampler(
            self._text,
            ends=desk.model.ends,
            constraint=grammar,
            temperature=request.temperature,
            seed=request.seed,
            weighs=desk.weighs,
        )
        self._prompt = Prompt((), 0, 0)
        self._cached_tokens = 0
        self._tokens = 0
        self._thought_tokens = 0
        self._held = ""
        self._sent_at = 0.0

    def steps(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Reads the prompt, writes, and says how it ended."""
        reason = FinishReason.CANCELLED
        if not cancelled():
            reason = yield from self._write(cancelled)
        self._flush()
        self._send(
            Done(
                self._request.id,
                str(self._text),
                reason.value,
                len(self._prompt.tokens),
                self._cached_tokens,
                self._tokens,
                self._sampler.confidence,
                self._thought_tokens,
                self._prompt.dropped,
            )
        )

    def _write(self, cancelled: Callable[[], bool]) -> Generator[None, None, FinishReason]:
        if not (yield from self._read_prompt(cancelled)):
            return FinishReason.CANCELLED
        if self._thinks and not (yield from self._think(cancelled)):
            return FinishReason.CANCELLED
        room = min(self._request.max_tokens, self._context.size - self._context.length)
        while self._tokens < room:
            token = self._sampler.next(self._context.logits())
            if token is None:
                raise ComputeError("the model has no token that the grammar allows next")
            if token in self._model.ends:
                return FinishReason.STOP
            self._add(token)
            if cancelled() or (self._tokens < room and not self._context.read([token], cancelled)):
                return FinishReason.CANCELLED
            yield
        return FinishReason.LENGTH

    def _read_prompt(self, cancelled: Callable[[], bool]) -> Steps:
        messages = [ChatMessage(Role(role), text) for role, text in self._request.messages]
        # A reply may take half of the context at most: a long one must not push out what it is about.
        budget = self._context.size - min(self._request.max_tokens + self._thinks, self._context.size // 2)
        opening = self._model.opening
        prompt = build(
            self._model.template, messages, self._model, budget=budget - len(opening), thinking=self._thinks > 0
        )
        if prompt.tokens[: len(opening)] != opening:
            prompt = replace(prompt, tokens=(*opening, *prompt.tokens), stable=len(opening) + prompt.stable)
        self._prompt = prompt
        tokens, prefix, kept = prompt.tokens, prompt.tokens[: prompt.stable], self._desk.prefix
        if kept is not None and self._context.is_empty:
            kept.restore(self._context, prefix)
        self._cached_tokens = self._context.keep_prefix(tokens)
        if kept is not None and self._cached_tokens < len(prefix):
            if not (yield from self._read(prefix[self._cached_tokens :], cancelled)):
                return False
            kept.save(self._context, prefix)
        return (yield from self._read(tokens[self._context.length :], cancelled))

    def _read(self, tokens: Sequence[int], cancelled: Callable[[], bool]) -> Steps:
        for first in range(0, len(tokens), CHUNK):
            if cancelled() or not self._context.read(tokens[first : first + CHUNK], cancelled):
                return False
            yield
        return True

    def _think(self, cancelled: Callable[[], bool]) -> Steps:
        """Lets the model think until it says that it has, or has for long enough; no word of it is kept."""
        marks = self._model.template.marks
        assert marks is not None
        closing = self._model.tokenize(marks.end, special=True)
        # Where it is made of several tokens, the first is what the model ends its thought with.
        end = closing[0] if closing[0] in self._model.specials.values() else None
        closing += self._model.tokenize(marks.gap)
        # In a small context the answer gets as much of what is left as it may need, or half.
        left = self._context.size - self._context.length
        most = min(self._thinks, max(left - self._request.max_tokens, left // 2) - len(closing))
        thought = Text(self._model.piece)
        sampler = Sampler(
            thought,
            ends=self._model.ends | ({end} if end is not None else set()),
            constraint=None,
            temperature=self._request.temperature,
            seed=self._request.seed,
            weighs=False,
        )
        said = ""
        while self._thought_tokens < most:
            token = sampler.next(self._context.logits())
            if token is None or token in self._model.ends or token == end:
                break
            self._thought_tokens += 1
            said += thought.add(token)
            if not self._context.read([token], cancelled) or cancelled():
                return False
            if said.rstrip().endswith(marks.end):
                return (yield from self._read(self._model.tokenize(marks.gap), cancelled))
            yield
        return (yield from self._read(closing, cancelled))

    def _add(self, token: int) -> None:
        self._tokens += 1
        self._held += self._text.add(token)
        if self._held and time.monotonic() - self._sent_at >= _PIECE_SECONDS:
            self._flush()

    def _flush(self) -> None:
        if self._held and self._request.stream:
            self._send(Piece(self._request.id, self._held))
            self._sent_at = time.monotonic()
        self._held = ""
