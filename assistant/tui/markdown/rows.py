"""What a block looks like at a width, row by row.

Promises that a row is made only when it is asked for, and that what was laid out of a block before it grew is kept.
Knows nothing of colours but their names.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol

from textual.content import Content, Span

from assistant.tui.markdown.blocks import Block, Kind
from assistant.tui.markdown.inline import spans_within
from assistant.tui.markdown.wrapping import Row, cells, wrap

AT_LEAST = 8
"""Cells that the words of a block have, however much stands before them."""
BEFORE = "$primary 80%"
"""The style of what stands before the lines of quotes and lists."""
LINES = "$foreground 40%"
CODE_GROUND = "on $foreground 7%"
INDENT = "  "
MORE = "\u203a"
UNDERLINES = {1: "═", 2: "─"}


@dataclass(frozen=True)
class Drawn:
    """One row: what it says, the style that goes on to its end, and what of it is taken along when it is copied."""

    content: Content
    ground: str = ""
    ground_from: int = 0
    glue: str = "\n"
    """What stands in the text between the row before and this one."""
    lead: int = 0
    """How many characters at its beginning are marks that are not copied."""
    hidden: str = ""
    """What there was no room for, and a mark stands for at the end."""

    @property
    def text(self) -> str:
        """All that it says, whether there is room for it or not."""
        return self.content.plain[:-1] + self.hidden if self.hidden else self.content.plain


class Laid(Protocol):
    """A block at a width. The first `kept` rows look as they did before it grew."""

    height: int
    kept: int

    def row(self, at: int) -> Drawn: ...


def lay(block: Block, width: int, before: Laid | None = None, coloured: list[Content] | None = None) -> Laid:
    """`block` in `width` cells; `before` is what it was before it grew, at the same width."""
    match block.kind:
        case Kind.CODE:
            return _Code(block, width, before, coloured)
        case Kind.RULE:
            return _Rule(block, width)
        case Kind.TABLE:
            from assistant.tui.markdown.tables import lay_table

            return lay_table(block, width, before)
    return Words(block, width, before)


def fitting(block: Block, width: int) -> tuple[str, str, int]:
    """What stands before the first row and the others, and how many cells are left beside it."""
    room = min(max(width - cells(block.rest), min(AT_LEAST, width)), width)
    return _end_of(block.first, width - room), _end_of(block.rest, width - room), room


def _end_of(text: str, width: int) -> str:
    """The end of `text` that goes into `width` cells: the innermost marks."""
    start = 0
    while cells(text[start:]) > width:
        start += 1
    return text[start:]


def cropped(text: str, width: int) -> str:
    """As much of the beginning of `text` as goes into `width` cells."""
    if cells(text) <= width:
        return text
    end = 0
    while cells(text[: end + 1]) <= width:
        end += 1
    return text[:end]


def piece(content: Content, start: int, end: int, before: str = "", style: str = "") -> Content:
    """A part of `content` behind what stands before it, with a style under its own."""
    shift = len(before)
    text = before + content.plain[start:end]
    spans = [Span(0, shift, BEFORE)] if before.strip() else []
    if style:
        spans.append(Span(shift, len(text), style))
    spans += [Span(a + shift, b + shift, kind) for a, b, kind in spans_within(content, start, end)]
    return Content(text, spans, strip_control_codes=False)


class Words:
    """A paragraph or a heading."""

    def __init__(self, block: Block, width: int, before: Laid | None = None) -> None:
        self.block = block
        self._first, self._rest, self._room = fitting(block, width)
        text = block.content.plain
        kept: list[Row] = []
        if isinstance(before, Words) and block.kind is Kind.TEXT and before._marks == self._marks:
            same = _same_until(before.block.content, block.content)
            # The last row may still give a word to the one before it, if that gets narrower.
            kept = before.rows[: max(bisect_right(before.rows, (same,)) - 2, 0)]
            start = before.rows[len(kept)].start
        else:
            start = 0
        self.kept = len(kept)
        self.rows: list[Row] = kept + list(wrap(text, self._room, start))
        self._underline = UNDERLINES.get(block.level, "") if block.kind is Kind.HEADING else ""
        self._style = "" if block.kind is not Kind.HEADING else "bold" if block.level <= 3 else "bold italic"
        self.height = len(self.rows) + bool(self._underline)

    @property
    def _marks(self) -> tuple[str, str, int]:
        return self._first, self._rest, self._room

    def row(self, at: int) -> Drawn:
        content = self.block.content
        if at == len(self.rows):
            widest = max(cells(content.plain[start:end]) for start, end in self.rows)
            return Drawn(piece(Content(self._underline * min(widest, self._room)), 0, self._room, self._rest, LINES))
        start, end = self.rows[at]
        before = self._rest if at else self._first
        glue = content.plain[self.rows[at - 1].end : start] if at else "\n"
        return Drawn(piece(content, start, end, before, self._style), glue=glue, lead=len(before) if at else 0)


def _same_until(old: Content, new: Content) -> int:
    """Up to where two contents have the same characters and styles."""
    same = len(old.plain)
    if not new.plain.startswith(old.plain):
        same = next((at for at, (a, b) in enumerate(zip(old.plain, new.plain, strict=False)) if a != b), len(new.plain))
    if old.spans[: len(old.spans)] == new.spans[: len(old.spans)]:
        changed = new.spans[len(old.spans) :]
    else:
        equal = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old.spans, new.spans, strict=False)))
        changed = [*old.spans[equal:], *new.spans[equal:]]
    return min([same, *(span.start for span in changed)])


class _Code:
    """Code as it stands, on a ground of its own; what is too long ends in a mark."""

    def __init__(self, block: Block, width: int, before: Laid | None, coloured: list[Content] | None) -> None:
        self.block = block
        self._first, self._rest, self._room = fitting(block, width)
        self._indent = INDENT if self._room > AT_LEAST else ""
        self._lines = block.content.plain.split("\n")
        self._coloured = coloured
        self._named = bool(block.language)
        self.height = len(self._lines) + self._named
        self.kept = 0
        if isinstance(before, _Code) and coloured is before._coloured and before.block.language == block.language:
            self.kept = max(min(len(before._lines), len(self._lines)) - 1, 0) + self._named

    def row(self, at: int) -> Drawn:
        before = self._rest if at else self._first
        if self._named and at == 0:
            name = cropped(self.block.language, max(self._room - 1, 0))
            text = " " * (self._room - cells(name) - 1) + name
            return Drawn(
                piece(Content(text), 0, len(text), before, "dim"),
                CODE_GROUND,
                len(before),
                lead=len(before) + len(text),
            )
        line = self._lines[at - self._named]
        content = self._coloured[at - self._named] if self._coloured is not None else Content(line)
        room = self._room - len(self._indent)
        shown = line if cells(line) <= room else cropped(line, room - 1)
        hidden = line[len(shown) :] if room > 0 else ""
        drawn = piece(content, 0, len(shown), before + self._indent)
        if hidden:
            drawn = Content(drawn.plain + MORE, [*drawn.spans, Span(len(drawn.plain), len(drawn.plain) + 1, "bold")])
        return Drawn(drawn, CODE_GROUND, len(before), lead=len(before) + len(self._indent), hidden=hidden)


class _Rule:
    """A line from side to side."""

    height, kept = 1, 0

    def __init__(self, block: Block, width: int) -> None:
        self._first, _, self._room = fitting(block, width)

    def row(self, at: int) -> Drawn:
        return Drawn(piece(Content("─" * self._room), 0, self._room, self._first, LINES))
