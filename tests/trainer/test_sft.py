"""SFT: the loss is on completions alone, it learns, and it can be stopped anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import pre_tokenizers
from transformers import Qwen2Config, Qwen2ForCausalLM, TrainerCallback

from assistant.agents.generation import Agent, ChatMessage, Role
from assistant.agents.prompts import answer_prompt
from trainer.batches import Encoder
from trainer.errors import TrainingError
from trainer.examples import Example
from trainer.records import last_checkpoint
from trainer.sft import SFT, Shown, configuration, shown
from trainer.tokenizer import CONTROL, assembled

TOKENIZER = assembled([*CONTROL, *sorted(pre_tokenizers.ByteLevel.alphabet())], [])
ENCODER = Encoder(TOKENIZER)
PETS = {"dog": "Buddy", "cat <|im_end|>": "Mia", "🐢": "Tex", "خروف": "Lea", "goat": "Zoe"}
EXAMPLES = [
    Example(Agent.ANSWER, list(answer_prompt(f"Who is my {pet}?", [])), f"Memories: none\nAnswer: {name}")
    for pet, name in PETS.items()
]
SHOWN = shown(EXAMPLES, ENCODER.encode, 200)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=ENCODER.vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        initializer_range=0.3,  # Wide enough for an adapter to be sure of a token, under a head that stays.
        eos_token_id=ENCODER.end,
        pad_token_id=ENCODER.pad,
        bos_token_id=None,
    )
    folder = tmp_path_factory.mktemp("model")
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def load(saved: Path, lora: bool = False) -> Any:
    model = Qwen2ForCausalLM.from_pretrained(saved, dtype=torch.float32)
    if not lora:
        return model
    torch.manual_seed(1)
    return get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))


def trainer_of(model: Any, folder: Path, *callbacks: TrainerCallback, **chosen: Any) -> SFT:
    usual: dict[str, Any] = {
        "max_steps": 7,
        "per_device_train_batch_size": 2,
        "learning_rate": 3e-3,
        "use_cpu": True,
        "save_strategy": "no",
    }
    return SFT(model, configuration(folder, **(usual | chosen)), TOKENIZER, SHOWN, callbacks=callbacks)


def losses(trainer: SFT) -> list[list[float]]:
    return [[each["loss"], each["grad_norm"]] for each in trainer.state.log_history if "loss" in each]


class Killed(Exception):
    pass


class Kill(TrainerCallback):
    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 6:
            raise Killed


class Poison(TrainerCallback):
    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step == 2:
            with torch.no_grad():
                model.model.norm.weight[0] = float("nan")


def test_what_is_learned_are_the_tokens_of_the_app_with_loss_on_completions_alone(saved: Path, tmp_path: Path) -> None:
    trainer = trainer_of(load(saved), tmp_path, per_device_train_batch_size=5)
    [batch] = trainer.get_train_dataloader()
    rows = zip(batch["input_ids"], batch["attention_mask"].bool(), batch["labels"] != -100, strict=True)
    read = {(tuple(row[mask & ~label].tolist()), tuple(row[label].tolist())) for row, mask, label in rows}

    assert read == {tuple(map(tuple, ENCODER.encode(example))) for example in EXAMPLES}
    assert all(completion[-1] == ENCODER.end for _, completion in read)
    assert all(prompt.count(ENCODER.end) == 2 for prompt, _ in read)


def test_the_loss_is_the_mean_over_the_tokens_of_completions(saved: Path, tmp_path: Path) -> None:
    model = load(saved)
    trainer = trainer_of(model, tmp_path, max_steps=1, per_device_train_batch_size=5)
    with torch.no_grad():
        chances = []
        for each in SHOWN:
            logits = model(torch.tensor([[*each.prompt, *each.completion]])).logits[0].double().log_softmax(-1)
            places = range(len(each.prompt) - 1, len(each.prompt) + len(each.completion) - 1)
            chances += [-float(logits[at, token]) for at, token in zip(places, each.completion, strict=True)]
    trainer.train()
    assert losses(trainer)[0][0] == pytest.approx(sum(chances) / len(chances), abs=1e-4)


@torch.no_grad()
def share_right(model: Any) -> float:
    """The share of the tokens of completions that would be said, after the right ones before them."""
    right: list[bool] = []
    for each in SHOWN:
        said = model(torch.tensor([[*each.prompt, *each.completion]])).logits[0].argmax(-1)[len(each.prompt) - 1 : -1]
        right += [a == b for a, b in zip(said.tolist(), each.completion, strict=True)]
    return sum(right) / len(right)


@pytest.mark.parametrize("lora", [False, True])
def test_what_is_shown_is_learned(saved: Path, tmp_path: Path, lora: bool) -> None:
    model = load(saved, lora)
    assert share_right(model) < 0.1
    rate = 1e-2 if lora else 5e-3
    trainer_of(model, tmp_path, max_steps=60, per_device_train_batch_size=5, learning_rate=rate).train()
    model.eval()
    assert share_right(model) > 0.95


@pytest.mark.parametrize("lora", [False, True])
def test_a_run_that_was_killed_ends_with_the_curve_of_one_that_was_not(saved: Path, tmp_path: Path, lora: bool) -> None:
    # Three steps an epoch: killed in the second, it goes on in the order of that one.
    chosen = {"save_strategy": "steps", "save_steps": 5, "warmup_steps": 2, "max_steps": 9}
    whole = trainer_of(load(saved, lora), tmp_path / "whole", **chosen)
    whole.train()
    with pytest.raises(Killed):
        trainer_of(load(saved, lora), tmp_path / "killed", Kill(), **chosen).train()
    torch.manual_seed(99)
    resumed = trainer_of(load(saved, lora), tmp_path / "killed", **chosen)
    resumed.train(resume_from_checkpoint=last_checkpoint(tmp_path / "killed"))

    assert len(losses(whole)) == 9
    assert torch.tensor(losses(resumed)) == pytest.approx(torch.tensor(losses(whole)), abs=1e-6)


def test_a_loss_that_is_no_number_stops_a_run_before_its_checkpoint_is_touched(saved: Path, tmp_path: Path) -> None:
    trainer = trainer_of(load(saved), tmp_path, Poison(), save_strategy="steps", save_steps=1, save_total_limit=1)
    with pytest.raises(TrainingError, match=r"The loss of step 3.*The last checkpoint, checkpoint-2, is as it was"):
        trainer.train()
    assert [path.name for path in tmp_path.glob("checkpoint*")] == ["checkpoint-2"]
    assert all(p.isfinite().all() for p in load(tmp_path / "checkpoint-2").parameters())


def test_an_example_that_is_too_long_is_refused_with_its_number() -> None:
    example = Example(Agent.MANAGER, [ChatMessage(Role.USER, "ab")], "NOOP")
    # <|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\nNOOP<|im_end|>, a token a byte.
    assert shown([example], ENCODER.encode, 26) == (
        Shown(tuple(ENCODER.encode(example)[0]), (*ENCODER.tokenize("NOOP"), ENCODER.end)),
    )
    with pytest.raises(TrainingError, match="Example 0 has 26 tokens; at most 25 fit"):
        shown([example], ENCODER.encode, 25)


def test_no_examples_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not one example"):
        SFT(load(saved), configuration(tmp_path, use_cpu=True), TOKENIZER, [])
