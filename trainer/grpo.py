"""GRPO by outcome: TRL's trainer, with the app's prompts, a sampler of ours and rewards from a callable.

Promises that what is trained on are the tokens of `Prompted`, untouched by any chat template, and that a run that was
killed goes on as if it had not been. Losses, advantages, the reference and vLLM are TRL's own. Knows nothing of banks,
of episodes beyond their numbers, and of how a reward comes about.

Of TRL's trainer four methods are taken over: `_tokenize_prompts` and `_generate_single_turn`, which say what is asked
and answered, and `_save_rng_state` and `_load_rng_state`, which keep completions that wait for their step.

Metrics are TRL's (`reward`, `reward_std`, `frac_reward_zero_std`, `kl`, `entropy`, `clip_ratio/*`, `completions/*`),
and `reward/NAME`, the mean of each part of the reward.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import torch
from datasets import Dataset  # type: ignore[import-untyped]
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl.models.utils import unwrap_model_for_generation
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from assistant.agents.generation import Agent
from trainer.environments import Prompt
from trainer.errors import TrainingError
from trainer.records import USUAL, CarefulTrainer, Records
from trainer.sampling import Sampled, Sampler, Score, Scored

WAITING = "completions-{}.pt"
"""What a checkpoint keeps of a process whose completions are not all learned from yet."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """What an agent is asked in an episode: the messages, and the tokens that they are to the model."""

    messages: Prompt
    tokens: tuple[int, ...]


def prompted(
    prompts: Sequence[Prompt], encode: Callable[[Prompt], Sequence[int]], longest: int
) -> tuple[Prompted, ...]:
    """All `prompts`, encoded. Raises TrainingError if one has more than `longest` tokens."""
    found = tuple(Prompted(prompt, tuple(encode(prompt))) for prompt in prompts)
    for number, each in enumerate(found):
        if len(each.tokens) > longest:
            raise TrainingError(
                f"The prompt of episode {number} has {len(each.tokens)} tokens; at most {longest} fit.",
                "Allow longer prompts, offer fewer memories, or leave the episode out.",
            )
    return found


def configuration(folder: Path, *, steps: int, **chosen: Any) -> GRPOConfig:
    """TRL's settings for `steps` steps in `folder`: what is `chosen` by TRL's names, else what is usual here.

    `per_device_train_batch_size` counts completions. Where TRL multiplies the KL by the ratio, we have the paper's.
    """
    usual = {**USUAL, "lr_scheduler_type": "constant_with_warmup", "use_bias_correction_kl": False}
    try:
        return GRPOConfig(str(folder), max_steps=steps, **(usual | chosen))
    except ValueError as error:
        raise TrainingError(f"GRPO cannot be run like this: {error}", "Change the recipe's values.") from error


class GRPO(CarefulTrainer, GRPOTrainer):
    """Trains `model`, which `sampler` writes with, on the episodes whose prompts are `prompts`, by their numbers.

    Without a sampler, or with `use_vllm` in `args`, TRL samples by itself. The sampler draws from torch's own random
    generator, which checkpoints hold. With `beta` above 0, completions are compared with those of the model in the
    folder `reference`, or of what `model` was loaded from; and with an adapter, of the adapter as it is now.

    With FSDP, each process must call the model equally often: sample by vLLM there.
    """

    args: GRPOConfig

    def __init__(
        self,
        model: PreTrainedModel | PeftModel,
        args: GRPOConfig,
        tokenizer: PreTrainedTokenizerBase,
        prompts: Sequence[Prompted],
        score: Score,
        *,
        agent: Agent,
        sampler: Sampler | None = None,
        reference: Path | None = None,
        callbacks: Sequence[TrainerCallback] = (),
        completions_every: int = 10,
    ) -> None:
        self._prompts, self._score, self._agent = tuple(prompts), score, agent
        self._sampler = None if args.use_vllm else sampler
        self._longest = int(args.max_completion_length or 0)
        self._asked: list[Prompted] = []
        self._sampled: list[Sampled] = []
        self.records = Records(Path(str(args.output_dir)), completions_every)
        _check(args, self._prompts, self._sampler)
        loaded_from = model.config._name_or_path
        if args.beta and not isinstance(model, PeftModel):
            model.config._name_or_path = _reference(loaded_from, reference)  # TRL loads the reference from there.
        super().__init__(
            model=model,
            reward_funcs=self._rewarded(),
            args=args,
            train_dataset=Dataset.from_dict({"prompt": _rows(args, len(self._prompts))}),
            processing_class=tokenizer,
            callbacks=[self.records, *callbacks],
        )
        model.config._name_or_path = loaded_from

    def _tokenize_prompts(self, prompts: list[int]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """The tokens of the episodes with the numbers `prompts`, as they are."""
        self._asked = [self._prompts[number] for number in prompts]
        return [list(each.tokens) for each in self._asked], None, {}

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any
    ) -> tuple[list[list[int]], list[list[float]] | None]:
        """A completion of each of `prompt_ids`, in which a prompt stands as often as it is to be completed."""
        if self._sampler is None:
            tokens, log_probs = super()._generate_single_turn(prompt_ids, *args, **kwargs)  # type: ignore[no-untyped-call]
            self._sampled = [self._read(each) for each in tokens]
            return tokens, log_probs
        model = self.accelerator.unwrap_model(self.model)
        training = model.training
        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=self.args.ds3_gather_for_generation,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,  # type: ignore[arg-type]
            ),
            torch.no_grad(),
        ):
            self._sampled = self._written(self._sampler)
        model.train(training)  # TRL takes a model that is not in training for one that is evaluated.
        return [list(each.tokens) for each in self._sampled], None

    def _written(self, sampler: Sampler) -> list[Sampled]:
        """A completion of each prompt that was asked; those that stand side by side and are the same are read once."""
        groups = [(each, len(list(same))) for each, same in groupby(self._asked)]
        written: dict[int, list[Sampled]] = {}
        # A group may be split between processes: then there are counts of two kinds.
        for count in sorted({count for _, count in groups}):
            places = [place for place, (_, size) in enumerate(groups) if size == count]
            completions = sampler.sample(
                self._agent,
                [groups[place][0].messages for place in places],
                count=count,
                temperature=self.temperature,
                max_tokens=self._longest,
            )
            written |= dict(zip(places, completions, strict=True))
        return [sampled for place in range(len(groups)) for sampled in written[place]]

    def _read(self, tokens: list[int]) -> Sampled:
        """What TRL has sampled by itself."""
        ended = tokens[-1] in self.eos_token_ids
        return Sampled(self._tokenizer.decode(tokens, skip_special_tokens=True), tuple(tokens), ended)

    def _rewarded(self) -> Callable[..., list[float | None]]:
        """The reward as TRL asks for it."""

        def reward(
            *, prompts: list[int], completion_ids: list[list[int]], log_metric: Callable[[str, float], None], **_: Any
        ) -> list[float | None]:
            if [list(each.tokens) for each in self._sampled] != completion_ids:
                raise RuntimeError("TRL asks for the rewards of other completions than were sampled.")
            scores = self._score(prompts, self._sampled)
            if len(scores) != len(prompts) or not all(math.isfinite(each.total) for each in scores):
                raise ValueError(f"{len(prompts)} completions have these rewards: {[each.total for each in scores]}")
            for each in scores:
                for name, value in each.parts.items():
                    log_metric(f"reward/{name}", value)
            self._record(prompts, scores)
            return [each.total for each in scores]

        return reward

    def _record(self, episodes: Sequence[int], scores: Sequence[Scored]) -> None:
        step = self.state.global_step + 1
        if self.accelerator.is_main_process and self.records.wants_completions(step):
            self.records.completions(
                step,
                (
                    {
                        "episode": episode,
                        "prompt": self._tokenizer.decode(self._prompts[episode].tokens),
                        "completion": sampled.text,
                        "ended": sampled.ended,
                        "reward": score.total,
                        "parts": dict(score.parts),
                    }
                    for episode, sampled, score in zip(episodes, self._sampled, scores, strict=True)
                ),
            )

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        if self._step % _every(self.args):
            kept = {"step": self._step, "inputs": self._buffered_inputs}
            torch.save(kept, Path(output_dir) / WAITING.format(self.args.process_index))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        super()._load_rng_state(checkpoint)
        if checkpoint is None:
            return
        file = Path(checkpoint) / WAITING.format(self.args.process_index)
        if file.exists():
            kept = torch.load(file, map_location=self.accelerator.device, weights_only=True)
            self._step, self._buffered_inputs = kept["step"], kept["inputs"]


def _check(args: GRPOConfig, prompts: Sequence[Prompted], sampler: Sampler | None) -> None:
    if not prompts:
        raise TrainingError("There is not one episode to train on.", "Look at the recipe's data.")
    if args.max_steps <= 0:
        raise TrainingError("How many steps GRPO is to take is not said.", "Give the steps in the recipe.")
    if not args.max_completion_length:
        raise TrainingError("How long completions may get is not said.", "Give max_completion in the recipe.")
    if sampler is not None and (args.top_p, args.top_k, args.min_p or 0, args.repetition_penalty) != (1, 0, 0, 1):
        raise TrainingError(
            "Completions are drawn from all that the model says: top_p, top_k, min_p and repetition_penalty change it.",
            "Leave them out, or sample by vLLM.",
        )


def _reference(loaded_from: str | None, reference: Path | None) -> str:
    if reference is None and not loaded_from:
        raise TrainingError(
            "With beta above 0 GRPO compares with the model as it was, which is saved nowhere.",
            "Save the model and load it from its folder, or set beta to 0.",
        )
    if reference is not None and not (reference / "config.json").is_file():
        raise TrainingError(f"There is no model in {reference} to compare with.", "Name a folder with config.json.")
    return str(reference or loaded_from)


def _every(args: GRPOConfig) -> int:
    """Of how many batches one is sampled: the others are learned from what was sampled then."""
    return int(args.steps_per_generation or 1) * int(args.num_iterations)


def _rows(args: GRPOConfig, episodes: int) -> list[int]:
    """The numbers of the episodes in the order in which they are asked: all, shuffled, and then all again.

    The whole run is one epoch to TRL, because a run that goes on in a later epoch would not find its order again.
    """
    args.shuffle_dataset = False
    generations = math.ceil(args.max_steps * args.gradient_accumulation_steps / _every(args))
    count = generations * (int(args.generation_batch_size or 0) // int(args.num_generations or 1))
    rng = Random(f"episodes {args.seed}")
    numbers: list[int] = []
    while len(numbers) < count:
        numbers += rng.sample(range(episodes), episodes)
    return numbers[:count]
