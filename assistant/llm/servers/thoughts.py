"""Leaves out what a model thinks aloud before it answers, also while that comes in pieces.

Knows nothing of where the text comes from.
"""

from __future__ import annotations


class HiddenThoughts:
    """What a model says, without the thoughts between `opening` and `closing` that it begins with.

    `thinking` is for a prompt that ends with `opening`, so that the text begins within a thought. A thought that is
    never closed hides all the rest. The marks mean nothing once the model has begun to speak.
    """

    def __init__(self, opening: str = "<think>", closing: str = "</think>", *, thinking: bool = False) -> None:
        self._opening = opening
        self._closing = closing
        self._thinking = thinking
        self._thought = thinking
        self._speaking = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """What of the text up to and with `piece` can be shown now and was not before."""
        if self._speaking:
            return piece
        self._held += piece
        while not self._speaking:
            if self._thinking:
                _, mark, rest = self._held.partition(self._closing)
                if not mark:
                    # The mark itself may come in pieces.
                    self._held = self._held[-(len(self._closing) - 1) :]
                    return ""
                self._thinking, self._held = False, rest
            begun = self._held.lstrip()
            if begun.startswith(self._opening):
                self._thinking = self._thought = True
                self._held = begun.removeprefix(self._opening)
            elif self._opening.startswith(begun):
                return ""
            else:
                self._speaking = True
        return self.rest()

    def rest(self) -> str:
        """What was held back because a thought might have begun with it; asked once, at the end of the text."""
        held, self._held = self._held, ""
        if self._thinking:
            return ""
        return held.lstrip() if self._thought else held
