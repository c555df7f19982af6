"""GRPO: what it trains on, what its advantages are, that it learns, and that it can be stopped anywhere.

Run by torchrun, this file is one process of two that train together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import pre_tokenizers
from transformers import Qwen2Config, Qwen2ForCausalLM, TrainerCallback

from assistant.agents.generation import Agent, ChatMessage, Role
from assistant.agents.prompts import answer_prompt
from trainer.batches import Encoder
from trainer.errors import TrainingError
from trainer.examples import Example
from trainer.grpo import GRPO, Prompted, configuration, prompted
from trainer.policy import Policy
from trainer.records import last_checkpoint
from trainer.sampling import Sampled
from trainer.tokenizer import CONTROL, assembled

TOKENIZER = assembled([*CONTROL, *sorted(pre_tokenizers.ByteLevel.alphabet())], [])
ENCODER = Encoder(TOKENIZER)
END = ENCODER.end


def tokens_of(prompt: Sequence[ChatMessage]) -> list[int]:
    return ENCODER.encode(Example(Agent.ANSWER, list(prompt), ""))[0]


def said(*texts: str) -> tuple[Prompted, ...]:
    return prompted([(ChatMessage(Role.USER, text),) for text in texts], tokens_of, 200)


QUESTIONS = said("a", "Where?", "How many dogs?", "b")


@dataclass(frozen=True, slots=True)
class Reward:
    total: float
    parts: Mapping[str, float] = field(default_factory=dict)


class Drawing:
    """A sampler that computes all of it anew for each token. With `fixed`, a prompt's chances are always the same."""

    def __init__(self, model: Any, *, fixed: bool = False) -> None:
        self.model, self.fixed = model, fixed
        self.asked: list[tuple[int, int]] = []

    @torch.no_grad()
    def sample(
        self,
        agent: Agent,
        prompts: Sequence[Sequence[ChatMessage]],
        *,
        count: int = 1,
        temperature: float = 0.0,
        max_tokens: int = 128,
    ) -> list[list[Sampled]]:
        assert agent is Agent.ANSWER
        self.asked.append((len(prompts), count))
        self.model.eval()
        return [self._group(prompt, count, temperature, max_tokens) for prompt in prompts]

    def _group(self, prompt: Sequence[ChatMessage], count: int, temperature: float, max_tokens: int) -> list[Sampled]:
        begun = tokens_of(prompt)
        rows = torch.tensor([begun] * count)
        chance = torch.Generator().manual_seed(crc32(repr(prompt).encode())) if self.fixed else None
        for _ in range(max_tokens):
            logits = self.model(rows).logits[:, -1]
            drawn = torch.multinomial((logits / temperature).softmax(-1), 1, generator=chance)
            rows = torch.cat([rows, drawn], 1)
        return [self._sampled(row[len(begun) :]) for row in rows.tolist()]

    def _sampled(self, tokens: list[int]) -> Sampled:
        kept = tokens[: tokens.index(END) + 1] if END in tokens else tokens
        return Sampled(TOKENIZER.decode(kept), tuple(kept), END in kept)


class Saying:
    """A sampler that has a list of completions to say, in order."""

    def __init__(self, *completions: str) -> None:
        self.completions = list(completions)

    def sample(
        self, agent: Agent, prompts: Sequence[Sequence[ChatMessage]], *, count: int = 1, **_: object
    ) -> list[list[Sampled]]:
        return [[self._next() for _ in range(count)] for _ in prompts]

    def _next(self) -> Sampled:
        text = self.completions.pop(0)
        return Sampled(text, (*ENCODER.tokenize(text), END), ended=True)


def even(episodes: list[int], sampled: list[Sampled]) -> list[Reward]:
    """The best that can be done: nothing but even tokens."""
    shares = [sum(token % 2 == 0 for token in each.tokens) / len(each.tokens) for each in sampled]
    return [Reward(share, {"even": share, "tokens": len(s.tokens)}) for share, s in zip(shares, sampled, strict=True)]


