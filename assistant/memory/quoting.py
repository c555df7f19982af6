"""Which part of a message an operation rests on.

Knows nothing of databases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assistant.memory import words

_SENTENCE = re.compile(r"[^\s.!?\n][^.!?\n]*(?:[.!?](?!\s|$)[^.!?\n]*)*[.!?]*")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a message."""

    begin: int
    end: int

    def of(self, message: str) -> str:
        return message[self.begin : self.end]


def quoted(message: str, *texts: str) -> Span | None:
    """The sentence of `message` that shares most words with one of `texts`, the first of them; None if none does."""
    wanted = frozenset().union(*map(words.content, texts))
    best, most = None, 0
    for match in _SENTENCE.finditer(message):
        shared = len(wanted & words.content(match[0]))
        if shared > most:
            best, most = Span(match.start(), match.start() + len(match[0].rstrip())), shared
    return best
