"""Text in rows of a width, broken between words where there are any.

Promises that no row is wider than asked but for a single character that is, and that rows before a change stay as they
are, so that a growing text is wrapped from its last rows on. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from textual.content import Content

_ODD = re.compile(
    "[^ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f"
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2190-\u2199\u2200-\u22ff\u2500-\u257f\n]"
)
"""Characters that may be other than one cell wide, alone or beside others."""
_JOINERS = "\u0300-\u036f\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff"
_WIDE = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
_PARTS = re.compile(f"\\s+|[{_WIDE}][{_JOINERS}]*|[^\\s{_WIDE}]+")
"""Between these a line may be broken; scripts that write no spaces, between any two characters."""
_UNITS = re.compile(f"(?:.(?:[{_JOINERS}]|(?<=\u200d).)*)", re.DOTALL)
"""What a long word is cut between."""


class Row(NamedTuple):
    """From where to where a row goes; spaces at which it is broken are between rows."""

    start: int
    end: int


@lru_cache(8192)
def cells(text: str) -> int:
    """How many cells a terminal needs for `text`, which has no line break."""
    return Content(text, strip_control_codes=False).cell_length if _ODD.search(text) else len(text)


def wrap(text: str, width: int, start: int = 0) -> Iterator[Row]:
    """The rows of `text` from `start` on, where a row begins."""
    while True:
        end = text.find("\n", start)
        stop = end if end >= 0 else len(text)
        yield from (
            _wrap_odd(text, start, stop, width)
            if _ODD.search(text, start, stop)
            else _wrap_even(text, start, stop, width)
        )
        if end < 0:
            return
        start = end + 1


def _wrap_even(text: str, start: int, stop: int, width: int) -> Iterator[Row]:
    """The rows of a line in which each character is one cell wide."""
    while stop - start > width:
        space = text.rfind(" ", start, start + width + 1)
        end = start + len(text[start:space].rstrip(" ")) if space > start else start
        if end == start:
            yield Row(start, start + width)
            start += width
            continue
        yield Row(start, end)
        start = space + 1
        while start < stop and text[start] == " ":
            start += 1
        if start == stop:
            return
    yield Row(start, stop)


def _wrap_odd(text: str, start: int, stop: int, width: int) -> Iterator[Row]:
    """The rows of any line."""
    used, end, is_fresh = 0, start, True
    for part in _PARTS.finditer(text, start, stop):
        if part[0].isspace() and not is_fresh:
            used += cells(part[0])
            continue
        size = cells(part[0])
        if used + size > width and end > start:
            yield Row(start, end)
            start, used, is_fresh = part.start(), 0, False
        if size > width:
            cuts = list(_cut(part[0], part.start(), width))
            yield from (Row(at, until) for (at, _), (until, _) in pairwise(cuts))
            start, used = cuts[-1]
        else:
            used += size
        end, is_fresh = part.end(), False
    yield Row(start, max(end, start))


def _cut(word: str, at: int, width: int) -> Iterator[tuple[int, int]]:
    """Where the rows of a word that is too long begin, and how wide each is."""
    start, used = 0, 0
    for unit in _UNITS.finditer(word):
        size = cells(word[start : unit.end()])
        if size > width and unit.start() > start:
            yield at + start, used
            start, size = unit.start(), cells(unit[0])
        used = size
    yield at + start, used