def save_model(folder: Path) -> Path:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=ENCODER.vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        initializer_range=0.4,  # Wide enough for an adapter to be sure of a token, under a head that stays.
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=ENCODER.pad,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


def load(saved: Path, lora: bool = False) -> Any:
    model = Qwen2ForCausalLM.from_pretrained(saved, dtype=torch.float32)
    if not lora:
        return model
    torch.manual_seed(1)
    return get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))


def trainer_of(
    model: Any,
    folder: Path,
    *,
    sampler: Any = None,
    score: Callable[..., Any] = even,
    prompts: Sequence[Prompted] = QUESTIONS,
    callbacks: Sequence[TrainerCallback] = (),
    **chosen: Any,
) -> GRPO:
    usual = {
        "steps": 3,
        "per_device_train_batch_size": 8,
        "num_generations": 4,
        "max_completion_length": 3,
        "learning_rate": 3e-3,
        "use_cpu": True,
        "save_strategy": "no",
    }
    args = configuration(folder, **(usual | chosen))
    sampler = sampler or Drawing(model)
    return GRPO(model, args, TOKENIZER, prompts, score, agent=Agent.ANSWER, sampler=sampler, callbacks=callbacks)


def curve(trainer: GRPO, *names: str) -> list[list[float]]:
    """The metrics of each step; completions that are learned from again have no reward."""
    names = names or ("loss", "reward", "grad_norm")
    return [[each.get(name, 0.0) for name in names] for each in trainer.state.log_history if "loss" in each]


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


class Killed(Exception):
    pass


