"""What has changed between two wordings, word by word.

Promises that the pieces put together again give both texts back, spaces included, and that words that changed side by
side are one piece. In scripts without spaces a character counts as a word. Knows nothing of what the texts are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"\s+|[{_SPACELESS}]|(?:(?![{_SPACELESS}])\w)+(?:['\u2019-]\w+)*|[^\w\s]")


class PieceKind(StrEnum):
    """In which of two texts a piece stands: in both, in the one before, in the one after."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a text, or of both."""

    kind: PieceKind
    text: str


def changes(before: str, after: str) -> list[Piece]:
    """The pieces of both texts in their order: what is gone stands before what came in its place."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    pieces: list[Piece] = []
    gone = came = ""
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        kept = "".join(old[i1:i2])
        if tag != "equal":
            gone, came = gone + kept, came + "".join(new[j1:j2])
        elif kept.isspace() and (gone or came) and i2 < len(old) and j2 < len(new):
            # The space between two words that changed belongs to both changes.
            gone, came = gone + kept, came + kept
        else:
            pieces += [*_changed(gone, came), Piece(PieceKind.SAME, kept)]
            gone = came = ""
    return [*pieces, *_changed(gone, came)]


def _changed(gone: str, came: str) -> list[Piece]:
    return [piece for piece in (Piece(PieceKind.GONE, gone), Piece(PieceKind.NEW, came)) if piece.text]
