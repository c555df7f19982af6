"""How much of what a model can read at once a message would take, told while it is typed.

Promises an estimate at no cost: it counts bytes, and what a token has of them it learns from the last answer, because
the tokens themselves are known to the model's process alone. Nothing is asked of a model or a server.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.agents.generation import ModelTraits
from assistant.agents.prompts import answer_prompt
from assistant.conversation.chat import Turn
from assistant.conversation.history import history
from assistant.memory.bank import MemoryBank

_USUAL_MEMORY = 60
"""Bytes of a memory on offer."""
_STEPS = 8
"""A prompt's room for history has so many sizes, so that it is the same one for most messages."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How long a token is, and how much the memories on offer take; None where no answer has told."""

    bytes_per_token: float = 3.5
    memories_bytes: int | None = None

    def after(self, turn: Turn) -> Scale:
        """What an answer tells of it; nothing, where its prompt was not counted."""
        if not turn.completion.prompt_tokens or not turn.prompt_bytes:
            return self
        return Scale(turn.prompt_bytes / turn.completion.prompt_tokens, turn.memories_bytes)


@dataclass(frozen=True, slots=True)
class ContextUse:
    """About how many tokens the prompt would have, of the `limit` there is room for (None: nobody knows), and how many
    of the turns before would be left out of it."""

    used_tokens: int
    limit: int | None
    turns_left_out: int


@dataclass(frozen=True, slots=True)
class Gauge:
    """What stands in a prompt beside the message: `turns` are the lengths of those before it, oldest first.

    All lengths are in bytes. `left_out` turns are not given to the model at all.
    """

    scale: Scale
    fixed: int
    turns: tuple[int, ...]
    left_out: int
    limit: int | None

    def use(self, text: str) -> ContextUse:
        """What a prompt with the message `text` would take."""
        bare = self._tokens(self.fixed + len(text.encode(errors="replace")))
        costs = [self._tokens(turn) for turn in self.turns]
        if self.limit is None or bare + sum(costs) <= self.limit:
            return ContextUse(bare + sum(costs), self.limit, self.left_out)
        if bare > self.limit:  # Then its middle is left out.
            return ContextUse(self.limit, self.limit, self.left_out + len(costs))
        first = _dropped(costs, self.limit - bare, self.limit)
        return ContextUse(bare + sum(costs[first:]), self.limit, self.left_out + first)

    def _tokens(self, length: int) -> int:
        return round(length / self.scale.bytes_per_token)


def gauge(bank: MemoryBank, conversation_id: int | None, traits: ModelTraits, context: int, scale: Scale) -> Gauge:
    """The gauge for the next message of a conversation, None for a new one. It holds until a message is added or
    another branch is shown. `context` is what the model can read and write at once, in tokens, 0 where nobody knows.
    """
    turns: tuple[int, ...] = ()
    left_out = 0
    if conversation_id is not None:
        parts = history(bank, conversation_id, None, traits).messages
        lengths = [len(part.text.encode()) for part in parts]
        turns = tuple(map(sum, zip(lengths[::2], lengths[1::2], strict=True)))
        left_out = max(0, bank.count_replies(conversation_id) - len(turns))
    offered = scale.memories_bytes
    if offered is None:
        offered = _USUAL_MEMORY * traits.memories_offered
    asked = sum(len(part.text.encode()) for part in answer_prompt("", (), trained=traits.trained))
    # As it is reckoned where the prompt is made: a reply may take half of the context at most.
    limit = context - min(traits.answer_tokens, context // 2) if context else None
    return Gauge(scale, asked + offered, turns, left_out, limit)


def _dropped(costs: list[int], room: int, limit: int) -> int:
    """How many of the oldest turns are left out for want of room: when it is full, half of it is made free at once."""
    room = room - room % max(limit // _STEPS, 1) or room
    first = held = 0
    for number, cost in enumerate(costs):
        held += cost
        is_full = held > room
        while is_full and held > room // 2 and (first < number or held > room):
            held -= costs[first]
            first += 1
    return first
