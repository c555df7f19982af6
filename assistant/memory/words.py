"""The words of a text, as the full-text index knows them: in small letters, without accents, without English endings.

Scripts that put no spaces between words are taken apart into characters, in the index and in queries alike, so that a
word of theirs is a phrase of characters. Knows nothing of tables.
"""

from __future__ import annotations

import re
from functools import lru_cache

import apsw

TOKENIZER = ("porter", "unicode61", "remove_diacritics", "2")
"""The arguments of FTS5's `tokenize`."""

_WITHOUT_SPACES = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ece"  # Lao
    "\u1000-\u109f\u1780-\u17d3"  # Burmese, Khmer
    "\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff"  # Kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han
)
_CHARACTER = re.compile(f"[{_WITHOUT_SPACES}]")
_RUN = re.compile(f"(?P<spaceless>[{_WITHOUT_SPACES}]+)|[^{_WITHOUT_SPACES}]+")

_STOP_WORDS = """
    a about after again all also am an and any are aren as at be because been before being both but by can could
    couldn d did didn do does doesn doing don down each few for from further get go going got had hadn has hasn
    have haven having he hello her here hers herself hey hi him himself his how i if in into is isn it its
    itself just know let like ll m many me more most much my myself no nor not now of off on once only or other
    our ours ourselves out over own please re really remember s said same say she should shouldn so some such t
    tell than thank thanks that the their theirs them themselves then there these they this those through to
    told too under until up us user very want was wasn we well were weren what when where which while who whom
    whose why will with won would wouldn yes yet you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""English words that say nothing by themselves."""
NEGATIONS = "not no never nor cannot without t"
"""What makes the contrary of the same words; "t" is what is left of "doesn't"."""


def spaced(text: str) -> str:
    """`text` with a space around each character of a script that writes without spaces: what is indexed."""
    return _CHARACTER.sub(r" \g<0> ", text) if _CHARACTER.search(text) else text


def runs(text: str) -> list[tuple[str, bool]]:
    """`text` cut where the kind of script changes: each piece, and whether it is of one without spaces."""
    return [(match[0], match["spaceless"] is not None) for match in _RUN.finditer(text)]


def stems(text: str) -> list[str]:
    """The words of `text` in their order, as the index knows them."""
    # FTS5 stops at a zero byte.
    data = spaced(text).replace("\0", " ").encode(errors="replace")
    found = _tokenizer()(data, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False, include_colocated=False)
    return [str(stem) for stem in found]


def meaning(text: str) -> tuple[str, ...]:
    """The stems of the words in `text` that mean something, in their order, and of those that deny.

    Two texts with the same ones say the same. In another order they may not: "2 sons and 3 dogs".
    """
    left_out = _stop_stems() - _negations()
    return tuple(stem for stem in stems(text) if stem not in left_out)


def content(text: str) -> frozenset[str]:
    """The stems of the words in `text` that mean something."""
    return frozenset(stems(text)) - _stop_stems()


@lru_cache(maxsize=1)
def _tokenizer() -> apsw.FTS5Tokenizer:
    return apsw.Connection(":memory:").fts5_tokenizer(TOKENIZER[0], list(TOKENIZER[1:]))


@lru_cache(maxsize=1)
def _stop_stems() -> frozenset[str]:
    return frozenset(stems(_STOP_WORDS))


@lru_cache(maxsize=1)
def _negations() -> frozenset[str]:
    return frozenset(stems(NEGATIONS))
