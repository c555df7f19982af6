"""A run against the clock: over in time, going on where it was stopped, and learning as one in steps does."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen2Config

from trainer.batches import IGNORED, Encoder, Mix, Rows, Shape, shard
from trainer.data.wordings import Split, Wordings
from trainer.pretrain import BARRED, Trainer, new_model, starter_config
from trainer.schedule import Schedule
from trainer.timed import TimedTrainer
from trainer.tokenizer import train_tokenizer

WORDINGS = Wordings.load(Split.TRAIN)
SCHEDULE = Schedule(steps=1000, tokens_a_step=512, long_row=256, warmup=2, steps_a_shard=2)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    lines = (line for pool in WORDINGS.say.values() for line in pool)
    tokenizer: PreTrainedTokenizerFast = train_tokenizer(lines, 2048, 200)
    return Encoder(tokenizer)


class Here:
    """A feed that makes its shards when they are asked for."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.number = encoder, 0
        self.mixes: list[Mix] = []

    def order(self, shape: Shape, mix: Mix) -> None:
        self.shape = shape
        self.mixes.append(mix)

    def done(self, *, waiting: bool) -> list[np.ndarray]:
        if not waiting:
            return []
        rows = shard(self.encoder, WORDINGS, 0, self.number, self.shape, self.mixes[-1])
        self.number += 1
        return [np.stack([getattr(rows, f.name).to(torch.int16).numpy() for f in fields(Rows)])]


def small(encoder: Encoder) -> Qwen2Config:
    config = starter_config(encoder.vocabulary, encoder.end, encoder.pad)
    config.hidden_size, config.intermediate_size, config.num_hidden_layers = 64, 128, 2
    config.num_attention_heads = config.num_key_value_heads = 2
    return config


class Clock:
    """Shows five seconds more each time it is looked at: once at the beginning and once after each step."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 5
        return self.seconds


def timed(folder: Path, encoder: Encoder, schedule: Schedule = SCHEDULE) -> TimedTrainer:
    return TimedTrainer(new_model(small(encoder), 0), schedule, folder, compiled=False, clock=Clock())


def test_a_run_ends_with_its_time_at_rates_that_have_fallen_to_nothing(tmp_path: Path, encoder: Encoder) -> None:
    trainer, feed, kept = timed(tmp_path, encoder), Here(encoder), []

    trainer.run_until(105, feed, lambda: {"dev": 0.5}, lambda: kept.append(trainer.step), lambda _: None)

    assert (trainer.step, trainer.progress, trainer.seconds) == (20, 1.0, 100.0)
    assert kept == [12, 20], "the model is written once a minute and at the end"
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 21))
    assert [line["step"] for line in lines if "dev" in line] == [6, 12, 18, 20]
    assert trainer.optimisers[0].param_groups[0]["lr"] == pytest.approx(SCHEDULE.factor(950) * SCHEDULE.muon_rate)
    assert (feed.mixes[0].repeats, feed.mixes[-1].repeats) == (0.9, 0.05)
    assert feed.mixes[-1].shares.invented == 0.3, "what is shown last is what a run in steps is shown last"


def test_a_run_that_was_stopped_goes_the_rest_of_the_way_in_its_new_time(tmp_path: Path, encoder: Encoder) -> None:
    stopped = timed(tmp_path, encoder)
    stopped.step, stopped.progress, stopped.number, stopped.seconds = 70, 0.6, 9, 50.0
    stopped.save()

    again, feed = timed(tmp_path, encoder), Here(encoder)
    assert (again.step, again.progress, again.number, again.seconds) == (70, 0.6, 9, 50.0)
    again.run_until(55, feed, dict, lambda: None, lambda _: None)

    assert (again.step, again.progress, again.seconds) == (80, 1.0, 100.0)
    assert feed.mixes[0].repeats == 0.05, "it does not begin anew"


def test_a_row_is_used_four_times_at_most(tmp_path: Path, encoder: Encoder) -> None:
    trainer, feed = timed(tmp_path, encoder), Here(encoder)
    trainer.run_until(105, feed, dict, lambda: None, lambda _: None)

    assert (feed.number, SCHEDULE.tokens_a_step // 256 * (20 + 3)) == (3, 46)


def test_what_is_predicted_is_what_a_run_in_steps_predicts(tmp_path: Path, encoder: Encoder) -> None:
    class SameChances(TimedTrainer):
        def _chances(self, rows: Rows) -> torch.Tensor:
            return Trainer._chances(self, rows)

    rows = shard(encoder, WORDINGS, 0, 0, Shape(2, 256))
    ours = SameChances(new_model(small(encoder), 0), SCHEDULE, tmp_path / "ours", compiled=False)
    theirs = Trainer(new_model(small(encoder), 0), SCHEDULE, tmp_path / "theirs", compiled=False)
    index, labels, weights = ours._predicted(rows)
    wanted_index, wanted_labels, wanted_weights = theirs._predicted(rows)

    used, wanted_used = weights[0] > 0, wanted_weights[0] > 0
    assert index[used].tolist() == wanted_index[wanted_used].tolist()
    assert labels[used].tolist() == wanted_labels[wanted_used].tolist()
    assert torch.allclose(weights[:, used], wanted_weights[:, wanted_used])
    assert len(index) == 256, "always as many places"
    mask, where = rows.mask(), (rows.tokens, rows.positions)
    losses = [t._loss_at(*where, mask, *t._predicted(rows)) for t in (ours, theirs)]
    assert torch.allclose(losses[0], losses[1], rtol=1e-4)


def test_where_there_are_too_many_places_prompts_give_way(tmp_path: Path, encoder: Encoder) -> None:
    rows = shard(encoder, WORDINGS, 0, 0, Shape(2, 256))
    rows.labels[:, :220] = rows.tokens[:, :220]
    _, _, weights = timed(tmp_path, encoder)._predicted(rows)

    assert (rows.labels != IGNORED).sum() > 256
    assert weights.sum(1).tolist() == pytest.approx([1, 1])


def test_attention_on_a_gpu_is_the_same_attention(tmp_path: Path, encoder: Encoder) -> None:
    trainer = timed(tmp_path, encoder)
    rows = shard(encoder, WORDINGS, 0, 0, Shape(2, 256))
    mask, hidden = rows.mask(), []
    for kind, barred in (("eager", torch.where(mask, 0.0, BARRED)), ("sdpa", mask)):
        trainer.model.set_attn_implementation(kind)
        with torch.no_grad():
            states = trainer.model.model(
                rows.tokens, attention_mask={"full_attention": barred}, position_ids=rows.positions
            ).last_hidden_state
        hidden.append(states[rows.documents >= 0])

    assert torch.allclose(*hidden, atol=1e-4)
    trainer.model.set_attn_implementation("sdpa")
    assert trainer._train_on(rows) > 0, "a step with it can be taken"


def test_dropout_is_for_training_alone(tmp_path: Path, encoder: Encoder) -> None:
    trainer = timed(tmp_path, encoder, replace(SCHEDULE, dropout=0.5))
    rows = shard(encoder, WORDINGS, 0, 0, Shape(2, 256))

    def hidden() -> torch.Tensor:
        with torch.no_grad():
            return trainer._hidden(rows.tokens, rows.positions, rows.mask())

    trainer.model.train()
    assert not torch.equal(hidden(), hidden())
    trainer.model.eval()
    assert torch.equal(hidden(), hidden())
