"""Characters that nobody can see in a text, or that pass for others: what could fool whoever reads it.

Promises to report what is not seen and can change what is read: characters of no width, marks of writing direction,
tags, variation selectors, blanks that count as letters, control characters, and letters of another script within a word
that look like its own. What emoji and the scripts of Persian, Hindi, Japanese or Mongolian need is not reported.
Knows nothing of where the text comes from.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hidden:
    """A character that cannot be seen for what it is: where it stands, and its name in Unicode."""

    position: int
    code_point: int
    name: str


def hidden(text: str) -> tuple[Hidden, ...]:
    """The hidden characters of `text`, in their order."""
    if text.isascii() and text.isprintable():
        return ()
    places = {at for at, character in enumerate(text) if _is_unseen(character) and not _is_needed(text, at)}
    for flag in _FLAGS.finditer(text):
        places.difference_update(range(*flag.span()))
    places |= _look_alikes(text)
    return tuple(Hidden(at, ord(text[at]), _name(text[at])) for at in sorted(places))


def made_visible(text: str) -> str:
    """`text` with its hidden characters replaced by their numbers, as ⟨U+200B⟩."""
    pieces, end = [], 0
    for found in hidden(text):
        pieces += [text[end : found.position], f"⟨U+{found.code_point:04X}⟩"]
        end = found.position + 1
    return "".join(pieces) + text[end:]


_SPACES = "\t\n\r"
_BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Without a glyph, though Unicode counts them as letters, marks or symbols."""
_JOINERS = "\u200c\u200d"
_EMOJI_STYLES = "\ufe0e\ufe0f"
_TAGS = range(0xE0000, 0xE1000)
"""The tags, and other plane 14 characters that are to be ignored where they are not known."""
_ENGLAND, _SCOTLAND, _WALES = (
    "".join(chr(0xE0000 + ord(letter)) for letter in code) for code in ("gbeng", "gbsct", "gbwls")
)
_FLAGS = re.compile(f"\U0001f3f4(?:{_ENGLAND}|{_SCOTLAND}|{_WALES})\U000e007f")
"""Those of parts of countries are spelled in tags behind a black flag."""


def _is_unseen(character: str) -> bool:
    if character in _SPACES:
        return False
    category = unicodedata.category(character)
    return category in ("Cc", "Cf") or character in _BLANKS or _is_selector(character) or ord(character) in _TAGS


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\u180b" <= character <= "\u180f"


def _is_needed(text: str, at: int) -> bool:
    """Whether the character does what it is there for, so that what stands beside it is written as it should be."""
    character, before, after = text[at], text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    if not before:
        return False
    if character in _JOINERS:
        return _is_joined(before, after) or (character == "\u200d" and _is_pictured(before) and _is_pictured(after))
    if character in _EMOJI_STYLES:
        return _is_pictured(before) or (before in "#*0123456789" and after == "\u20e3")
    if "\u180b" <= character <= "\u180f":
        return "\u1820" <= before <= "\u18aa"
    is_selector = _is_selector(character) or 0xE0100 <= ord(character) <= 0xE01EF
    return is_selector and unicodedata.name(before, "").startswith("CJK ")


_JOINING = re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18aa]")
"""Of scripts in which neighbours are joined or kept apart: Arabic, Indic, Burmese, Khmer, Mongolian."""


def _is_joined(before: str, after: str) -> bool:
    return _JOINING.match(before) is not None and _JOINING.match(after) is not None


def _is_pictured(character: str) -> bool:
    """Whether it is an emoji, or a part of one."""
    return character in _EMOJI_STYLES or unicodedata.category(character or "a") in ("So", "Sk", "Sm", "Po")


_LETTERS = re.compile(r"[^\W\d_]+")
_AS_LATIN = frozenset(
    # Cyrillic, then Greek.
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u0501\u051b\u051d"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408\u04ae\u04c0"
    "\u03b1\u03b9\u03ba\u03bd\u03bf\u03c1\u03c5\u03c7\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1"
    "\u03a4\u03a5\u03a7"
)
"""Letters of other scripts that look like Latin ones."""
_LATIN_AS = frozenset("aceijhopqsuvwxydkABCEHIJKMNOPSTXYZ")
"""The Latin letters that those look like."""


def _look_alikes(text: str) -> set[int]:
    """Where a word has a letter of another script than its own that looks like one of its own."""
    found: set[int] = set()
    for word in _LETTERS.finditer(text):
        if word[0].isascii():
            continue
        places = range(word.start(), word.end())
        foreign = [at for at in places if _is_of("CYRILLIC ", text[at]) or _is_of("GREEK ", text[at])]
        latin = [at for at in places if _is_of("LATIN ", text[at])]
        if foreign and len(latin) >= len(foreign):
            found.update(at for at in foreign if text[at] in _AS_LATIN)
        elif latin and foreign:
            found.update(at for at in latin if text[at] in _LATIN_AS)
    return found


def _is_of(script: str, letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(script)


def _name(character: str) -> str:
    return unicodedata.name(character, "CONTROL" if unicodedata.category(character) == "Cc" else "UNASSIGNED")
