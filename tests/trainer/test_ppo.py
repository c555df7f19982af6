"""PPO: a bandit is learned, and the curve is the same however the work is cut, killed or spread.

Run by torchrun, this file is one rank of a run on two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.tensor
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from trainer.errors import TrainingError
from trainer.generating import Wanted, generate
from trainer.ppo import PPOConfig, PPOTrainer
from trainer.sampling import Sampled

END = 1
WORDS = range(2, 10)
PROMPTS = ((2, 3), (4, 5, 6), (7,), (8, 9))
RIGHT = (5, 2, 9, 4)
"""By episode: the word that is worth 1, if nothing but the end follows it."""


@dataclass(frozen=True, slots=True)
class Worth:
    total: float
    parts: Mapping[str, float]


def score(episodes: list[int], sampled: list[Sampled]) -> list[Worth]:
    word = [float(one.tokens[0] == RIGHT[episode]) for episode, one in zip(episodes, sampled, strict=True)]
    end = [float(one.tokens[1:] == (END,)) for one in sampled]
    return [Worth(w / 2 + e / 2, {"word": w, "end": e}) for w, e in zip(word, end, strict=True)]


def tiny(layers: int = 2, seed: int = 0) -> Qwen2ForCausalLM:
    torch.manual_seed(seed)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=10,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=32,
            tie_word_embeddings=False,
            initializer_range=0.2,  # So that a frozen head can tell words apart.
            eos_token_id=END,
            pad_token_id=0,
        )
    )


def with_adapter(model: PreTrainedModel) -> Any:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    return get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))


class Writer:
    """Samples by a model."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[Sequence[int]], *, temperature: float, max_tokens: int
    ) -> list[list[Sampled]]:
        wanted = [Wanted(tuple(p), tuple(s), max_tokens) for p, s in zip(prompts, seeds, strict=True)]
        made = generate(self.model, wanted, temperature=temperature, ends=frozenset({END}), pad=0)
        return [[Sampled(str(tokens), tokens, tokens[-1] == END) for tokens in each] for each in made]


def settings(folder: Path, **chosen: Any) -> PPOConfig:
    usual = {
        "use_cpu": True,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "dataloader_pin_memory": False,
        "per_device_train_batch_size": 8,
        "rollout_batch_size": 32,
        "ppo_epochs": 2,
        "max_completion_length": 3,
        "learning_rate": 3e-3,
        "critic_learning_rate": 1e-2,
        "missing_eos_penalty": 0.1,
        "kl_coefficient": 0.01,
        "max_steps": 24,
    }
    return PPOConfig(str(folder), **(usual | chosen))


def trainer_in(folder: Path, model: Any = None, *, critic: Any = None, score: Any = score, **chosen: Any) -> PPOTrainer:
    model = tiny() if model is None else model
    args = settings(folder, **chosen)
    return PPOTrainer(model, args, PROMPTS, write=Writer(model), score=score, critic=critic)


def curve(trainer: PPOTrainer, name: str) -> list[float]:
    return [line[name] for line in trainer.state.log_history if name in line]


LEARNING = {
    "learning_rate": 1e-2,
    "lr_scheduler_type": "linear",
    "rollout_batch_size": 64,
    "per_device_train_batch_size": 64,
    "ppo_epochs": 4,
    "max_steps": 100,
    "entropy_coefficient": 0.03,
    "kl_coefficient": 0.001,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "adapter", "critic"])
def test_a_bandit_is_learned(tmp_path: Path, kind: str) -> None:
    model = with_adapter(tiny(seed=1)) if kind == "adapter" else tiny(seed=1)
    critic = tiny(seed=2) if kind == "critic" else None
    trainer = trainer_in(tmp_path, model, critic=critic, **LEARNING)

    trainer.train()

    rewards = curve(trainer, "reward")
    assert rewards[0] < 0.2
    assert sum(rewards[-3:]) / 3 > 0.9
    greedy = Writer(model)(PROMPTS, [[0]] * 4, temperature=0, max_tokens=3)
    assert [one.tokens for [one] in greedy] == [(word, END) for word in RIGHT]
    if kind == "adapter":
        assert model.get_base_model().model.embed_tokens.weight.equal(tiny(seed=1).model.embed_tokens.weight)


