"""Which token comes next, and which text the tokens make.

Promises that a completion is valid UTF-8 at every moment and that no control token is ever written. llama.cpp's
grammars promise neither: they let overlong and surrogate sequences through and take a control token for its name.
Knows nothing of llama.cpp; logits are float32 arrays over the vocabulary.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]


FEW = 32
"""How many of the best tokens are asked about before all are."""


WEIGHED_AT_ONCE = 1 << 16
"""Scores that are kept until they are turned into probabilities together: a quarter of a megabyte."""


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
        weighs: bool = True,
    ) -> None:
        """Without `weighs` it does not find out how sure the model is, which takes some of the time of a small one."""
        self._text = text
        self._ends = ends
        self._constraint = constraint
        self._temperature = temperature
        self._random = np.random.default_rng(seed)
        self._log_probability = 0.0
        self._taken = 0
        self._weighs = weighs
        self._rows: Scores | None = None
        self._waiting = 0

    def next(self, logits: Scores) -> int | None:
        """The next token, or None if nothing may follow. Tokens at `ends` end the completion."""
        scores = self._scores(logits)
        token = best = int(scores.argmax())
        if not self._allowed(token):
            other = self._best_of_few(scores)
            if other is None:
                other = self._best_of_all(scores.copy())
            if other is None:
                return None
            token = other
        if self._weighs:
            self._put_aside(logits, token, best)
        if self._constraint is not None and token not in self._ends:
            self._constraint.accept(token)
        return token

    @property
    def confidence(self) -> float:
        """The geometric mean of the probabilities that the model itself gave the tokens taken, whatever was allowed."""
        self._weigh()
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

    def _put_aside(self, logits: Scores, token: int, best: int) -> None:
        """Notes how much better or worse than the best one each other token was."""
        self._taken += 1
        if self._rows is None:
            self._rows = np.empty((max(WEIGHED_AT_ONCE // len(logits), 1), len(logits)), np.float32)
        # The best of the scores is that of the logits, but where chance had a say.
        reference = logits[best] if self._temperature <= 0 else logits.max()
        np.subtract(logits, reference, out=self._rows[self._waiting])
        self._log_probability += float(logits[token] - reference)
        self._waiting += 1
        if self._waiting == len(self._rows):
            self._weigh()

    def _weigh(self) -> None:
        """Counts what was put aside: of some tokens at once it takes two thirds of the time."""
        if self._rows is not None and self._waiting:
            rows = self._rows[: self._waiting]
            self._log_probability -= float(np.log(np.exp(rows, out=rows).sum(axis=1)).sum())
            self._waiting = 0

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
