"""The prompts of both agents, as lists of chat messages.

Memories are offered under short ids, 1 to n, because a small model copies "2" more reliably than "18442" and cannot
invent an id that is not on offer. The part that changes comes last, after the history, so that the cached prefix of a
conversation stays valid from turn to turn.

Every word that an agent may have to copy follows a space, wherever it stands, so that it is the same tokens there and
in the completion: that is why speakers and messages follow a label on the same line.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.agents.generation import ChatMessage, Role

MANAGER_SYSTEM = "Memory Manager"
ANSWER_SYSTEM = "Answer Agent"
DEFAULT_SPEAKER = "User"
"""Whom a memory is about when the speaker has no name: the one user of the assistant."""


def one_line(text: str) -> str:
    """`text` with every run of whitespace and control characters as a single space."""
    seen = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return " ".join(seen.split())


def offered(memories: Sequence[str]) -> str:
    """The memories as the block both prompts share, numbered from 1.

    The number follows its memory: a model reads from left to right, so only there can a number stand for what it names.
    """
    return "\n".join(["Memories:", *memory_lines(memories)]) if memories else "Memories: none"


def memory_lines(memories: Sequence[str]) -> list[str]:
    """Each memory as it is offered, and as a completion quotes it to name it."""
    return [f"{one_line(text)} [{i}]" for i, text in enumerate(memories, 1)]


def manager_prompt(
    message: str,
    memories: Sequence[str],
    *,
    speaker: str = DEFAULT_SPEAKER,
    earlier: Sequence[str] = (),
) -> list[ChatMessage]:
    """What the Memory Manager is asked about one message.

    `memories` are the related memories on offer; `earlier` holds the messages just before, oldest first, as
    "Speaker: text", given for context only.
    """
    lines = [
        offered(memories),
        *(f"Earlier: {one_line(line)}" for line in earlier),
        f"Now: {one_line(speaker)}: {one_line(message)}",
    ]
    return [ChatMessage(Role.SYSTEM, MANAGER_SYSTEM), ChatMessage(Role.USER, "\n".join(lines))]


def answer_prompt(
    message: str,
    memories: Sequence[str],
    *,
    history: Sequence[ChatMessage] = (),
) -> list[ChatMessage]:
    """What the Answer Agent is asked: the history as it was, then the memories on offer and the message."""
    question = f"{offered(memories)}\nNow: {DEFAULT_SPEAKER}: {one_line(message)}"
    return [ChatMessage(Role.SYSTEM, ANSWER_SYSTEM), *history, ChatMessage(Role.USER, question)]
