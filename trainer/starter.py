"""The starter: the first model of the assistant, trained from random weights on simulated lives.

`train` leaves a folder that holds the tokenizer, the checkpoint, metrics.jsonl and, at the end, the model as
transformers saves it. Started again on the same folder, it goes on where it was stopped. What is read from a folder of
English texts is kept there too, so that a run can be moved to a machine that does not have them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from trainer.batches import Encoder, Mix, Rows, Shape, repeats, shard
from trainer.data.english import idle_talk, trainable_sentences
from trainer.data.simulate import simulate
from trainer.data.storyteller import IN_TRAINING
from trainer.data.wordings import Split, Wordings
from trainer.examples import Difficulty, examples
from trainer.feeding import Feed, Recipe
from trainer.pretrain import WIDTH, Trainer, new_model, starter_config
from trainer.schedule import Schedule
from trainer.timed import TimedTrainer
from trainer.tokenizer import train_tokenizer
from trainer.vectors import token_vectors

VOCABULARY = 8192
LONG_OPENINGS = 2000
TOKENIZER_LIVES = 600
WATCHED = Shape(48, 512)
"""Rows of each split on which a run is watched."""
OVERHEARD = "overheard.json"
WHOLE, PART = "1GB", "15MB"
"""A model is one file, or several that are easily carried."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When `time.perf_counter()` is `deadline`, a run is over; `workers` processes make its rows."""

    deadline: float
    workers: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a run in a folder begins with."""

    folder: Path
    seed: int
    wordings: Wordings
    tokenizer: PreTrainedTokenizerFast
    encoder: Encoder
    model: Qwen2ForCausalLM


def train(
    folder: Path,
    seed: int,
    schedule: Schedule,
    threads: int,
    text: Path | None = None,
    *,
    width: int = WIDTH,
    timing: Timing | None = None,
) -> Path:
    """Trains to the end of `schedule`, or of the time in `timing`, and returns the folder of the finished model.

    With a folder of plain English `text` (see `trainer.data.english`) the embeddings begin with vectors of its words,
    and lives hold idle talk from its dialogues.
    """
    torch.set_num_threads(threads)
    run = _begun(folder, seed, text, width)
    if timing is None:
        _train_in_steps(run, schedule)
    else:
        _train_in_time(run, schedule, timing)
    return folder / "model"


def _begun(folder: Path, seed: int, text: Path | None, width: int) -> Run:
    wordings = Wordings.load(Split.TRAIN)
    if text:
        wordings = replace(wordings, overheard=_overheard(folder / OVERHEARD, text))
    tokenizer = _tokenizer(folder / "tokenizer", wordings, seed)
    encoder = Encoder(tokenizer)
    config = starter_config(encoder.vocabulary, encoder.end, encoder.pad, width)
    vectors = _vectors(folder / "vectors.pt", text, encoder, width, seed) if text else None
    return Run(folder, seed, wordings, tokenizer, encoder, new_model(config, seed, vectors))


def _train_in_steps(run: Run, schedule: Schedule) -> None:
    trainer = Trainer(run.model, schedule, run.folder)

    def make_shard(number: int, shape: Shape, mix: Mix) -> Rows:
        return shard(run.encoder, run.wordings, run.seed, number, shape, mix)

    trainer.run(make_shard, _checked(run, trainer), _say)
    _save(run, WHOLE)


def _train_in_time(run: Run, schedule: Schedule, timing: Timing) -> None:
    trainer = TimedTrainer(run.model, schedule, run.folder)
    recipe = Recipe(run.folder / "tokenizer", run.seed, run.folder / OVERHEARD if run.wordings.overheard else None)
    with Feed(recipe, timing.workers, trainer.number) as feed:
        check = _checked(run, trainer)
        trainer.run_until(timing.deadline, feed, check, lambda: _save(run, PART), _say)


def _checked(run: Run, trainer: Trainer) -> Callable[[], dict[str, float]]:
    """What gives the shares of right completions on which a run is watched."""
    encoder, seed, dev = run.encoder, run.seed, Wordings.load(Split.DEV)
    watched = {
        "dev": shard(encoder, dev, seed, 0, WATCHED),
        "easy": shard(encoder, dev, seed, 1, WATCHED, Mix(0.0, Difficulty.at(0))),
        "train": shard(encoder, run.wordings, seed, -1, WATCHED),
        "copying": repeats(encoder, seed, WATCHED),
    }
    return lambda: {name: round(_share_exact(trainer, rows), 4) for name, rows in watched.items()}


def _save(run: Run, part: str) -> None:
    """Writes the model as it is, in files of at most `part`, and then puts it in the place of what was there."""
    finished = run.folder / "model"
    partial = finished.with_name("model.partial")
    shutil.rmtree(partial, ignore_errors=True)
    run.model.save_pretrained(partial, max_shard_size=part)
    run.tokenizer.save_pretrained(partial)
    shutil.rmtree(finished, ignore_errors=True)
    partial.replace(finished)


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


def _overheard(file: Path, text: Path) -> list[str]:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(idle_talk(text)), "utf-8")
        partial.replace(file)
    overheard: list[str] = json.loads(file.read_text("utf-8"))
    return overheard


def _vectors(file: Path, text: Path, encoder: Encoder, size: int, seed: int) -> torch.Tensor:
    if not file.exists():
        partial = file.with_suffix(".partial")
        torch.save(token_vectors(trainable_sentences(text), encoder.plain, size, seed), partial)
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


def _say(line: str) -> None:
    print(line, flush=True)