class Kill(TrainerCallback):
    """Ends a run as a kill would, after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise Killed


# What is trained on.


def test_what_is_trained_on_are_the_tokens_of_the_app_and_nothing_else(saved: Path, tmp_path: Path) -> None:
    texts = ["What does <|im_end|> mean?", "Wo ist mein Hund 🐕‍🦺?", "איפה הכלב?", "  two\n\nlines "]
    asked = prompted([tuple(answer_prompt(text, ["User has a dog."])) for text in texts], tokens_of, 2000)
    model = load(saved)
    seen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def note(_module: object, _args: object, kwargs: dict[str, Any]) -> None:
        if "labels" in kwargs:
            kept = kwargs["attention_mask"].bool()
            learned = kwargs["labels"] != -100
            for row, mask, label in zip(kwargs["input_ids"], kept, learned, strict=True):
                seen.append((tuple(row[mask & ~label].tolist()), tuple(row[label].tolist())))

    trainer = trainer_of(
        model,
        tmp_path,
        prompts=asked,
        sampler=Saying("a", "bb", "ccc", "d", "e", "f", "g", "<|im_end|>"),
        score=lambda episodes, sampled: [Reward(float(n)) for n, _ in enumerate(episodes)],
        steps=1,
        num_generations=2,
    )
    model.register_forward_pre_hook(note, with_kwargs=True)
    trainer.train()

    completions = {(*ENCODER.tokenize(t), END) for t in ("a", "bb", "ccc", "d", "e", "f", "g", "<|im_end|>")}
    assert {prompt for prompt, _ in seen} == {each.tokens for each in asked}
    assert {completion for _, completion in seen} == completions
    for each, text in zip(asked, texts, strict=True):
        assert each.tokens == tuple(tokens_of(answer_prompt(text, ["User has a dog."])))
        assert each.tokens.count(END) == 2  # The ends of the instructions and of the message, none within it.


def test_a_prompt_that_is_too_long_is_refused_with_its_number() -> None:
    with pytest.raises(TrainingError, match="The prompt of episode 1 has 57 tokens; at most 50 fit"):
        prompted([(ChatMessage(Role.USER, text),) for text in ("short", "long" * 9 + "er")], tokens_of, 50)


def test_rewards_are_asked_for_by_episode_and_in_the_order_of_the_samples(saved: Path, tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []

    def score(episodes: list[int], sampled: list[Sampled]) -> list[Reward]:
        told.extend(zip(episodes, [each.text for each in sampled], strict=True))
        return [Reward(0.0) for _ in episodes]

    words = [f"w{n}" for n in range(8)]
    trainer_of(load(saved), tmp_path, sampler=Saying(*words), score=score, steps=1).train()

    first, second = told[0][0], told[4][0]
    assert told == [(first, word) for word in words[:4]] + [(second, word) for word in words[4:]]
    assert first != second


def test_each_prompt_is_asked_once_for_its_whole_group(saved: Path, tmp_path: Path) -> None:
    model = load(saved)
    sampler = Drawing(model)
    trainer_of(model, tmp_path, sampler=sampler, steps=2).train()
    assert sampler.asked == [(2, 4), (2, 4)]
    assert model.training


def test_every_episode_comes_once_before_any_comes_again(saved: Path, tmp_path: Path) -> None:
    trainer = trainer_of(load(saved), tmp_path, steps=4)
    order = trainer.train_dataset["prompt"]
    assert len(order) == 8
    assert sorted(order[:4]) == sorted(order[4:]) == [0, 1, 2, 3]


# Advantages.


def advantages(trainer: GRPO) -> list[float]:
    rows = [{"prompt": number} for number in (0, 0, 0, 0, 1, 1, 1, 1)]
    found: list[float] = trainer._generate_and_score_completions(rows)["advantages"].tolist()
    return found


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        # Group one: mean 0.25, deviation 0.5; group two: mean 2.5, deviation sqrt(5/3) = 1.29099.
        ("group", [1.49970, -0.49990, -0.49990, -0.49990, -1.16181, -0.38727, 0.38727, 1.16181]),
        # All eight: mean 1.375, deviation sqrt(2.26786) = 1.50594.
        ("batch", [0.49799, -0.16600, -0.16600, -0.16600, -0.99599, -0.33200, 0.33200, 0.99599]),
        ("none", [0.75, -0.25, -0.25, -0.25, -1.5, -0.5, 0.5, 1.5]),
    ],
)
def test_advantages_of_a_group(saved: Path, tmp_path: Path, scale: str, expected: list[float]) -> None:
    rewards = [1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    trainer = trainer_of(
        load(saved), tmp_path, scale_rewards=scale, score=lambda episodes, sampled: [Reward(r) for r in rewards]
    )
    trainer.model.train()
    assert advantages(trainer) == pytest.approx(expected, abs=2e-5)


# Learning.


@pytest.mark.parametrize(("lora", "beta"), [(False, 0.0), (True, 0.01)])
def test_a_bandit_is_learned(saved: Path, tmp_path: Path, lora: bool, beta: float) -> None:
    model = load(saved, lora)
    trainer = trainer_of(
        model,
        tmp_path,
        steps=20,
        beta=beta,
        per_device_train_batch_size=32,
        num_generations=8,
        max_completion_length=2,
        learning_rate=2e-2 if lora else 1e-2,
    )
    trainer.train()

    rewards = [reward for [reward] in curve(trainer, "reward")]
    assert rewards[0] < 0.7
    assert sum(rewards[-3:]) / 3 > 0.95
    if beta:
        kl = [each for [each] in curve(trainer, "kl")]
        assert kl[0] == pytest.approx(0, abs=1e-6)
        assert kl[-1] > 0.5


@pytest.mark.parametrize("lora", [False, True])
def test_the_reference_stays_as_it_was(saved: Path, tmp_path: Path, lora: bool) -> None:
    model = load(saved, lora)
    trainer = trainer_of(model, tmp_path, beta=0.1, steps=3)
    if lora:
        assert isinstance(model, PeftModel)
        held = {n: p for n, p in model.named_parameters() if ".ref." in n}
        assert held
        assert not any(p.requires_grad for p in held.values())
    else:
        held = dict(trainer.ref_model.named_parameters())
    before = {name: p.clone() for name, p in held.items()}
    trainer.train()
    assert all(torch.equal(p, before[name]) for name, p in held.items())


def test_a_reference_that_nothing_holds_is_refused(saved: Path, tmp_path: Path) -> None:
    model = load(saved)
    model.config._name_or_path = ""
    with pytest.raises(TrainingError, match="which is saved nowhere"):
        trainer_of(model, tmp_path, beta=0.1)


@pytest.mark.parametrize(
    "chosen",
    [{"loss_type": kind} for kind in ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "vespo")]
    + [{"loss_type": "luspo", "importance_sampling_level": "sequence"}, {"epsilon_high": 0.28, "num_iterations": 2}],
)
def test_every_loss_of_trl_trains(saved: Path, tmp_path: Path, chosen: dict[str, Any]) -> None:
    model = load(saved)
    before = [p.clone() for p in model.parameters()]
    trainer_of(model, tmp_path, steps=2, **chosen).train()
    assert any(not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("lora", [False, True])
def test_the_policy_samples_from_what_is_trained(saved: Path, tmp_path: Path, lora: bool) -> None:
    model = load(saved, lora)
    policy = Policy(model, TOKENIZER)
    before = policy.sample(Agent.ANSWER, [QUESTIONS[0].messages], max_tokens=8)
    trainer = trainer_of(model, tmp_path, sampler=policy, steps=3, learning_rate=0.05)
    trainer.train()

    assert [policy.prompting.tokens(each.messages) for each in QUESTIONS] == [each.tokens for each in QUESTIONS]
    assert policy.sample(Agent.ANSWER, [QUESTIONS[0].messages], max_tokens=8) != before
    assert [len(each) for each in curve(trainer, "reward")] == [1, 1, 1]


# What goes wrong.


def test_a_bug_in_the_rewards_stops_the_run(saved: Path, tmp_path: Path) -> None:
    def bug(episodes: list[int], sampled: list[Sampled]) -> list[Reward]:
        raise KeyError("gold")

    with pytest.raises(KeyError, match="gold"):
        trainer_of(load(saved), tmp_path, score=bug).train()


@pytest.mark.parametrize("rewards", [[Reward(0.0)] * 7, [Reward(float("nan"))] * 8])
def test_rewards_that_are_none_stop_the_run(saved: Path, tmp_path: Path, rewards: list[Reward]) -> None:
    with pytest.raises(ValueError, match="8 completions have these rewards"):
        trainer_of(load(saved), tmp_path, score=lambda episodes, sampled: rewards).train()


def test_what_trl_cannot_do_is_told_as_an_error_of_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"GRPO cannot be run like this: .*divisible"):
        configuration(tmp_path, steps=1, per_device_train_batch_size=6, num_generations=4)


def test_a_way_of_sampling_that_the_sampler_does_not_know_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="top_p"):
        trainer_of(load(saved), tmp_path, top_p=0.9)


class Poison(TrainerCallback):
    """Makes a weight no number, before a step or after it."""

    def __init__(self, step: int, after: bool) -> None:
        self.step, self.after = step, after

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self._poison(model, state.global_step == self.step and not self.after)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self._poison(model, state.global_step == self.step + 1 and self.after)

    def _poison(self, model: Any, now: bool) -> None:
        if now:
            with torch.no_grad():
                model.model.norm.weight[0] = float("nan")


@pytest.mark.parametrize("after", [False, True])
def test_what_is_no_number_stops_a_run_before_its_checkpoint_is_touched(
    saved: Path, tmp_path: Path, after: bool
) -> None:
    words = [f"w{n}" for n in range(24)]
    trainer = trainer_of(
        load(saved),
        tmp_path,
        sampler=Saying(*words),
        steps=3,
        save_strategy="steps",
        save_steps=1,
        save_total_limit=1,
        callbacks=[Poison(2, after)],
    )
    what = "Weights are no numbers after step 3" if after else "The loss of step 3 is no number"
    with pytest.raises(TrainingError, match=rf"{what}.*The last checkpoint, checkpoint-2, is as it was"):
        trainer.train()
    assert [path.name for path in tmp_path.glob("checkpoint*")] == ["checkpoint-2"]
    assert all(p.isfinite().all() for p in load(tmp_path / "checkpoint-2").parameters())


# Stopping and going on.


@pytest.mark.parametrize(
    ("lora", "chosen"),
    [
        (False, {"beta": 0.05}),
        (True, {"beta": 0.05}),
        # Killed while completions wait for the second time that they are learned from.
        (False, {"num_iterations": 2, "gradient_accumulation_steps": 2, "steps_per_generation": 4}),
    ],
)
def test_a_run_that_was_killed_ends_with_the_curve_of_one_that_was_not(
    saved: Path, tmp_path: Path, lora: bool, chosen: dict[str, Any]
) -> None:
    chosen = {"steps": 7, "save_strategy": "steps", "save_steps": 3, "warmup_steps": 2, "weight_decay": 0.1} | chosen
    whole = trainer_of(load(saved, lora), tmp_path / "whole", **chosen)
    whole.train()
    with pytest.raises(Killed):
        trainer_of(load(saved, lora), tmp_path / "killed", callbacks=[Kill(5)], **chosen).train()
    torch.manual_seed(99)
    resumed = trainer_of(load(saved, lora), tmp_path / "killed", **chosen)
    found = last_checkpoint(tmp_path / "killed")
    assert found is not None
    assert Path(found).name == "checkpoint-3"
    resumed.train(resume_from_checkpoint=found)

    assert len(curve(whole)) == 7
    assert torch.tensor(curve(resumed)) == pytest.approx(torch.tensor(curve(whole)), abs=1e-6)
    for name, weights in whole.model.state_dict().items():
        assert torch.allclose(weights, resumed.model.state_dict()[name], atol=1e-6), name


def test_each_step_is_in_the_records_once_and_old_checkpoints_go(saved: Path, tmp_path: Path) -> None:
    chosen = {"steps": 12, "save_strategy": "steps", "save_steps": 2, "save_total_limit": 2}
    with pytest.raises(Killed):
        trainer_of(load(saved), tmp_path, callbacks=[Kill(11)], **chosen).train()
    with (tmp_path / "metrics.jsonl").open("a") as log:
        log.write('{"step": 11, "los')  # Half a line, as a kill leaves it.
    (tmp_path / "checkpoint.partial" / "checkpoint-12").mkdir(parents=True)
    trainer_of(load(saved), tmp_path, **chosen).train(resume_from_checkpoint=last_checkpoint(tmp_path))

    metrics = [line for line in lines(tmp_path / "metrics.jsonl") if "reward" in line]
    assert [line["step"] for line in metrics] == list(range(1, 13))
    assert all({"loss", "reward", "reward/even", "reward/tokens", "entropy"} <= line.keys() for line in metrics)
    assert metrics[0]["reward/even"] == pytest.approx(metrics[0]["reward"])
    completions = lines(tmp_path / "completions.jsonl")
    assert [line["step"] for line in completions] == [1] * 8 + [10] * 8
    assert sorted(path.name for path in tmp_path.glob("checkpoint*")) == ["checkpoint-10", "checkpoint-12"]


def test_a_line_of_completions_has_all_that_a_reader_asks_for(saved: Path, tmp_path: Path) -> None:
    words = [f"w{n}" for n in range(8)]
    trainer_of(load(saved), tmp_path, sampler=Saying(*words), steps=1, prompts=said("Hi ✓", "Hi ✓")).train()
    first = lines(tmp_path / "completions.jsonl")[0]
    assert first == {
        "step": 1,
        "episode": first["episode"],
        "prompt": "<|im_start|>user\nHi ✓<|im_end|>\n<|im_start|>assistant\n",
        "completion": "w0",
        "ended": True,
        "reward": first["parts"]["even"],
        "parts": {"even": first["reward"], "tokens": 3.0},
    }


# TRL's own sampling, and several processes.


def test_without_a_sampler_trl_samples_from_the_same_prompts(saved: Path, tmp_path: Path) -> None:
    model = load(saved)
    told: list[Sampled] = []

    def score(episodes: list[int], sampled: list[Sampled]) -> list[Reward]:
        told.extend(sampled)
        return even(episodes, sampled)

    args = configuration(
        tmp_path, steps=1, per_device_train_batch_size=8, num_generations=4, max_completion_length=3, use_cpu=True
    )
    GRPO(model, args, TOKENIZER, QUESTIONS, score, agent=Agent.ANSWER).train()
    assert len(told) == 8
    for each in told:
        assert each.ended == (each.tokens[-1] == END)
        assert each.text == TOKENIZER.decode(each.tokens, skip_special_tokens=True)


class StandInForVllm:
    """Says one token, 65, or two, 66 and the end, by turns; knows what it was asked."""

    asked: ClassVar[list[tuple[list[list[int]], int]]] = []

    def __init__(self, **options: Any) -> None:
        self.mode = options["mode"]

    def sync_weights(self) -> None:
        pass

    def generate(
        self, prompts: list[list[int]], images: None, num_generations: int, profiler: object
    ) -> tuple[None, list[list[int]], list[list[list[float]]], None]:
        assert self.mode == "colocate"
        self.asked.append((prompts, num_generations))
        completions = [[65] if n % 2 else [66, END] for n in range(len(prompts))]
        return None, completions, [[[-1.0]] * len(each) for each in completions], None


def test_vllm_gets_the_same_tokens_where_it_is_asked_for(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trl.trainer.grpo_trainer.VLLMGeneration", StandInForVllm)
    told: list[Sampled] = []

    def score(episodes: list[int], sampled: list[Sampled]) -> list[Reward]:
        told.extend(sampled)
        return even(episodes, sampled)

    trainer_of(
        load(saved), tmp_path, sampler=Saying(), score=score, steps=1, use_vllm=True, vllm_mode="colocate"
    ).train()
    [(prompts, count)] = StandInForVllm.asked
    assert count == 4
    assert {tuple(prompt) for prompt in prompts} <= {each.tokens for each in QUESTIONS}
    texts = [TOKENIZER.decode([65]), TOKENIZER.decode([66])]
    assert told == [Sampled(texts[1], (66, END), True), Sampled(texts[0], (65,), False)] * 4


def process(saved: Path, folder: Path, each: int) -> None:
    """One process of those that train together."""
    model = load(saved)
    trainer = trainer_of(
        model,
        folder,
        sampler=Drawing(model, fixed=True),
        per_device_train_batch_size=each,
        steps=4,
        ddp_backend="gloo" if "WORLD_SIZE" in os.environ else None,
        beta=0.05,
    )
    trainer.train()
    if trainer.accelerator.is_main_process:
        (folder / "curve.json").write_text(
            json.dumps(curve(trainer, "loss", "reward", "reward/even", "kl", "grad_norm"))
        )


def test_two_processes_have_the_curve_of_one_with_the_batch_doubled(saved: Path, tmp_path: Path) -> None:
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    arguments = [__file__, str(saved), str(tmp_path / "two"), "8"]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*run, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    process(saved, tmp_path / "one", 16)

    two, one = (json.loads((tmp_path / name / "curve.json").read_text()) for name in ("two", "one"))
    assert len(one) == 4
    # Sums of float32 in another order: 1 in 20,000, and 1e-5 where they come to nothing.
    assert torch.tensor(two) == pytest.approx(torch.tensor(one), abs=1e-5, rel=5e-5)
    assert [line["step"] for line in lines(tmp_path / "two" / "metrics.jsonl") if "reward" in line] == [1, 2, 3, 4]


if __name__ == "__main__":
    process(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
