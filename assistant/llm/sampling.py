"""Which token comes next, and which text the tokens make.

Promises that a completion is valid UTF-8 at every moment and that no control token is ever written. llama.cpp's
grammars promise neither: they let overlong and surrogate sequences through and take a control token for its name.
Knows nothing of llama.cpp; logits are float32 arrays over the vocabulary.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]


FEW = 32
"""How many of the best tokens are asked about before all are."""


class Constraint(Protocol):
    """What may be written next, as a grammar says."""

    def allows(self, token: int) -> bool:
        """Whether `token` may come next."""

    def narrow(self, scores: Scores) -> None:
        """Sets the score of every token that may not come next to minus infinity."""

    def accept(self, token: int) -> None:
        """Goes on to what may follow `token`."""


class Text:
    """The text of a completion while it is being written."""

    def __init__(self, piece: Callable[[int], bytes]) -> None:
        self._piece = piece
        self._pending = b""
        self._text: list[str] = []

    def fits(self, token: int) -> bool:
        """Whether the text stays valid UTF-8 with `token`; a character that is not whole yet is.

        Control tokens stand for no text and never fit.
        """
        piece = self._piece(token)
        if piece.isascii():
            return not self._pending and bool(piece)
        data = self._pending + piece
        try:
            _, used = codecs.utf_8_decode(data, "strict", False)
        except UnicodeDecodeError:
            return False
        # Python refuses a surrogate only at its third byte, where nothing is left that could follow.
        return data[used : used + 1] != b"\xed" or data[used + 1 : used + 2] < b"\xa0"

    def add(self, token: int) -> str:
        """Appends a token that fits; returns the characters that it completed."""
        data = self._pending + self._piece(token)
        text, used = codecs.utf_8_decode(data, "strict", False)
        self._pending = data[used:]
        if text:
            self._text.append(text)
        return text

    @property
    def whole(self) -> bool:
        """Whether the last character is complete."""
        return not self._pending

    def __str__(self) -> str:
        return "".join(self._text)


def _at_once(work: Callable[[], object]) -> None:
    work()


class Sampler:
    """Takes the best token that may be written: greedily at temperature 0, else at random by `seed`."""

    def __init__(
        self,
        text: Text,
        *,
        ends: frozenset[int],
        constraint: Constraint | None,
        temperature: float,
        seed: int,
        later: Callable[[Callable[[], object]], object] = _at_once,
    ) -> None:
        """`later` may put off what it is given; `confidence` counts what was done until then."""
        self._text = text
        self._ends = ends
        self._constraint = constraint
        self._temperature = temperature
        self._random = np.random.default_rng(seed)
        self._log_probability = 0.0
        self._taken = 0
        self._buffer: Scores | None = None
        self._later = later

    def next(self, logits: Scores) -> int | None:
        """The next token, or None if nothing may follow. Tokens at `ends` end the completion."""
        scores = self._scores(logits)
        token = int(scores.argmax())
        if not self._allowed(token):
            best = self._best_of_few(scores)
            if best is None:
                best = self._best_of_all(scores.copy())
            if best is None:
                return None
            token = best
        self._later(partial(self._weigh, logits.copy(), token))
        if self._constraint is not None and token not in self._ends:
            self._constraint.accept(token)
        return token

    @property
    def confidence(self) -> float:
        """The geometric mean of the probabilities that the model itself gave the tokens taken, whatever was allowed."""
        return math.exp(self._log_probability / self._taken) if self._taken else 1.0

    def _best_of_few(self, scores: Scores) -> int | None:
        """The best token that may be written, if it is among the best few, as it nearly always is.

        To ask about one takes microseconds, where the filtering of a large vocabulary takes tens of milliseconds.
        """
        few = np.argpartition(scores, -FEW)[-FEW:] if len(scores) > FEW else np.arange(len(scores))
        in_order = few[np.lexsort((few, -scores[few]))]
        return next((int(token) for token in in_order if scores[token] != -np.inf and self._allowed(int(token))), None)

    def _best_of_all(self, scores: Scores) -> int | None:
        """The best token that may be written; None if there is none. Strikes out what may not."""
        if self._constraint is not None:
            self._constraint.narrow(scores)
        while scores[token := int(scores.argmax())] != -np.inf:
            if self._fits(token):
                return token
            scores[token] = -np.inf
        return None

    def _weigh(self, logits: Scores, token: int) -> None:
        best = logits.max()
        differences = np.subtract(logits, best, out=self._buffer)
        self._buffer = differences
        self._log_probability += float(logits[token] - best - np.log(np.exp(differences, out=differences).sum()))
        self._taken += 1

    def _scores(self, logits: Scores) -> Scores:
        """Scores whose best is a sample, not to be written to: Gumbel noise makes the maximum a draw from the softmax,
        and it stays one, from what is left, when some are struck out afterwards."""
        if self._temperature <= 0:
            return logits
        noise = self._random.gumbel(size=len(logits))
        return (logits / self._temperature + noise).astype(np.float32)

    def _allowed(self, token: int) -> bool:
        return self._fits(token) and (self._constraint is None or self._constraint.allows(token))

    def _fits(self, token: int) -> bool:
        return self._text.whole if token in self._ends else self._text.fits(token)
