"""Completions of many prompts at once by a transformers model: fast, and the same by a seed whatever the batch.

Promises that a prompt is read once for all its completions, that what has ended costs no more time, and that each
completion depends on its own prompt and seed alone (but for the rounding of sums of another size). Knows nothing of
text and of agents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from trainer.decoders import Decoder, decoder_of

ROWS = 128
"""Completions that are written at once."""
FEWER = 0.75
"""Those that have ended leave when so many of the places, or fewer, are enough for the others."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A completion of `prompt` for each of `seeds`, of at most `room` tokens (at least 1)."""

    prompt: tuple[int, ...]
    seeds: tuple[int, ...]
    room: int


@torch.no_grad()
def generate(
    model: PreTrainedModel,
    wanted: Sequence[Wanted],
    *,
    temperature: float,
    ends: frozenset[int],
    pad: int,
    rows: int = ROWS,
    plainly: bool = False,
) -> list[list[tuple[int, ...]]]:
    """The tokens of all completions, each through its first token of `ends` if it came to one.

    Greedy at `temperature` 0. About `rows` completions are written at once. `plainly` goes through the model's own
    forward even where there is a faster way.
    """
    training = model.training
    model.train(False)
    try:
        found: list[list[tuple[int, ...]]] = [[] for _ in wanted]
        for numbers in batches([(len(one.prompt), len(one.seeds)) for one in wanted], rows):
            decoder = decoder_of(model, plainly=plainly)
            batch = _Batch([wanted[n] for n in numbers], temperature, ends, model.device)
            for number, completions in zip(numbers, batch.write(decoder, pad), strict=True):
                found[number] = completions
        return found
    finally:
        model.train(training)


def batches(sizes: Sequence[tuple[int, int]], rows: int) -> Iterator[list[int]]:
    """The numbers of prompts of `sizes` (length, completions) that are read together: alike in length, longest first.

    A batch has at most `rows` completions, or a single prompt.
    """
    batch: list[int] = []
    most = 0
    for number in sorted(range(len(sizes)), key=lambda n: (-sizes[n][0], -sizes[n][1], n)):
        count = max(most, sizes[number][1])
        if batch and count * (len(batch) + 1) > rows:
            yield batch
            batch, count = [], sizes[number][1]
        batch.append(number)
        most = count
    if batch:
        yield batch


def choose(logits: torch.Tensor, temperature: float, chances: torch.Tensor) -> torch.Tensor:
    """A token for each row of `logits`, (..., vocabulary): the best one at `temperature` 0, else by `chances`.

    Chances, (...) from 0 to below 1, are where on the line of all probabilities the token lies; one number a token is
    much faster than one for each that it could have been.
    """
    if temperature == 0:
        return logits.argmax(-1)
    heaped = torch.softmax(logits.float() / temperature, -1).cumsum(-1)
    total = heaped[..., -1:].contiguous()
    chosen = torch.searchsorted(heaped, chances[..., None].to(heaped) * total, right=True)
    # Rounding could lead past the last token that has a probability at all.
    return torch.minimum(chosen, torch.searchsorted(heaped, total))[..., 0]


def chances(seed: int, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(count,) the numbers from 0 to below 1 by which a completion is drawn, token by token."""
    return np.random.default_rng(seed).random(count, np.float32)


class _Batch:
    """Completions that are written together. Each is in a place (prompt, completion); `row` says which one it is."""

    def __init__(
        self, wanted: Sequence[Wanted], temperature: float, ends: frozenset[int], device: torch.device
    ) -> None:
        self._wanted, self._temperature, self._device = wanted, temperature, device
        self._ends = torch.tensor(sorted(ends), device=device)
        self._each = max(len(one.seeds) for one in wanted)
        shape = (len(wanted), self._each)
        self._longest = max(one.room for one in wanted)
        self._row = torch.arange(shape[0] * shape[1], device=device).view(shape)
        self._alive = torch.tensor([[n < len(one.seeds) for n in range(self._each)] for one in wanted], device=device)
        self._room = torch.tensor([one.room for one in wanted], device=device)[:, None].expand(shape)
        self._chances = torch.zeros(shape[0] * shape[1], self._longest if temperature else 1)
        if temperature:
            for p, one in enumerate(wanted):
                for c, seed in enumerate(one.seeds):
                    self._chances[p * self._each + c, : one.room] = torch.from_numpy(chances(seed, one.room))
        self._chances = self._chances.to(device)

    def write(self, decoder: Decoder, pad: int) -> list[list[tuple[int, ...]]]:
        """All completions, in the order of what was wanted."""
        rows = self._row.numel()
        written = torch.full((rows, self._longest), pad, device=self._device)
        lengths = torch.zeros(rows, dtype=torch.long, device=self._device)
        logits = decoder.read(*self._padded(pad), self._each)[:, None].expand(-1, self._each, -1)
        for step in range(self._longest):
            chosen = choose(logits, self._temperature, self._chances[self._row, step if self._temperature else 0])
            written[self._row[self._alive], step] = chosen[self._alive]
            lengths[self._row[self._alive]] = step + 1
            self._alive = self._alive & ~torch.isin(chosen, self._ends) & (step + 1 < self._room)
            left = self._left(decoder)
            if left is None:
                break
            logits = decoder.step(chosen[left])
        return self._told(written.tolist(), lengths.tolist())

    def _told(self, written: list[list[int]], lengths: list[int]) -> list[list[tuple[int, ...]]]:
        starts = (p * self._each for p in range(len(self._wanted)))
        return [
            [tuple(written[start + c][: lengths[start + c]]) for c in range(len(one.seeds))]
            for start, one in zip(starts, self._wanted, strict=True)
        ]

    def _padded(self, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The prompts, padded on the left, and a mask that is 0 there."""
        longest = max(len(one.prompt) for one in self._wanted)
        tokens = torch.full((len(self._wanted), longest), pad)
        mask = torch.zeros_like(tokens)
        for row, one in enumerate(self._wanted):
            tokens[row, longest - len(one.prompt) :] = torch.tensor(one.prompt)
            mask[row, longest - len(one.prompt) :] = 1
        return tokens.to(self._device), mask.to(self._device)

    def _left(self, decoder: Decoder) -> tuple[torch.Tensor, torch.Tensor] | tuple[()] | None:
        """An index that takes what is in the places that stay, from what is in those of now; None if all has ended."""
        alive = self._alive.sum(1)
        most = int(alive.max())
        if most == 0:
            return None
        prompts = alive.nonzero()[:, 0]
        if len(prompts) * most > FEWER * self._alive.numel():
            return ()
        places = (~self._alive[prompts]).long().argsort(dim=1, stable=True)[:, :most]
        decoder.keep(prompts, places)
        left = (prompts[:, None], places)
        self._row, self._alive, self._room = self._row[left], self._alive[left], self._room[left]
        return left
