"""Chat prompts as ChatML tokens that fit a context.

Promises that control tokens come from the form alone: whatever a message says, its text is text, even "<|im_end|>".
Promises that a prompt fits: the oldest history goes first, then the middle of the last message, and never the
instructions. Knows nothing of llama.cpp: whoever calls brings the tokeniser, so that training renders the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.agents.generation import ChatMessage, Role

START = "<|im_start|>"
END = "<|im_end|>"
CUT = " … "
"""What stands where the middle of a message was left out."""

MIN_ROOM = 32
"""Fewest tokens of the last message that are worth asking a model about."""

Tokenize = Callable[[str], list[int]]
"""Text to tokens, with nothing in the text read as a control token."""


class PromptTooLong(Exception):
    """Not even a cut last message fits beside the instructions."""


@dataclass(frozen=True, slots=True)
class ControlTokens:
    """The ids of START and END in a vocabulary."""

    start: int
    end: int


def render(prompt: Sequence[ChatMessage], tokenize: Tokenize, control: ControlTokens, budget: int) -> list[int]:
    """At most `budget` tokens of `prompt`, up to where the assistant begins to write.

    Each message is `<|im_start|>role\\ntext<|im_end|>\\n`; what stands between two control tokens is tokenised as one
    piece, as a tokeniser does that splits at control tokens. Raises PromptTooLong.
    """
    newline = tokenize("\n")

    def block(content: list[int]) -> list[int]:
        return [control.start, *content, control.end, *newline]

    contents = [tokenize(f"{message.role.value}\n{message.text}") for message in prompt]
    opening = [control.start, *tokenize(f"{Role.ASSISTANT.value}\n")]
    instructions = block(contents[0]) if len(prompt) > 1 and prompt[0].role is Role.SYSTEM else []
    room = budget - len(instructions) - len(opening)
    last = block(_cut(contents[-1], room - len(block([])), tokenize))
    first = 1 if instructions else 0
    history = _newest([block(content) for content in contents[first:-1]], prompt[first:-1], room - len(last))
    return [*instructions, *history, *last, *opening]


def _cut(content: list[int], room: int, tokenize: Tokenize) -> list[int]:
    """`content` in at most `room` tokens, its middle left out if need be."""
    if len(content) <= room:
        return content
    mark = tokenize(CUT)
    kept = room - len(mark)
    if kept < MIN_ROOM:
        raise PromptTooLong
    # Both ends matter: memories on offer stand at the beginning, what was said at the end.
    head = kept // 2
    return [*content[:head], *mark, *content[len(content) - (kept - head) :]]


def _newest(blocks: list[list[int]], messages: Sequence[ChatMessage], room: int) -> list[int]:
    """The newest of `blocks` that fit `room`, beginning with what somebody asked, not with an answer to nothing."""
    first = len(blocks)
    while first > 0 and len(blocks[first - 1]) <= room:
        first -= 1
        room -= len(blocks[first])
    if first > 0:
        while first < len(blocks) and messages[first].role is Role.ASSISTANT:
            first += 1
    return [token for block in blocks[first:] for token in block]
