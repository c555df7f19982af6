"""Rows made ahead by other processes, and a pool of the newest of them from which batches are drawn.

A GPU learns from rows faster than one core makes them. Every row is used once before any is used again. Which rows come
when depends on how fast they are made, so two runs do not see the same. Knows nothing of models.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from trainer.batches import Encoder, Mix, Rows, Shape, shard
from trainer.data.wordings import Split, Wordings

ORDERED = 2
"""Shards that are ordered at a time, for each process."""
PARTS = len(fields(Rows))


@dataclass(frozen=True)
class Recipe:
    """What shards are made from, beside their number: the folder of a tokenizer, a seed, and idle talk as JSON, if any.

    Small, because every process is sent it: with the idle talk itself, 14 of them took half a minute to start.
    """

    tokenizer: Path
    seed: int
    overheard: Path | None = None

    def wordings(self) -> Wordings:
        """Those of the training split, with the idle talk."""
        wordings = Wordings.load(Split.TRAIN)
        if self.overheard is not None:
            wordings = replace(wordings, overheard=json.loads(self.overheard.read_text("utf-8")))
        return wordings


class Feed:
    """Shards from `workers` processes, numbered from `first` on, as they are done. A context: it ends the processes."""

    def __init__(self, recipe: Recipe, workers: int, first: int = 0) -> None:
        # Started anew, not forked: a process that holds a GPU or threads cannot be.
        self._workers = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
        self._recipe = recipe
        self._ordered: set[Future[np.ndarray]] = set()
        self._most = workers * ORDERED
        self.number = first

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)

    def order(self, shape: Shape, mix: Mix) -> None:
        """Orders shards of `shape` and `mix` until as many are ordered as may be."""
        while len(self._ordered) < self._most:
            self._ordered.add(self._workers.submit(_made, self._recipe, self.number, shape, mix))
            self.number += 1

    def done(self, *, waiting: bool) -> list[np.ndarray]:
        """The shards that are done, each (parts of `Rows`, rows, length) int16; if `waiting`, at least one.

        Raises what went wrong in a process, or BrokenProcessPool if one was killed.
        """
        done, self._ordered = wait(self._ordered, None if waiting else 0, FIRST_COMPLETED)
        return [future.result() for future in done]


class Pool:
    """The newest shards, `shards` of them, of one `shape`, on `device`. Each adds `at_once` rows."""

    def __init__(self, shape: Shape, shards: int, seed: int, device: torch.device) -> None:
        self._rows = torch.empty(PARTS, shape.rows * shards, shape.length, dtype=torch.int16, device=device)
        self.at_once = shape.rows
        self._random = Random(f"pool {seed}")
        self._held = 0
        self._unused: deque[int] = deque()
        self.added = 0
        self.used = 0

    @property
    def unused(self) -> int:
        """How many of its rows were in no batch yet."""
        return len(self._unused)

    def add(self, made: np.ndarray) -> None:
        """Takes a shard in, in the place of the oldest if it is full."""
        size = self._rows.shape[1]
        begin = self.added % size
        rows = torch.from_numpy(made)
        if self._rows.is_cuda:
            rows = rows.pin_memory()
        self._rows[:, begin : begin + self.at_once].copy_(rows, non_blocking=True)
        self._unused.extend(range(begin, begin + self.at_once))
        while len(self._unused) > size:
            self._unused.popleft()
        self.added += self.at_once
        self._held = min(self.added, size)

    def batch(self, rows: int) -> Rows:
        """`rows` rows: the oldest of those that were not used yet, and any at random if there are too few."""
        chosen = [self._unused.popleft() for _ in range(min(rows, len(self._unused)))]
        chosen += self._random.choices(range(self._held), k=rows - len(chosen))
        self.used += rows
        return Rows(*self._rows[:, torch.tensor(chosen, device=self._rows.device)].long())


def _made(recipe: Recipe, number: int, shape: Shape, mix: Mix) -> np.ndarray:
    encoder, wordings = _ready(recipe)
    rows = shard(encoder, wordings, recipe.seed, number, shape, mix)
    return np.stack([getattr(rows, field.name).to(torch.int16).numpy() for field in fields(Rows)])


@cache
def _ready(recipe: Recipe) -> tuple[Encoder, Wordings]:
    """What a process makes shards with, once it has made the first."""
    torch.set_num_threads(1)
    return Encoder(PreTrainedTokenizerFast.from_pretrained(recipe.tokenizer)), recipe.wordings()