def test_what_is_learned_from_is_the_score_at_the_last_token_without_what_was_expected(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, whiten_advantages=False, missing_eos_penalty=0.25, lam=1.0)

    rollout = trainer._roll_out()

    # The value head is 0, and nothing has moved away from the reference.
    for row in range(32):
        tokens = tuple(rollout.completions[row][rollout.mask[row].bool()].tolist())
        prompt = tuple(rollout.prompts[row][rollout.prompt_mask[row].bool()].tolist())
        right = RIGHT[PROMPTS.index(prompt)]
        worth = (tokens[0] == right) / 2 + (tokens[1:] == (END,)) / 2 - 0.25 * (tokens[-1] != END)
        assert rollout.advantages[row].tolist() == [worth] * len(tokens) + [0.0] * (rollout.mask.shape[1] - len(tokens))
    assert rollout.returns.equal(rollout.advantages)
    assert rollout.values.equal(torch.zeros_like(rollout.mask))
    assert rollout.reference.equal(rollout.log_probs)


def test_a_token_that_goes_away_from_the_reference_pays_for_it(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, whiten_advantages=False, missing_eos_penalty=0, lam=1.0, kl_coefficient=0.5)
    with torch.no_grad():
        trainer.model.policy.model.norm.weight.mul_(1.5)

    rollout = trainer._roll_out()

    def paid(row: int, token: int) -> float:
        return 0.5 * float((rollout.log_probs - rollout.reference)[row, token:].sum())

    first = trainer._metrics["reward/word"][0], trainer._metrics["reward/end"][0]
    assert trainer._metrics["reward"] == pytest.approx([sum(first) / 2])
    assert trainer._metrics["kl"][0] == pytest.approx(sum(paid(row, 0) for row in range(32)) / 16, abs=1e-5)
    assert trainer._metrics["kl"][0] > 0.05
    rows = {tuple(rollout.completions[row].tolist()): row for row in range(32)}
    missed = next(row for tokens, row in rows.items() if END not in tokens and tokens[0] not in RIGHT)
    assert rollout.advantages[missed].tolist() == pytest.approx([-paid(missed, token) for token in range(3)], abs=1e-6)


def test_padding_changes_no_log_probability_and_no_value(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, critic=tiny(seed=1))
    torch.nn.init.normal_(trainer.model.value_head.weight)

    rollout = trainer._roll_out()

    assert {int(length) for length in rollout.mask.sum(1)} >= {2, 3}
    for row in range(32):
        alone, _, values = trainer.model(rollout.rows(torch.tensor([row])), 1.0)
        length = alone.shape[1]
        prompt = rollout.prompts[row][rollout.prompt_mask[row].bool()]
        tokens = rollout.completions[row, :length]
        spread = trainer.model.policy(torch.cat([prompt, tokens])[None]).logits[0].log_softmax(-1)
        assert torch.allclose(spread[len(prompt) - 1 : -1][torch.arange(length), tokens], alone[0], atol=1e-5)
        assert torch.allclose(alone[0], rollout.log_probs[row, :length], atol=1e-5)
        assert torch.allclose(values[0], rollout.values[row, :length], atol=1e-5)


def test_one_step_is_the_same_however_it_is_cut(tmp_path: Path) -> None:
    whole = trainer_in(tmp_path / "whole", tiny(), max_steps=6, per_device_train_batch_size=16)
    cut = trainer_in(
        tmp_path / "cut", tiny(), max_steps=6, per_device_train_batch_size=4, gradient_accumulation_steps=4
    )

    whole.train()
    cut.train()

    for name in ("loss", "policy_loss", "value_loss", "grad_norm", "approx_kl", "reward", "entropy", "kl"):
        assert curve(cut, name) == pytest.approx(curve(whole, name), abs=2e-5), name


class Killed(Exception):
    pass


def killed_at(step: int) -> Any:
    """A callback by which a run ends as by a kill, after that many steps."""
    from transformers import TrainerCallback

    class Kill(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == step:
                raise Killed

    return Kill()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "adapter", "critic"])
