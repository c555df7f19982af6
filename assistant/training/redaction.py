"""Taking out of a text what no model should learn: addresses, numbers, secrets, and the words that the user names.

Pure: text in, text and places out. Promises that what was found is gone whole, also where two kinds overlap, and that
all else stays as it was. Little beyond that: what looks like none of these stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from assistant.memory.confidential import secret_in


class Kind(StrEnum):
    """What is taken out; the value is what stands in its place, in brackets. Where two overlap, the first names it."""

    SECRET = "secret"
    LINK = "link"
    EMAIL = "email"
    PRIVATE = "private"
    """One of the user's own words."""
    ADDRESS = "address"
    PHONE = "phone"
    NUMBER = "number"

    @property
    def mark(self) -> str:
        return f"[{self.value}]"


@dataclass(frozen=True, slots=True)
class Span:
    """The characters of a text from `begin` up to, not including, `end`."""

    begin: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text as it may be learned from, and what was taken out of the one before, in its order."""

    text: str
    spans: tuple[Span, ...]


def redact(text: str, words: Sequence[str] = ()) -> Redacted:
    """`text` with a mark in place of each thing that should not be learned; `words` are the user's own."""
    spans = tuple(_merged(list(_found(text, tuple(words)))))
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += [text[at : span.begin], span.kind.mark]
        at = span.end
    return Redacted("".join([*parts, text[at:]]), spans)


_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_LINK = re.compile(r"\b(?:https?|ftp|ssh|file)://[^\s<>\"']+|\bwww\.[^\s<>\"']+", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ADDRESSES = (
    re.compile(
        r"\b\d{1,5}[a-zA-Z]? (?:[A-Z][\w'.-]* ){1,3}"
        r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Way|Square|Court|Ct|Place|Terrace|Crescent)\b"
    ),
    re.compile(r"\b[A-ZÄÖÜ][\w-]*(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse) ?\d{1,4} ?[a-z]?\b"),
    re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
    re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}(?![\w:])"),
)
_DATE_OR_TIME = re.compile(
    r"(?<![\d-])(?:19|20)\d\d-\d\d?-\d\d?(?![\d-])|(?<![\d-])(?:19|20)\d\d ?[-\u2013/] ?(?:19|20)\d\d(?![\d-])"
    r"|(?<![\d./])\d{1,2}([./])\d{1,2}\1(?:\d\d|(?:19|20)\d\d)(?![\d/]|\.\d)"
    r"|(?<![\d:])\d{1,2}:\d\d(?::\d\d)?(?![\d:])"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_PHONE = re.compile(r"(?<![\w+])(?:\+|\(?0|\(?\d{3}\)?[ .-])[\d ().\-/]{5,18}\d(?!\w)")
_NUMBER = re.compile(r"\d{3,4}(?: \d{3,4}){2,}|\d+(?:[-/]\d{2,})*")
_GROUPED = re.compile(r"\d{1,3}(?:[,.]\d{3})+(?:[.,]\d{1,2})?")
"""As 10,000 is written: an amount, and no number that somebody goes by."""
LEAST_PHONE_DIGITS = 7
LEAST_DIGITS = 5
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")


def _found(text: str, words: tuple[str, ...]) -> Iterator[Span]:
    yield from _of(_PRIVATE_KEY, Kind.SECRET, text)
    yield from _secrets(text)
    yield from _of(_LINK, Kind.LINK, text)
    yield from _of(_EMAIL, Kind.EMAIL, text)
    if words and (pattern := _any_of(words)) is not None:
        yield from _of(pattern, Kind.PRIVATE, text)
    for address in _ADDRESSES:
        yield from _of(address, Kind.ADDRESS, text)
    ibans = list(_of(_IBAN, Kind.NUMBER, text))
    yield from ibans
    # When something happens must stay: most of what is remembered holds from a day on.
    dates = [match.span() for match in _DATE_OR_TIME.finditer(text)]
    apart = sorted([*dates, *((span.begin, span.end) for span in ibans)])
    yield from _numbers(_PHONE, Kind.PHONE, LEAST_PHONE_DIGITS, text, apart)
    yield from _numbers(_NUMBER, Kind.NUMBER, LEAST_DIGITS, text, apart)


def _of(pattern: re.Pattern[str], kind: Kind, text: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        end = match.end()
        if kind is Kind.LINK:
            end -= len(match[0]) - len(match[0].rstrip(".,;:!?)]"))
        yield Span(match.start(), end, kind)


def _numbers(
    pattern: re.Pattern[str], kind: Kind, least: int, text: str, apart: list[tuple[int, int]]
) -> Iterator[Span]:
    """What `pattern` finds beside what is `apart` and has at least so many digits, amounts such as 10,000 aside."""
    begin = 0
    for from_, to in [*apart, (len(text), len(text))]:
        for match in pattern.finditer(text, begin, max(begin, from_)):
            digits = sum(character.isdigit() for character in match[0])
            if digits >= least and not _GROUPED.fullmatch(match[0]):
                yield Span(*match.span(), kind)
        begin = max(begin, to)


def _secrets(text: str) -> Iterator[Span]:
    """The fewest words of each line that hold a secret, as `confidential` tells what one is."""
    at = 0
    for line in text.splitlines(keepends=True):
        words = [(match.start(), match.end()) for match in re.finditer(r"\S+", line)]
        first = 0
        while (last := _end_of_secret(line, words, first)) is not None:
            begin = last
            while not secret_in(line[words[begin][0] : words[last][1]]):
                begin -= 1
            while last + 1 < len(words) and line[slice(*words[last + 1])].isdigit():
                last += 1  # The rest of a number that is written in groups.
            yield Span(at + words[begin][0], at + words[last][1], Kind.SECRET)
            first = last + 1
        at += len(line)


def _end_of_secret(line: str, words: list[tuple[int, int]], first: int) -> int | None:
    """The word with which a secret is complete, of those from `first` on; None if there is none.

    Looks at ever longer pieces, as to read a long line again for each of its words would take seconds.
    """

    def holds(last: int) -> bool:
        return bool(secret_in(line[words[first][0] : words[last][1]]))

    length = 1
    while first + length < len(words) and not holds(first + length - 1):
        length *= 2
    low, high = first + length // 2, min(first + length, len(words)) - 1
    if first >= len(words) or not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return high


@lru_cache(maxsize=8)
def _any_of(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Finds each of `words` as a whole, in whatever case, and however its accents are encoded."""
    forms = {
        unicodedata.normalize(form, " ".join(word.split())) for word in words if word.strip() for form in ("NFC", "NFD")
    }
    if not forms:
        return None
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(_whole, longest_first)), re.IGNORECASE)


def _whole(word: str) -> str:
    inside = r"\s+".join(re.escape(part) for part in word.split())
    before = r"(?<!\w)" if _is_bounded(word[0]) else ""
    return f"{before}{inside}" + (r"(?!\w)" if _is_bounded(word[-1]) else "")


def _is_bounded(character: str) -> bool:
    """Whether words with that character at an end are told from others by what is beside them."""
    is_letter = character.isalnum() or unicodedata.combining(character) > 0
    return is_letter and not unicodedata.name(character, "").startswith(_WITHOUT_SPACES)


def _merged(spans: list[Span]) -> Iterator[Span]:
    """The spans in their order, those that overlap as one, of the kind that comes first in `Kind`."""
    order = list(Kind)
    current: Span | None = None
    for span in sorted(spans, key=lambda span: span.begin):
        if current is not None and span.begin < current.end:
            kind = min(current.kind, span.kind, key=order.index)
            current = Span(current.begin, max(current.end, span.end), kind)
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current
