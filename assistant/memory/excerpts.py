"""Where a text says what somebody looks for, and the line of it that shows this.

Promises to find what the index of words finds: words in any form, longer ones that begin alike, characters of scripts
without spaces; and of the last word, which may still be typed, its beginning. Pure: knows nothing of tables.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from assistant.memory import words

LINE_CHARACTERS = 100
_AHEAD = 30
"""So much of a line stands before what was looked for."""
_SAME_BEGINNING = 4
"""A word this long also finds those that begin with it; see `search`."""
_WORD = re.compile(r"\w+")

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query looks for: its words as they are typed, without accents and capitals; `partial` is the last one."""

    words: tuple[str, ...]
    partial: str
    runs: tuple[str, ...]
    """Characters of scripts without spaces, each run of them as it stands."""

    @classmethod
    def of(cls, query: str) -> Wanted:
        """What to look for upon `query`."""
        pieces = [piece for word in _WORD.findall(query) for piece in words.runs(word)]
        spaced = tuple(folded(piece) for piece, is_spaceless in pieces if not is_spaceless)
        is_being_typed = bool(pieces) and not pieces[-1][1] and query[-1:].isalnum()
        runs = tuple(piece for piece, is_spaceless in pieces if is_spaceless)
        return cls(spaced, spaced[-1] if is_being_typed else "", runs)

    def spans(self, text: str) -> Spans:
        """The characters of `text` that match, from left to right."""
        telling = [word for word in self.words if word not in words.STOP_WORDS] or list(self.words)
        stems = {stem for word in telling for stem in words.stems(word)}
        found = set(_in_script_without_spaces(self.runs, text))
        verdicts: dict[str, bool] = {}
        for match in _WORD.finditer(text):
            start = match.start()
            for piece, is_spaceless in words.runs(match[0]):
                if not is_spaceless:
                    if piece not in verdicts:
                        verdicts[piece] = self._matches(piece, telling, stems)
                    if verdicts[piece]:
                        found.add((start, start + len(piece)))
                start += len(piece)
        return tuple(sorted(found))

    def are_all_in(self, text: str) -> bool:
        """Whether all that is looked for begins a word of `text`, or stands in it where there are no spaces."""
        plain = folded(text)
        if not all(word in plain for word in self.words):  # Said soon of most texts.
            return False
        said = [piece for word in _WORD.findall(plain) for piece, _ in words.runs(word)]
        return all(any(word.startswith(one) for word in said) for one in self.words) and all(
            run in text for run in self.runs
        )

    def has_partial(self, text: str) -> bool:
        """Whether a word of `text` begins with the last word as far as it is typed, or is a form of it."""
        stems = set(words.stems(self.partial))
        said = set(_WORD.findall(text))
        return any(folded(word).startswith(self.partial) or stems & set(words.stems(word)) for word in said)

    def _matches(self, word: str, telling: list[str], stems: set[str]) -> bool:
        plain = folded(word)
        if self.partial and plain.startswith(self.partial):
            return True
        if any(len(one) >= _SAME_BEGINNING and plain.startswith(one) for one in telling):
            return True
        return not stems.isdisjoint(words.stems(word))


def folded(text: str) -> str:
    """`text` in small letters and without accents, as the index of words has it."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in apart if not unicodedata.combining(c))


def line_around(text: str, spans: Spans) -> tuple[str, Spans]:
    """A line of `text` around the first of the spans, or its beginning, and the spans as they lie in that line."""
    first = spans[0][0] if spans else 0
    begin = _word_start(text, max(0, first - _AHEAD)) if first > _AHEAD else 0
    line, places = ("…", {}) if begin else ("", {})
    at = begin
    while at < len(text) and len(line) < LINE_CHARACTERS - 1:
        places[at] = len(line)
        character = text[at] if text[at].isprintable() else " "
        if character != " " or line[-1:] not in ("", " ", "…"):
            line += character
        at += 1
    places[at] = len(line)
    shown = tuple((places[a], places[min(b, at)]) for a, b in spans if begin <= a < at)
    if text[at:].strip():
        line += "…"
    return (line if line.endswith("…") else line.rstrip()), shown


def _word_start(text: str, at: int) -> int:
    """Where the next word begins, from `at` on, if that is not far."""
    space = next((n for n in range(at, min(at + _AHEAD // 2, len(text))) if text[n].isspace()), None)
    return at if space is None else space + 1


def _in_script_without_spaces(runs: tuple[str, ...], text: str) -> list[tuple[int, int]]:
    """Where the runs stand in `text`, or, of one that stands nowhere, each two characters of it."""
    found = []
    for run in runs:
        pieces = [run] if run in text else [one + other for one, other in pairwise(run)]
        for piece in pieces:
            found += [(match.start(), match.end()) for match in re.finditer(re.escape(piece), text)]
    return found