def test_a_run_that_was_killed_goes_on_with_the_curve_of_one_that_was_not(tmp_path: Path, kind: str) -> None:
    def made(folder: Path) -> PPOTrainer:
        model = with_adapter(tiny()) if kind == "adapter" else tiny()
        critic = tiny(seed=1) if kind == "critic" else None
        return trainer_in(
            folder,
            model,
            critic=critic,
            max_steps=12,
            save_strategy="steps",
            save_steps=3,
            kl_target=0.05,
            kl_horizon=500,
            lr_scheduler_type="linear",
            per_device_train_batch_size=4,
            gradient_accumulation_steps=2,
        )

    whole = made(tmp_path / "whole")
    whole.train()
    first = made(tmp_path / "killed")
    first.add_callback(killed_at(8))
    with pytest.raises(Killed):
        first.train()
    # Step 6 is within the epochs of the first rollout: there are four steps in an epoch, and two epochs.
    resumed = made(tmp_path / "killed")
    resumed.train(resume_from_checkpoint=True)

    assert len(curve(resumed, "policy_loss")) == 12
    for name in ("loss", "policy_loss", "value_loss", "grad_norm", "kl", "kl_coefficient", "reward", "learning_rate"):
        assert curve(resumed, name) == pytest.approx(curve(whole, name), abs=1e-6), name
    for name, weights in whole.model.state_dict().items():
        assert torch.allclose(weights, resumed.model.state_dict()[name], atol=1e-6), name
    lines = [json.loads(line) for line in (tmp_path / "killed/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 13))


def test_a_loss_that_is_no_number_stops_the_run_and_leaves_weights_and_checkpoint_alone(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, save_strategy="steps", save_steps=1, max_steps=4)
    usual = trainer._prepare_inputs

    def poisoned(inputs: Any) -> dict[str, Any]:
        made = usual(inputs)
        if trainer.state.global_step == 2:
            made["rollout"].advantages[0, 0] = float("nan")
        return made

    trainer._prepare_inputs = poisoned  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="The loss of step 3 is no number"):
        trainer.train()

    assert sorted(folder.name for folder in tmp_path.glob("checkpoint*")) == ["checkpoint-1", "checkpoint-2"]
    again = Qwen2ForCausalLM.from_pretrained(tmp_path / "checkpoint-2")
    for name, weights in trainer.model.policy.state_dict().items():
        assert weights.equal(again.state_dict()[name])


def test_a_rollout_that_has_moved_the_policy_far_is_learned_from_no_more(tmp_path: Path) -> None:
    usual = trainer_in(tmp_path / "usual", max_steps=16)
    careful = trainer_in(tmp_path / "careful", max_steps=16, target_kl=0.002)

    usual.train()
    careful.train()

    # Four steps an epoch, two epochs.
    rolled = [line["step"] for line in usual.state.log_history if "reward" in line]
    assert rolled == [1, 9]
    steps = careful.state.log_history[:16]
    far = [line["step"] for line in steps if line["approx_kl"] > 0.002]
    rolled = [line["step"] for line in steps if "reward" in line]
    assert len(rolled) > 2
    assert rolled == [1, *(step + 1 for step in far if step < 16)]


def test_the_price_of_kl_follows_its_target(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, kl_target=0.1, kl_horizon=320, kl_coefficient=0.5)

    trainer._kl = 0.115
    trainer._adapt_kl_coefficient()
    assert trainer._kl_coefficient == pytest.approx(0.5 * (1 + 0.15 * 0.1))
    trainer._kl = 7.0
    trainer._adapt_kl_coefficient()
    assert trainer._kl_coefficient == pytest.approx(0.5 * 1.015 * 1.02)
    trainer._kl = 0.0
    trainer._adapt_kl_coefficient()
    assert trainer._kl_coefficient == pytest.approx(0.5 * 1.015 * 1.02 * 0.98)


def test_kl_in_the_loss_costs_nothing_of_the_reward(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, kl_in="loss", kl_estimator="k3", kl_coefficient=0.5, max_steps=8)
    trainer.train()

    for line in trainer.state.log_history[:8]:
        without = line["policy_loss"] + 0.1 * line["value_loss"]
        assert (line["loss"] - without > 1e-4) == (line["step"] > 1)


def test_policy_and_critic_learn_at_their_own_rates_and_nothing_else_does(tmp_path: Path) -> None:
    shared = trainer_in(tmp_path, with_adapter(tiny()), learning_rate=1e-6, critic_learning_rate=1e-5)
    separate = trainer_in(tmp_path, critic=tiny(seed=1), learning_rate=1e-6, critic_learning_rate=1e-5)

    def sizes(trainer: PPOTrainer) -> dict[float, int]:
        groups = trainer.create_optimizer().param_groups
        return {group["lr"]: sum(p.numel() for p in group["params"]) for group in groups}

    adapter = sum(p.numel() for p in shared.model.policy.parameters() if p.requires_grad)
    assert sizes(shared) == {1e-6: adapter, 1e-5: 33}
    whole, trunk = (sum(p.numel() for p in model.parameters()) for model in (tiny(), tiny().model))
    assert sizes(separate) == {1e-6: whole, 1e-5: trunk + 33}


def test_settings_that_do_not_fit_say_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="A rollout of 30 completions cannot be cut into steps of 8"):
        trainer_in(tmp_path, rollout_batch_size=30)
    with pytest.raises(TrainingError, match=r"k1 has a gradient of 0 on average\. Set kl_estimator to k2 or k3"):
        settings(tmp_path, kl_in="loss")
    with pytest.raises(TrainingError, match="Set temperature to 1"):
        settings(tmp_path, temperature=0.0)
    with pytest.raises(TrainingError, match=r"is not a checkpoint of PPO: value\.safetensors is missing"):
        tiny().save_pretrained(tmp_path / "other")
        (tmp_path / "other/trainer_state.json").write_text("{}")
        trainer_in(tmp_path).train(resume_from_checkpoint=str(tmp_path / "other"))


