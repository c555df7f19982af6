"""A run of pre-training: it learns, it can be stopped anywhere, and copying is laid out at its start."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from trainer.batches import IGNORED, Encoder, Mix, Rows, Shape, repeats, shard
from trainer.copying import lay_out_copying
from trainer.data.wordings import Split, Wordings
from trainer.pretrain import Trainer, new_model, starter_config
from trainer.schedule import Schedule
from trainer.tokenizer import train_tokenizer

WORDINGS = Wordings.load(Split.TRAIN)
SCHEDULE = Schedule(
    steps=6, tokens_a_step=512, row=256, long_row=256, warmup=2, steps_a_shard=2, check_every=2, save_every=2
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer((line for pool in WORDINGS.say.values() for line in pool), 2048, 200)


@pytest.fixture(scope="module")
def encoder(tokenizer: PreTrainedTokenizerFast) -> Encoder:
    return Encoder(tokenizer)


def small(encoder: Encoder) -> Qwen2Config:
    config = starter_config(encoder.vocabulary, encoder.end, encoder.pad)
    config.hidden_size, config.intermediate_size, config.num_hidden_layers = 64, 128, 2
    config.num_attention_heads = config.num_key_value_heads = 2
    return config


def trainer_in(folder: Path, encoder: Encoder, schedule: Schedule = SCHEDULE) -> Trainer:
    return Trainer(new_model(small(encoder), 0), schedule, folder, compiled=False)


def run(trainer: Trainer, encoder: Encoder, stop_after: int | None = None) -> list[str]:
    """Trains, or is stopped as if by a kill after that many steps; returns what was said."""
    said: list[str] = []

    def make(number: int, shape: Shape, mix: Mix) -> Rows:
        if stop_after is not None and trainer.step >= stop_after:
            raise KeyboardInterrupt
        return shard(encoder, WORDINGS, 0, number, shape, mix)

    try:
        trainer.run(make, dict, said.append)
    except KeyboardInterrupt:
        assert stop_after is not None
    return said


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, encoder: Encoder) -> None:
    whole = trainer_in(tmp_path / "whole", encoder)
    run(whole, encoder)
    run(trainer_in(tmp_path / "stopped", encoder), encoder, stop_after=4)
    resumed = trainer_in(tmp_path / "stopped", encoder)

    assert resumed.step == 4
    run(resumed, encoder)

    assert resumed.step == 6
    for name, weights in whole.model.state_dict().items():
        assert torch.equal(weights, resumed.model.state_dict()[name]), name


def test_a_run_that_is_asked_to_stop_saves_the_step_it_has_come_to(tmp_path: Path, encoder: Encoder) -> None:
    trainer = trainer_in(tmp_path, encoder, replace(SCHEDULE, save_every=100))

    def make(number: int, shape: Shape, mix: Mix) -> Rows:
        if number == 1:  # Before the third step.
            os.kill(os.getpid(), signal.SIGTERM)
        return shard(encoder, WORDINGS, 0, number, shape, mix)

    with pytest.raises(KeyboardInterrupt):
        trainer.run(make, dict, lambda _: None)
    assert trainer_in(tmp_path, encoder).step == trainer.step == 2


def test_rates_rise_hold_and_fall_and_rows_become_long_at_the_end() -> None:
    schedule = Schedule(steps=200, warmup=10, decay=0.5, long_from=0.8)

    assert [schedule.mix_at(step).shares.paired for step in (0, 99, 100, 199)] == [0.2, 0.2, 0.35, 0.25]
    assert [schedule.mix_at(step).shares.invented for step in (0, 119, 120, 199)] == [0.5, 0.5, 0.3, 0.3]
    assert [schedule.factor(step) for step in (0, 9, 100, 150, 199)] == pytest.approx([0.1, 1, 1, 0.5, 0.01])
    assert [schedule.shape_at(step).length for step in (0, 159, 160, 199)] == [schedule.row] * 2 + [
        schedule.long_row
    ] * 2


def test_training_changes_the_loss_for_the_better(tmp_path: Path, encoder: Encoder) -> None:
    schedule = replace(SCHEDULE, steps=30, muon_rate=0.02, adam_rate=0.01)
    trainer = trainer_in(tmp_path, encoder, schedule)
    rows = shard(encoder, WORDINGS, 0, 0, Shape(2, 256))

    losses = [trainer._train_on(rows) for _ in range(30)]

    assert losses[-1] < 0.7 * losses[0]


def test_a_kill_while_saving_leaves_the_checkpoint_before(tmp_path: Path, encoder: Encoder) -> None:
    trainer = trainer_in(tmp_path, encoder)
    run(trainer, encoder, stop_after=2)
    (tmp_path / "checkpoint.partial").write_bytes(b"half a file")

    assert trainer_in(tmp_path, encoder).step == 2


def test_an_example_is_exact_only_if_every_token_is(tmp_path: Path, encoder: Encoder) -> None:
    trainer = trainer_in(tmp_path, encoder)
    rows = shard(encoder, WORDINGS, 0, 0, Shape(2, 256))
    in_rows = [d[b > 0] * 100 + b[b > 0] for d, b in zip(rows.documents, rows.branches, strict=True)]
    examples = [len(numbers.unique()) for numbers in in_rows]
    assert trainer.exact(rows) == [[False] * count for count in examples]

    asked = rows.labels != IGNORED
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        guesses = trainer.model.lm_head(trainer._hidden(rows.tokens, rows.positions, rows.mask())[asked]).argmax(-1)
    rows.labels[asked] = guesses
    assert trainer.exact(rows) == [[True] * count for count in examples]

    first_row, place = (int(index[0]) for index in asked.nonzero(as_tuple=True))
    rows.labels[first_row, place] += 1
    wrong, *others = [right for row in trainer.exact(rows) for right in row]
    assert not wrong
    assert others
    assert all(others)


def test_the_laid_out_circuit_copies_before_any_training(encoder: Encoder) -> None:
    config = starter_config(4096, encoder.end, encoder.pad)
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config)
    tokens = torch.randint(3, 4096, (8, 40))
    twice = torch.cat([tokens, tokens], 1)

    def copied() -> float:
        with torch.no_grad():
            guesses = model(twice).logits[:, 40:-1].argmax(-1)
        return float((guesses == twice[:, 41:]).float().mean())

    assert copied() < 0.01
    lay_out_copying(model, 0)
    assert copied() > 0.05


def test_copying_is_measured_on_rows_of_repeats_alone(tmp_path: Path, encoder: Encoder) -> None:
    rows = repeats(encoder, 0, Shape(2, 256))

    assert len(trainer_in(tmp_path, encoder).exact(rows)) == 2


def test_a_wider_model_has_more_heads_of_the_same_size_and_copies_too() -> None:
    config = starter_config(4096, 2, 0, 384)
    shape = (config.intermediate_size, config.num_attention_heads, config.num_key_value_heads, config.num_hidden_layers)
    assert shape == (1024, 6, 6, 4)
    assert starter_config(4096, 2, 0).intermediate_size == 768

    tokens = torch.randint(3, 4096, (8, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        guesses = new_model(config, 0)(torch.cat([tokens, tokens], 1)).logits[:, 40:-1].argmax(-1)
    assert float((guesses == tokens[:, 1:]).float().mean()) > 0.05
