"""Prompts as the tokens of a chat template that fit a context.

Promises that control tokens and marks of turns come from the template alone: whatever a message says, its text is text.
Promises that a prompt fits: the oldest history goes first, then the middle of the last message, and never the
instructions. Knows nothing of llama.cpp: whoever calls brings the vocabulary, so that training writes the same tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from typing import Protocol

from assistant.agents.generation import ChatMessage, Role
from assistant.llm.templates import ChatTemplate, Part

CUT = " … "
"""What stands where the middle of a message was left out."""

MIN_ROOM = 32
"""Fewest tokens of the last message that are worth asking a model about."""

_STEPS = 8
"""How many sizes the room for history has, for the choice of what to drop."""

_PIECES = 256
"""Stretches of text whose tokens are kept: those of a long conversation."""

_MARKUP = re.compile(r"<[^\s]+>|\[[^\s]+\]")
_LIKE_HTML = re.compile(r"</?[a-z]+[1-6]?>")
_ALWAYS_CONTROL = frozenset({"<think>", "</think>", "<tools>", "</tools>"})
_SENTENCEPIECE_SPACE = "▁"
"""Written for a space, and so read as one."""
_SPACE = " \t\n\v\f\r"


class Vocabulary(Protocol):
    """A model's tokens. Has to be hashable, by identity, because what follows from it is kept.

    `tokenize` reads plain text: no control token in it, nothing added around it; but user-defined tokens may be found,
    as llama.cpp finds them with parse_special=False. `specials` are the texts and ids of all tokens that are not made
    of smaller ones: control, user-defined and unknown. `controls` are those among their ids that are control or
    unknown; which of the user-defined ones count as control follows from how they look and from the template.
    `strips` are the ids of tokens that swallow the white space after them.
    """

    @property
    def specials(self) -> Mapping[str, int]: ...

    @property
    def controls(self) -> frozenset[int]: ...

    @property
    def strips(self) -> frozenset[int]: ...

    def tokenize(self, text: str) -> list[int]: ...

    def __hash__(self) -> int: ...


class PromptTooLong(Exception):
    """Not even a cut last message fits beside the instructions."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """`dropped` messages of the history are left out. The first `stable` tokens depend on no other message than the
    instructions, so that they begin the next prompt as well."""

    tokens: tuple[int, ...]
    dropped: int
    stable: int


def build(
    template: ChatTemplate,
    prompt: Sequence[ChatMessage],
    vocabulary: Vocabulary,
    *,
    budget: int,
    thinking: bool = False,
) -> Prompt:
    """At most `budget` tokens of `prompt`, up to where the assistant begins to write (its thoughts if `thinking`).

    Raises PromptTooLong, and TemplateError if the template cannot show the messages.
    """
    writer = _writer(template, vocabulary)
    instructions = tuple(prompt[:1]) if len(prompt) > 1 and prompt[0].role is Role.SYSTEM else ()
    history = prompt[len(instructions) : -1]
    tokens, dropped = _fitting(writer, instructions, history, prompt[-1], budget, thinking)
    beginning = writer.beginning(instructions, thinking, date.today())
    return Prompt(tuple(tokens), dropped, _alike(tokens, beginning))


def _fitting(
    writer: _Writer,
    instructions: Sequence[ChatMessage],
    history: Sequence[ChatMessage],
    last: ChatMessage,
    budget: int,
    thinking: bool,
) -> tuple[list[int], int]:
    """At most `budget` tokens, and how much history they leave out."""
    whole = writer.write([*instructions, *history, last], thinking)
    if len(whole.tokens) <= budget:
        return whole.tokens, 0
    bare = writer.write([*instructions, last], thinking).tokens
    room = budget - len(bare)
    if room < 0:
        return writer.write_cut([*instructions, last], budget, thinking), len(history)
    turns = [n for n, message in enumerate(history) if message.role is Role.USER]
    starts = [whole.starts[len(instructions) + n] for n in (*turns, len(history))]
    # The room changes with the last message. In few steps, it is the same one for most messages.
    room = room - room % max(budget // _STEPS, 1) or room
    for first in turns[_forgotten([after - start for start, after in pairwise(starts)], room) :]:
        tokens = writer.write([*instructions, *history[first:], last], thinking).tokens
        if len(tokens) <= budget:
            return tokens, first
    return bare, len(history)


def _forgotten(costs: Sequence[int], room: int) -> int:
    """How many of the oldest turns to drop, given the tokens of each.

    A prompt that begins like the one before need not be read again up to where they differ, and dropping anything
    changes it near its beginning. So when the room is full, half of it is made free at once, and then nothing is
    dropped for many turns. When that happened follows from the turns themselves: as they came, so they are counted.
    The newest turn stays if it fits at all.
    """
    first = held = 0
    for n, cost in enumerate(costs):
        held += cost
        full = held > room
        while full and held > room // 2 and (first < n or held > room):
            held -= costs[first]
            first += 1
    return first


@dataclass(frozen=True, slots=True)
class _Written:
    """Tokens, and about where among them each message begins. `open`: what comes next joins plain text."""

    tokens: list[int]
    starts: dict[int, int]
    open: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """Plain text of the template, or of message number `message`."""

    text: str
    message: int | None


class _Writer:
    """Writes what a template makes of prompts in the tokens of a vocabulary."""

    def __init__(self, template: ChatTemplate, vocabulary: Vocabulary) -> None:
        self._template = template
        self._plain = vocabulary.tokenize
        self._strips = vocabulary.strips
        self._newline = vocabulary.tokenize("\n")
        self._control = {
            text: token
            for text, token in vocabulary.specials.items()
            if text and (token in vocabulary.controls or _is_control(text, template))
        }
        self._texts = {
            token: text
            for text, token in self._control.items()
            if len(text) > 1 and not text.replace(_SENTENCEPIECE_SPACE, " ").isspace()
        }
        self._forbidden = frozenset(self._texts)
        marks = (m for m in template.markup if not any(text in m for text in self._texts.values()))
        self._marks = {mark: self._break(mark) for mark in marks}
        self._split = lru_cache(_PIECES)(self._split_at_control)
        self._piece = lru_cache(_PIECES)(self._tokens)
        self.beginning = lru_cache(8)(self._beginning)

    def write(self, prompt: Sequence[ChatMessage], thinking: bool) -> _Written:
        """All of `prompt`."""
        return self._write(self._template.parts(prompt, thinking=thinking))

    def write_cut(self, prompt: Sequence[ChatMessage], budget: int, thinking: bool) -> list[int]:
        """`prompt` in `budget` tokens, without the middle of its last message. Raises PromptTooLong."""
        parts = self._template.parts(prompt, thinking=thinking)
        last = next(n for n, part in enumerate(parts) if part.message == len(prompt) - 1)
        before = self._write(parts[:last])
        message = self._piece(((parts[last].text, True),), before.open)
        after = self._write(parts[last + 1 :], joined=True)
        room = budget - len(before.tokens) - len(after.tokens)
        if len(message) > room:
            mark = self._joined(CUT)
            kept = room - len(mark)
            if kept < MIN_ROOM:
                raise PromptTooLong
            # Both ends matter: memories on offer stand at the beginning, what was said at the end.
            head = kept // 2
            message = (*message[:head], *mark, *message[len(message) - (kept - head) :])
        return [*before.tokens, *message, *after.tokens]

    def _beginning(self, instructions: Sequence[ChatMessage], thinking: bool, _day: date) -> list[int]:
        """What all prompts with the same instructions begin with."""
        one, other = ChatMessage(Role.USER, "a"), ChatMessage(Role.USER, "1")
        answer = ChatMessage(Role.ASSISTANT, "b")
        short = self.write([*instructions, one], thinking).tokens
        return short[: _alike(short, self.write([*instructions, other, answer, one], thinking).tokens)]

    def _write(self, parts: Sequence[Part], *, joined: bool = False) -> _Written:
        tokens: list[int] = []
        starts: dict[int, int] = {}
        for are_tokens, stretches in groupby(self._stretches(parts), lambda stretch: isinstance(stretch, int)):
            if are_tokens:
                tokens += [stretch for stretch in stretches if isinstance(stretch, int)]
            else:
                runs = [stretch for stretch in stretches if isinstance(stretch, _Run)]
                piece = self._piece(tuple((run.text, run.message is not None) for run in runs), joined)
                starts |= _places(runs, len(tokens), len(piece))
                tokens += piece
            joined = not are_tokens
        return _Written(tokens, starts, joined)

    def _stretches(self, parts: Sequence[Part]) -> Iterator[int | _Run]:
        swallows = False
        for part in parts:
            if part.message is not None:
                yield _Run(part.text, part.message)
                swallows = False
                continue
            for piece in self._split(part.text):
                if isinstance(piece, int):
                    yield piece
                    swallows = piece in self._strips
                elif text := piece.lstrip(_SPACE) if swallows else piece:
                    yield _Run(text, None)
                    swallows = False

    def _split_at_control(self, text: str) -> list[str | int]:
        """What the template says, as control tokens and the plain text between them."""
        present = sorted((t for t in self._control if t in text), key=lambda t: len(t.encode()), reverse=True)
        if not present:
            return [text]
        pieces = re.split(f"({'|'.join(map(re.escape, present))})", text)
        return [self._control[piece] if n % 2 else piece for n, piece in enumerate(pieces) if piece]

    def _tokens(self, runs: tuple[tuple[str, bool], ...], joined: bool) -> tuple[int, ...]:
        """The tokens of adjoining stretches of plain text, of which each was said by a message or not."""
        ends = list(accumulate(len(text) for text, _ in runs))
        said = [(end - len(text), end) for (text, is_said), end in zip(runs, ends, strict=True) if is_said]
        return tuple(self._harmless("".join(text for text, _ in runs), said, joined))

    def _harmless(self, text: str, said: Sequence[tuple[int, int]], joined: bool) -> list[int]:
        """The tokens of `text`, broken where what was `said` (from, to) would be read as the template's."""
        if not text:
            return []
        tokens = self._joined(text) if joined else self._plain(text)
        forbidden = self._forbidden.intersection(tokens)
        cuts = self._cuts(text, said, forbidden)
        if not cuts:
            return [token for token in tokens if token not in forbidden] if forbidden else tokens
        return [
            token
            for start, end in pairwise([0, *cuts, len(text)])
            for token in self._harmless(text[start:end], _within(said, start, end), joined or start > 0)
        ]

    def _cuts(self, text: str, said: Sequence[tuple[int, int]], forbidden: frozenset[int]) -> list[int]:
        """Where to break `text`: within each mark of a turn, and within what became a forbidden token."""
        breaks = dict(self._marks)
        for token in forbidden:
            special = self._texts[token]
            breaks |= {special: len(special) // 2}
            breaks |= {special.replace(_SENTENCEPIECE_SPACE, " "): len(special) // 2}
        return sorted(
            {
                at + offset
                for mark, offset in breaks.items()
                for at in _occurrences(mark, text)
                if any(start < at + len(mark) and at < end for start, end in said)
            }
        )

    def _break(self, mark: str) -> int:
        """Where to break a mark of plain text: nowhere that its tokens stay the same, if there is such a place."""
        whole = self._joined(mark)
        places = sorted(range(1, len(mark)), key=lambda at: abs(2 * at - len(mark)))
        broken = (at for at in places if self._joined(mark[:at]) + self._joined(mark[at:]) != whole)
        return next(broken, len(mark) // 2)

    def _joined(self, text: str) -> list[int]:
        """The tokens of `text` where it goes on from other text: without the space that some put in front."""
        tokens = self._plain(f"\n{text}")
        newline = len(self._newline)
        return tokens[newline:] if tokens[:newline] == self._newline else self._plain(text)


@lru_cache(2)
def _writer(template: ChatTemplate, vocabulary: Vocabulary) -> _Writer:
    return _Writer(template, vocabulary)


def _is_control(text: str, template: ChatTemplate) -> bool:
    """Whether a user-defined token is no mere word. Some vocabularies define HTML's tags and runs of white space."""
    if not _MARKUP.fullmatch(text):
        return False
    return not _LIKE_HTML.fullmatch(text) or text in _ALWAYS_CONTROL or text in template.source


def _places(runs: Sequence[_Run], start: int, count: int) -> dict[int, int]:
    """About where each message begins among `count` tokens from `start`: as if all were equally long."""
    ends = list(accumulate((len(run.text) for run in runs), initial=0))
    return {
        run.message: start + count * at // max(ends[-1], 1)
        for run, at in zip(runs, ends, strict=False)
        if run.message is not None
    }


def _within(said: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    return [(max(a, start) - start, min(b, end) - start) for a, b in said if a < end and start < b]


def _occurrences(mark: str, text: str) -> Iterator[int]:
    at = text.find(mark)
    while at >= 0:
        yield at
        at = text.find(mark, at + 1)


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