def test_a_reward_that_is_no_number_is_a_bug_and_stops_the_run(tmp_path: Path) -> None:
    def broken(episodes: list[int], sampled: list[Sampled]) -> list[Worth]:
        return [Worth(float("nan"), {}) for _ in episodes]

    with pytest.raises(ValueError, match="32 completions have these rewards"):
        trainer_in(tmp_path, score=broken).train()


def test_every_episode_comes_once_in_a_pass_and_passes_differ(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path)

    passes = [[trainer._episode(4 * turn + at) for at in range(4)] for turn in range(5)]

    assert [sorted(episodes) for episodes in passes] == [[0, 1, 2, 3]] * 5
    assert len({tuple(episodes) for episodes in passes}) > 1


TWO_RANKS = {"max_steps": 8, "max_grad_norm": 0.3, "target_kl": 0.02, "kl_target": 0.05, "kl_horizon": 500}


def on_two_ranks(folder: Path, kind: str) -> list[dict[str, float]]:
    """The curve of a run by torchrun, each rank with half of the batch."""
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc_per_node",
            "2",
            __file__,
            folder,
            kind,
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def shard_on_cpus() -> None:
    """Accelerate shards on GPUs alone, unless it is talked into it; FSDP itself does not mind."""
    from accelerate import state

    usual = state.AcceleratorState.__init__

    def told(self: Any, *args: Any, **kwargs: Any) -> None:
        usual(self, *args, **kwargs)
        if kwargs.get("fsdp_plugin") is not None:
            self.distributed_type, self.fsdp_plugin = state.DistributedType.FSDP, kwargs["fsdp_plugin"]

    state.AcceleratorState.__init__ = told


def run_of_two(folder: Path, kind: str, batch: int) -> PPOTrainer:
    model = with_adapter(tiny()) if kind == "adapter" else tiny()
    spread: dict[str, Any] = {}
    if kind == "sharded":
        shard_on_cpus()
        wrapped = {"version": 2, "transformer_layer_cls_to_wrap": ["Qwen2DecoderLayer"], "reshard_after_forward": True}
        spread = {"fsdp": "full_shard auto_wrap", "fsdp_config": wrapped, "save_strategy": "steps", "save_steps": 4}
    return trainer_in(folder, model, per_device_train_batch_size=batch, **(TWO_RANKS | spread))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "adapter", "sharded"])
def test_two_ranks_have_the_curve_of_one_with_twice_the_batch(tmp_path: Path, kind: str) -> None:
    two = on_two_ranks(tmp_path / "two", kind)
    one = run_of_two(tmp_path / "one", "full" if kind == "sharded" else kind, 8)
    one.train()

    for name in ("loss", "policy_loss", "value_loss", "grad_norm", "approx_kl", "reward", "kl", "kl_coefficient"):
        assert [line[name] for line in two if name in line] == pytest.approx(curve(one, name), abs=2e-5), name


if __name__ == "__main__":
    mine = run_of_two(Path(sys.argv[1]), sys.argv[2], 4)
    mine.train()
    sharded = [isinstance(weights, torch.distributed.tensor.DTensor) for weights in mine.model.parameters()]
    assert all(sharded) if sys.argv[2] == "sharded" else not any(sharded)
