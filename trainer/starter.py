"""The starter: the first model of the assistant, trained from random weights on simulated lives.

`train` leaves a folder that holds the tokenizer, the checkpoint, metrics.jsonl and, at the end, the model as
transformers saves it. Started again on the same folder, it goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from transformers import PreTrainedTokenizerFast

from trainer.batches import Encoder, Mix, Rows, Shape, repeats, shard
from trainer.data.english import idle_talk, trainable_sentences
from trainer.data.simulate import simulate
from trainer.data.storyteller import IN_TRAINING
from trainer.data.wordings import Split, Wordings
from trainer.examples import Difficulty, examples
from trainer.pretrain import Schedule, Trainer, new_model, starter_config
from trainer.tokenizer import train_tokenizer
from trainer.vectors import token_vectors

VOCABULARY = 8192
LONG_OPENINGS = 2000
TOKENIZER_LIVES = 600
WATCHED = Shape(48, 512)
"""Rows of each split on which a run is watched."""


def train(folder: Path, seed: int, schedule: Schedule, threads: int, text: Path | None = None) -> Path:
    """Trains to the end of `schedule` and returns the folder of the finished model.

    With a folder of plain English `text` (see `trainer.data.english`) the embeddings begin with vectors of its words,
    and lives hold idle talk from its dialogues.
    """
    finished = folder / "model"
    torch.set_num_threads(threads)
    sentences = trainable_sentences(text) if text else None
    train_words, dev_words = Wordings.load(Split.TRAIN), Wordings.load(Split.DEV)
    if text:
        train_words = replace(train_words, overheard=idle_talk(text))
    tokenizer = _tokenizer(folder / "tokenizer", train_words, seed)
    encoder = Encoder(tokenizer)
    config = starter_config(encoder.vocabulary, encoder.end, encoder.pad)
    vectors = _vectors(folder / "vectors.pt", sentences, encoder, config.hidden_size, seed) if sentences else None
    model = new_model(config, seed, vectors)
    trainer = Trainer(model, schedule, folder)
    watched = {
        "dev": shard(encoder, dev_words, seed, 0, WATCHED),
        "easy": shard(encoder, dev_words, seed, 1, WATCHED, Mix(0.0, Difficulty.at(0))),
        "train": shard(encoder, train_words, seed, -1, WATCHED),
        "copying": repeats(encoder, seed, WATCHED),
    }

    def make_shard(number: int, shape: Shape, mix: Mix) -> Rows:
        return shard(encoder, train_words, seed, number, shape, mix)

    def check() -> dict[str, float]:
        return {name: round(_share_exact(trainer, rows), 4) for name, rows in watched.items()}

    trainer.run(make_shard, check, lambda line: print(line, flush=True))
    model.save_pretrained(finished)
    tokenizer.save_pretrained(finished)
    return finished


def _share_exact(trainer: Trainer, rows: Rows) -> float:
    """The share of completions that greedy decoding would give exactly."""
    exact = [document for row in trainer.exact(rows) for document in row]
    return sum(exact) / len(exact)


def _tokenizer(folder: Path, wordings: Wordings, seed: int) -> PreTrainedTokenizerFast:
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        train_tokenizer(_texts(wordings, seed), VOCABULARY, LONG_OPENINGS).save_pretrained(partial)
        partial.replace(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _vectors(file: Path, sentences: Iterable[str], encoder: Encoder, size: int, seed: int) -> torch.Tensor:
    if not file.exists():
        partial = file.with_suffix(".partial")
        torch.save(token_vectors(sentences, encoder.plain, size, seed), partial)
        partial.replace(file)
    vectors: torch.Tensor = torch.load(file, weights_only=True)
    return vectors


def _texts(wordings: Wordings, seed: int) -> Iterator[str]:
    rng = Random(f"tokenizer {seed}")
    for _ in range(TOKENIZER_LIVES):
        life = simulate(rng.getrandbits(48), wordings, shares=IN_TRAINING)
        for example in examples(life, wordings, rng):
            yield from (message.text for message in example.prompt)
            yield example.completion
