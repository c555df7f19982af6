"""Rows made ahead: other processes make the same ones, and each is used before any is used again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from trainer.batches import Encoder, Mix, Shape, shard
from trainer.data.wordings import Split, Wordings
from trainer.feeding import Feed, Pool, Recipe
from trainer.tokenizer import train_tokenizer

WORDINGS = Wordings.load(Split.TRAIN)
SHAPE = Shape(2, 256)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer((line for pool in WORDINGS.say.values() for line in pool), 2048, 200).save_pretrained(folder)
    return folder


def numbered(first: int) -> np.ndarray:
    """A shard of two rows in which every token is the row's number."""
    return np.broadcast_to(np.array([[[first], [first + 1]]], np.int16), (5, 2, 256)).copy()


def pool(shards: int) -> Pool:
    return Pool(SHAPE, shards, 0, torch.device("cpu"))


def drawn(some: Pool, rows: int) -> list[int]:
    return some.batch(rows).tokens[:, 0].tolist()


@pytest.mark.slow
def test_other_processes_make_the_shards_that_this_one_would(tokenizer: Path, tmp_path: Path) -> None:
    talk = ["That was some storm last night.", "The bus was late again."]
    (tmp_path / "talk.json").write_text(json.dumps(talk))
    encoder = Encoder(PreTrainedTokenizerFast.from_pretrained(tokenizer))
    with Feed(Recipe(tokenizer, 0, tmp_path / "talk.json"), 1, first=7) as feed:
        feed.order(SHAPE, Mix(0.5))
        made = [*feed.done(waiting=True), *feed.done(waiting=True)]

    assert feed.number == 9
    assert len(made) == 2
    words = replace(WORDINGS, overheard=talk)
    wanted = [shard(encoder, words, 0, number, SHAPE, Mix(0.5)) for number in (7, 8)]
    assert sorted(parts[0].sum() for parts in made) == sorted(int(rows.tokens.sum()) for rows in wanted)
    for parts in made:
        (rows,) = [r for r in wanted if np.array_equal(parts[0], r.tokens)]
        tensors = (rows.tokens, rows.labels, rows.documents, rows.branches, rows.positions)
        assert all(np.array_equal(part, tensor) for part, tensor in zip(parts, tensors, strict=True))


@pytest.mark.slow
def test_what_goes_wrong_in_a_process_is_raised_here(tokenizer: Path) -> None:
    with Feed(Recipe(tokenizer, 0), 1) as feed, pytest.raises(TypeError):
        feed.order(SHAPE, Mix(repeats="many"))  # type: ignore[arg-type]
        feed.done(waiting=True)


def test_every_row_is_used_once_before_any_is_used_again() -> None:
    some = pool(4)
    for first in (0, 2, 4):
        some.add(numbered(first))

    assert drawn(some, 4) == [0, 1, 2, 3]
    assert some.unused == 2
    first_new, second_new, *again = drawn(some, 40)
    assert (first_new, second_new) == (4, 5)
    assert set(again) == {0, 1, 2, 3, 4, 5}
    assert (some.added, some.used, some.unused) == (6, 44, 0)


def test_a_full_pool_forgets_the_oldest_rows_used_or_not() -> None:
    some = pool(2)
    for first in (0, 2, 4):
        some.add(numbered(first))

    assert some.unused == 4
    assert set(drawn(some, 40)) == {2, 3, 4, 5}


def test_rows_come_back_as_they_were_made(tokenizer: Path) -> None:
    rows = shard(Encoder(PreTrainedTokenizerFast.from_pretrained(tokenizer)), WORDINGS, 0, 0, SHAPE)
    parts = (rows.tokens, rows.labels, rows.documents, rows.branches, rows.positions)
    some = pool(1)
    some.add(np.stack([part.to(torch.int16).numpy() for part in parts]))

    drawn_again = some.batch(2)
    assert torch.equal(drawn_again.tokens, rows.tokens)
    assert torch.equal(drawn_again.labels, rows.labels)
    assert torch.equal(drawn_again.mask(), rows.mask())
    assert torch.equal(drawn_again.positions, rows.positions)
