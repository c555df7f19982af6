"""Whether a model keeps to the words that it was given.

A small model copies a word token by token and may weave two into one that nobody said: of "Sindhi" and "Yiddish" it
makes "Sinddish". That shows without knowing any language: such a word stands neither in the prompt nor among those
that the model has of its own. Only for models that copy; one that knows a language has all its words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_WORD = re.compile(r"\w+")
PLURAL = "s"


def words(text: str) -> set[str]:
    """The words of `text`, in small letters; of "Nia's" they are two."""
    return set(_WORD.findall(text.lower()))


def invented_words(text: str, given: Iterable[str], own: Collection[str]) -> set[str]:
    """The words of `text` that stand in none of the `given` texts, as one or as many, and are none of `own`."""
    known = words("\n".join(given)).union(own)
    return {word for word in words(text) - known if known.isdisjoint((word + PLURAL, word.removesuffix(PLURAL)))}
