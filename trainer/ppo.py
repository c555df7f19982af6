"""PPO by outcome: a policy samples completions, learns from their rewards, and a critic tells what was to be expected.

Promises the same curve whether the work is on one rank or on many, in small batches or large, unbroken or resumed.
Knows nothing of agents: episodes are numbers with prompts of tokens; others write completions and reward them.

What is logged, with the usual names. Of each rollout, means over its completions unless said otherwise:
    reward, reward_std      what the completions were worth, without KL and penalty; `reward/NAME` the parts of it
    completion_length       tokens, the end included; `ended` is the share that has ended by itself
    kl                      nats that a whole completion is away from the reference; `kl_coefficient` what they cost
    explained_variance      of the returns of all tokens, by the values: 1 all, 0 none
    value, advantage_std    of all tokens; the advantages before they are whitened
Of each step, means over its tokens:
    loss                    all of it, as the optimiser sees it
    policy_loss, value_loss, entropy
    approx_kl               nats between the policy that sampled and the one that learns (estimate k3)
    clip_fraction           tokens that teach nothing any more, because the clip bites
    learning_rate, grad_norm
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path
from random import Random
from typing import Any, Protocol

import torch
from accelerate.utils import gather_object  # type: ignore[import-untyped]
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, TrainerCallback, TrainingArguments

from trainer import losses
from trainer.choices import KlIn
from trainer.errors import TrainingError
from trainer.losses import Kl
from trainer.records import CarefulTrainer, Records
from trainer.sampling import Sampled, Score

VALUE_FILE = "value.safetensors"
ROLLOUT_FILE = "rollout.pt"
KL_STEP = 0.2
"""By how much of itself the KL's coefficient adapts at most, in a whole horizon."""


@dataclass
class PPOConfig(TrainingArguments):
    """What can be set; the defaults are the paper's, or the usual ones where the paper is silent.

    A rollout is `rollout_batch_size` completions over all ranks. It is learned from `ppo_epochs` times, in steps of
    `per_device_train_batch_size` times `gradient_accumulation_steps` completions on each rank. `learning_rate` is the
    policy's, `critic_learning_rate` that of the value head and of a separate critic. There is no dropout.

    `target_kl` ends the epochs of a rollout after the first step whose `approx_kl` is above it. `kl_target` adapts the
    coefficient so that `kl` stays near it, by at most a fifth in `kl_horizon` completions (Ziegler et al. 2019).
    """

    learning_rate: float = 1e-6
    critic_learning_rate: float = 1e-5
    lr_scheduler_type: str = "constant_with_warmup"
    ddp_find_unused_parameters: bool | None = False  # All are used, and looking for others takes time.

    rollout_batch_size: int = 128
    ppo_epochs: int = 1
    temperature: float = 1.0
    max_completion_length: int = 2048
    missing_eos_penalty: float = 0.0
    gamma: float = 1.0
    lam: float = 0.95
    whiten_advantages: bool = True
    clip_range: float = 0.2
    clip_range_high: float | None = None
    value_clip_range: float | None = 0.2
    value_coefficient: float = 0.1
    entropy_coefficient: float = 0.0
    target_kl: float | None = None
    kl_coefficient: float = 0.001
    kl_in: KlIn = KlIn.REWARD
    kl_estimator: Kl = Kl.K1
    kl_target: float | None = None
    kl_horizon: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[no-untyped-call]
        self.kl_in, self.kl_estimator = KlIn(self.kl_in), Kl(self.kl_estimator)
        if self.kl_coefficient and self.kl_in is KlIn.LOSS and self.kl_estimator is Kl.K1:
            raise TrainingError(
                "In the loss, the KL estimate k1 has a gradient of 0 on average.", "Set kl_estimator to k2 or k3."
            )
        if self.temperature <= 0:
            raise TrainingError("PPO learns from what is sampled.", "Set temperature to 1, or to another above 0.")


class Write(Protocol):
    """Samples by the policy in training, as `Policy.write` does: for each prompt a completion by each of its seeds.

    A completion follows from weights, prompt and seed alone, whatever else is written with it.
    """

    def __call__(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[Sequence[int]], *, temperature: float, max_tokens: int
    ) -> list[list[Sampled]]: ...


@dataclass(frozen=True, slots=True)
class Rollout:
    """Tensors with a row for each completion: prompts padded on the left, what is of completions on the right.

    Masks are 1 at tokens. Where a completion has no token, all else is 0.
    """

    prompts: Tensor
    prompt_mask: Tensor
    completions: Tensor
    mask: Tensor
    log_probs: Tensor
    reference: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor

    @classmethod
    def of(cls, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> Rollout:
        """One of which nothing is known but the tokens."""
        before, after = max(map(len, prompts)), max(map(len, completions))
        tokens = torch.zeros(2, len(prompts), max(before, after), dtype=torch.long)
        masks = torch.zeros_like(tokens)
        for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            tokens[0, row, before - len(prompt) : before] = torch.tensor(prompt)
            masks[0, row, before - len(prompt) : before] = 1
            tokens[1, row, : len(completion)] = torch.tensor(completion)
            masks[1, row, : len(completion)] = 1
        mask = masks[1, :, :after].float()
        unknown = (torch.zeros_like(mask) for _ in range(5))
        return cls(tokens[0, :, :before], masks[0, :, :before], tokens[1, :, :after], mask, *unknown)

    def tensors(self) -> dict[str, Tensor]:
        """All of them, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def rows(self, index: Tensor) -> Rollout:
        """Some of the rows, no wider than they need to be."""
        before, after = (int(mask[index].sum(1).max()) for mask in (self.prompt_mask, self.mask))
        some = {name: tensor[index] for name, tensor in self.tensors().items()}
        return Rollout(
            **{n: t[:, -before:] if n in {"prompts", "prompt_mask"} else t[:, :after] for n, t in some.items()}
        )

    def to(self, device: torch.device) -> Rollout:
        """The same on `device`."""
        return Rollout(**{name: tensor.to(device) for name, tensor in self.tensors().items()})


class ActorCritic(nn.Module):
    """A policy, and the critic's value of each of its tokens, by one linear layer on the trunk of one of the two.

    The layer is 0 at first. Without a `critic` of its own the trunk is the policy's, and learns from both losses. What
    the Trainer and accelerate ask of a model is answered for the policy.
    """

    is_gradient_checkpointing = False  # Sampling is never in training mode, and needs it not to be switched off.
    _keys_to_ignore_on_save = None

    def __init__(self, policy: PreTrainedModel, critic: PreTrainedModel | None) -> None:
        super().__init__()
        self.policy: Any = policy
        self.critic: Any = None if critic is None else trunk(critic)
        self.config = policy.config
        self._no_split_modules = policy._no_split_modules
        width = (policy if critic is None else critic).config.get_text_config().hidden_size
        self.value_head: Any = nn.Linear(width, 1)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)

    def forward(
        self, rollout: Rollout, temperature: float, *, as_reference: bool = False, entropy_learns: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, tokens) each: log-probabilities, entropies and values of the completions' tokens.

        `as_reference` leaves the adapter out; values are of no use then.
        """
        alone = self.policy.disable_adapter() if as_reference else nullcontext()
        states: list[Tensor] = []
        catching = trunk(self.policy).register_forward_hook(lambda _m, _i, told: states.append(told.last_hidden_state))
        try:
            with alone:
                log_probs, entropies = scored(self.policy, rollout, temperature, entropy_learns=entropy_learns)
        finally:
            catching.remove()
        if self.critic is not None:
            states = [self.critic(**_inputs(rollout)).last_hidden_state]
        before_each = states[-1][:, -rollout.completions.shape[1] - 1 : -1].to(self.value_head.weight.dtype)
        return log_probs, entropies, self.value_head(before_each)[..., 0].float()

    def activation_checkpointing_enable(self, *args: Any, **kwargs: Any) -> None:
        """As the Trainer asks for it."""
        for model in (self.policy, self.critic):
            if model is not None:
                model.activation_checkpointing_enable(*args, **kwargs)

    def get_input_embeddings(self) -> Any:
        """The policy's."""
        return self.policy.get_input_embeddings()

    def get_output_embeddings(self) -> Any:
        """The policy's."""
        return self.policy.get_output_embeddings()

    def tie_weights(self, *args: Any, **kwargs: Any) -> None:
        """The policy's."""
        self.policy.tie_weights(*args, **kwargs)


def trunk(model: Any) -> Any:
    """What is below the head; an adapter is in it."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inner.base_model


def scored(
    model: nn.Module, rollout: Rollout, temperature: float, *, entropy_learns: bool = False
) -> tuple[Tensor, Tensor]:
    """(rows, tokens) the log-probabilities of the completions' tokens, and the entropies in their places.

    Entropies have gradients, which take much memory, only where something learns from them.
    """
    length = rollout.completions.shape[1]
    logits = model(**_inputs(rollout), logits_to_keep=length + 1).logits[:, -length - 1 : -1].float() / temperature
    with torch.set_grad_enabled(entropy_learns and torch.is_grad_enabled()):
        entropies = losses.entropy(logits)
    return losses.token_log_probs(logits, rollout.completions), entropies


def _inputs(rollout: Rollout) -> dict[str, Any]:
    mask = torch.cat([rollout.prompt_mask, rollout.mask.long()], 1)
    return {
        "input_ids": torch.cat([rollout.prompts, rollout.completions], 1),
        "attention_mask": mask,
        "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
        "use_cache": False,
    }


class PPOTrainer(CarefulTrainer):
    """Trains `policy`, full or with an adapter, on the episodes whose prompts are `prompts`, by their numbers.

    `write` samples by it, `score` rewards. A `critic` is a model of its own with the same tokens, else the policy's
    trunk serves. The reference is the policy without its adapter, or a frozen copy of what it is now: a run that is
    resumed is to be given what the first one was given. Settings that do not fit raise TrainingError.
    """

    args: PPOConfig
    model: ActorCritic
    processing_class: Any

    def __init__(
        self,
        policy: PreTrainedModel,
        args: PPOConfig,
        prompts: Sequence[Sequence[int]],
        *,
        write: Write,
        score: Score,
        critic: PreTrainedModel | None = None,
        tokenizer: Any = None,
        callbacks: Sequence[TrainerCallback] = (),
        completions_every: int = 10,
    ) -> None:
        self._prompts, self._write, self._score = tuple(map(tuple, prompts)), write, score
        self._wants_reference = bool(args.kl_coefficient or args.kl_target)
        copied = self._wants_reference and not hasattr(policy, "disable_adapter")
        reference = copy.deepcopy(policy) if copied else None
        self.records = Records(Path(args.output_dir or "."), completions_every)
        model = ActorCritic(policy, critic)
        _without_dropout(model)
        super().__init__(model=model, args=args, processing_class=tokenizer, callbacks=[self.records, *callbacks])
        self.model_accepts_loss_kwargs = False  # So that the loss is divided by the number of accumulated batches.
        self._step_size = (
            args.per_device_train_batch_size * args.gradient_accumulation_steps * self.accelerator.num_processes
        )
        _check(args, self._prompts, self._step_size)
        steps = args.rollout_batch_size // self._step_size * args.ppo_epochs
        self._turns = steps * args.gradient_accumulation_steps
        self._reference = None if reference is None else self._frozen(reference)
        self._sums: list[Tensor] = []
        # Where the run stands: all of it is kept with a checkpoint.
        self._kl_coefficient = float(args.kl_coefficient)
        self._kl: float | None = None
        self._rollouts = 0
        self._turn = self._turns
        self._rollout: Rollout | None = None
        self._metrics: dict[str, list[float]] = defaultdict(list)

    # What the Trainer's loop asks for.

    def get_train_dataloader(self) -> DataLoader[int]:
        """Turns, as many as come to about one pass over the episodes; what is done in them is found out below.

        A rollout whose epochs end early is followed by the next one, so that every turn is used.
        """
        rollouts = math.ceil(len(self._prompts) / self.args.rollout_batch_size)
        return DataLoader(range(rollouts * self._turns), collate_fn=_numbered)  # type: ignore[arg-type]

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """One optimiser with a learning rate for the policy and one for what values."""
        if self.optimizer is None:
            model = self.model if model is None else model
            made, options = self.get_optimizer_cls_and_kwargs(self.args)
            decaying = set(self.get_decay_parameter_names(model))
            groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    rate = self.args.learning_rate if "policy." in name else self.args.critic_learning_rate
                    groups[rate, self.args.weight_decay if name in decaying else 0.0].append(parameter)
            alike = [{"params": some, "lr": rate, "weight_decay": decay} for (rate, decay), some in groups.items()]
            self.optimizer = made(alike, **options)
        return self.optimizer

    def _prepare_inputs(self, inputs: Any) -> dict[str, Any]:
        """The rows of this turn, the tokens of the whole step over all ranks, and whether the step ends with it."""
        if self._turn == self._turns:
            self._rollout, self._turn = self._roll_out(), 0
        assert self._rollout is not None
        epoch, turn = divmod(self._turn, self._turns // self.args.ppo_epochs)
        step, part = divmod(turn, self.args.gradient_accumulation_steps)
        order = torch.randperm(len(self._rollout.mask), generator=self._chance("rows", self._rollouts, epoch))
        in_step = order[step * self._step_size : (step + 1) * self._step_size]
        shares = in_step.view(self.args.gradient_accumulation_steps, self.accelerator.num_processes, -1)
        rows = self._rollout.rows(shares[part, self.accelerator.process_index]).to(self.args.device)
        self._turn += 1
        last = part + 1 == self.args.gradient_accumulation_steps
        return {"rollout": rows, "tokens": float(self._rollout.mask[in_step].sum()), "last": last}

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """This turn's part of the loss, which is a mean over all tokens of the step, on whatever rank they are."""
        args, rollout, mask = self.args, inputs["rollout"], inputs["rollout"].mask
        entropy_learns = bool(args.entropy_coefficient)
        log_probs, entropies, values = model(rollout, args.temperature, entropy_learns=entropy_learns)
        clip: Any = {"clip": args.clip_range, "clip_high": args.clip_range_high}
        of_policy = losses.policy_loss(log_probs, rollout.log_probs, rollout.advantages, **clip)
        of_values = losses.value_loss(values, rollout.values, rollout.returns, clip=args.value_clip_range)
        loss = of_policy + args.value_coefficient * of_values - args.entropy_coefficient * entropies
        if self._wants_reference and args.kl_in is KlIn.LOSS:
            loss = loss + self._kl_coefficient * losses.kl(log_probs, rollout.reference, args.kl_estimator)
        with torch.no_grad():
            self._measure(
                inputs,
                loss=loss,
                policy_loss=of_policy,
                value_loss=of_values,
                entropy=entropies,
                approx_kl=losses.kl(rollout.log_probs, log_probs, Kl.K3),
                clip_fraction=losses.is_clipped(log_probs, rollout.log_probs, rollout.advantages, **clip),
            )
        # The Trainer divides by the number of turns, and the gradient by that of ranks.
        share = self.accelerator.num_processes * self.args.gradient_accumulation_steps / inputs["tokens"]
        return (loss * mask).sum() * share

    def _measure(self, inputs: dict[str, Any], **of_tokens: Tensor) -> None:
        """Adds to what is known of the step; at its end all ranks are asked, and told whether to go on with it."""
        self._sums.append(torch.stack([(each * inputs["rollout"].mask).sum() for each in of_tokens.values()]))
        if not inputs["last"]:
            return
        sums = self.accelerator.reduce(torch.stack(self._sums).sum(0), "sum")
        self._sums.clear()
        told = dict(zip(of_tokens, (sums / inputs["tokens"]).tolist(), strict=True))
        if not all(map(math.isfinite, told.values())):
            raise self._diverged(f"The loss of step {self.state.global_step + 1} is no number.")
        del told["loss"]  # The Trainer logs it.
        for name, value in told.items():
            self._metrics[name].append(value)
        if self.args.target_kl is not None and told["approx_kl"] > self.args.target_kl:
            self._turn = self._turns

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """What is in `logs`, and means of what was measured since the last time."""
        measured = {name: sum(values) / len(values) for name, values in self._metrics.items()}
        self._metrics.clear()
        super().log({**logs, **measured}, start_time)

    # A rollout.

    def _roll_out(self) -> Rollout:
        """Completions of the next episodes by all ranks, and all that can be said of them before anything is learned.

        A rollout is small beside a model: each rank gets the whole, and so no two disagree.
        """
        args = self.args
        share = args.rollout_batch_size // self.accelerator.num_processes
        first = self._rollouts * args.rollout_batch_size + share * self.accelerator.process_index
        episodes = [self._episode(place) for place in range(first, first + share)]
        seeds = [Random(f"{args.seed} {place}").getrandbits(62) for place in range(first, first + share)]
        self._rollouts += 1
        sampled = self._sampled(episodes, seeds)
        scores = self._scores(episodes, sampled)
        mine = Rollout.of([self._prompts[n] for n in episodes], [one.tokens for one in sampled])
        everybodys = gather_object([(episodes, sampled, scores, self._looked_at(mine))])
        return self._valued(*zip(*everybodys, strict=True))

    def _episode(self, place: int) -> int:
        """The episode at a place of the whole run: all of them in random order, again and again."""
        turn, at = divmod(place, len(self._prompts))
        return int(torch.randperm(len(self._prompts), generator=self._chance("episodes", turn))[at])

    def _chance(self, *what: object) -> torch.Generator:
        return torch.Generator().manual_seed(Random(f"{self.args.seed} {what}").getrandbits(62))

    def _sampled(self, episodes: Sequence[int], seeds: Sequence[int]) -> list[Sampled]:
        """A completion of each, with all weights of the policy on this rank."""
        prompts = [self._prompts[number] for number in episodes]
        limits: Any = {"temperature": self.args.temperature, "max_tokens": self.args.max_completion_length}
        self.model.eval()
        with torch.no_grad(), self._gathered():
            written = self._write(prompts, [[seed] for seed in seeds], **limits)
        sampled = [one for [one] in written]
        if len(sampled) != len(prompts) or not all(one.tokens for one in sampled):
            raise ValueError(f"{len(prompts)} prompts have these completions: {written}")
        return sampled

    def _scores(self, episodes: list[int], sampled: list[Sampled]) -> list[tuple[float, dict[str, float]]]:
        scores = [(float(one.total), dict(one.parts)) for one in self._score(episodes, sampled)]
        if len(scores) != len(sampled) or not all(math.isfinite(total) for total, _ in scores):
            raise ValueError(f"{len(sampled)} completions have these rewards: {scores}")
        return scores

    @torch.no_grad()
    def _looked_at(self, mine: Rollout) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, tokens) each: log-probabilities by the policy and by the reference, and values."""
        known = (mine.log_probs, mine.reference, mine.values)
        self.model_wrapped.eval()
        for index in torch.split(torch.arange(len(mine.mask)), self.args.per_device_train_batch_size):
            part = mine.rows(index).to(self.args.device)
            log_probs, _, values = self.model_wrapped(part, self.args.temperature)
            reference = log_probs
            if self._reference is not None:
                with self.accelerator.autocast():
                    reference, _ = scored(self._reference, part, self.args.temperature)
            elif self._wants_reference:
                reference, *_ = self.model_wrapped(part, self.args.temperature, as_reference=True)
            for whole, told in zip(known, (log_probs, reference, values), strict=True):
                whole[index, : part.mask.shape[1]] = (told * part.mask).cpu()
        self.model_wrapped.train()
        return known

    def _valued(self, episodes: Any, sampled: Any, scores: Any, known: Any) -> Rollout:
        """The rollout of all ranks, from what each of them has: rewards, advantages and returns."""
        args = self.args
        episodes, sampled, scores = ([one for share in each for one in share] for each in (episodes, sampled, scores))
        whole = Rollout.of([self._prompts[n] for n in episodes], [one.tokens for one in sampled])
        mask, width = whole.mask, whole.mask.shape[1]
        log_probs, reference, values = (
            torch.cat([nn.functional.pad(each, (0, width - each.shape[1])) for each in of_ranks])
            for of_ranks in zip(*known, strict=True)
        )
        ended = torch.tensor([one.ended for one in sampled]).float()
        totals = torch.tensor([total for total, _ in scores])
        rewards = torch.zeros_like(mask)
        rewards[torch.arange(len(mask)), mask.sum(1).long() - 1] = totals - args.missing_eos_penalty * (1 - ended)
        self._adapt_kl_coefficient()
        if self._wants_reference and args.kl_in is KlIn.REWARD:
            rewards -= self._kl_coefficient * losses.kl(log_probs, reference, args.kl_estimator) * mask
        advantages, returns = losses.advantages_and_returns(rewards, values, mask, gamma=args.gamma, lambda_=args.lam)
        rest = {"advantages": advantages, "returns": returns}
        rollout = replace(whole, log_probs=log_probs, reference=reference, values=values, **rest)
        self._note(rollout, totals, ended, [parts for _, parts in scores])
        self._record(episodes, sampled, scores)
        if not args.whiten_advantages:
            return rollout
        return replace(rollout, advantages=losses.whiten(advantages, mask, across_ranks=False))

    def _adapt_kl_coefficient(self) -> None:
        if self.args.kl_target is not None and self._kl is not None:
            error = min(max(self._kl / self.args.kl_target - 1, -KL_STEP), KL_STEP)
            self._kl_coefficient *= 1 + error * self.args.rollout_batch_size / self.args.kl_horizon

    def _note(self, rollout: Rollout, totals: Tensor, ended: Tensor, parts: Sequence[Mapping[str, float]]) -> None:
        mask = rollout.mask
        told = {
            "reward": totals.mean(),
            "reward_std": totals.std(correction=0),
            "completion_length": mask.sum(1).mean(),
            "ended": ended.mean(),
            "explained_variance": losses.explained_variance(rollout.values, rollout.returns, mask),
            "value": losses.masked_mean(rollout.values, mask),
            "advantage_std": losses.masked_variance(rollout.advantages, mask).sqrt(),
        }
        if self._wants_reference:
            self._kl = float((losses.kl(rollout.log_probs, rollout.reference, Kl.K1) * mask).sum(1).mean())
            self._metrics["kl"].append(self._kl)
            self._metrics["kl_coefficient"].append(self._kl_coefficient)
        for name, value in told.items():
            self._metrics[name].append(float(value))
        for name in sorted({name for each in parts for name in each}):
            values = [each[name] for each in parts if name in each]
            self._metrics[f"reward/{name}"].append(sum(values) / len(values))

    def _record(self, episodes: Sequence[int], sampled: Sequence[Sampled], scores: Any) -> None:
        """Completions of the first rollout, and then of every so many."""
        if not (self.accelerator.is_main_process and self.records.wants_completions(self._rollouts)):
            return
        lines = [
            {"episode": n, "completion": one.text, "ended": one.ended, "reward": total, "parts": parts}
            for n, one, (total, parts) in zip(episodes, sampled, scores, strict=True)
        ]
        if self.processing_class is not None:
            lines = [line | {"prompt": self.processing_class.decode(self._prompts[line["episode"]])} for line in lines]
        self.records.completions(self.state.global_step + 1, lines)

    # Models on many ranks.

    def _frozen(self, reference: PreTrainedModel) -> Any:
        """The reference, spread over ranks like the policy."""
        reference.train(False).requires_grad_(False)
        if self.is_deepspeed_enabled:
            from trl.models.utils import prepare_deepspeed

            return prepare_deepspeed(reference, self.accelerator)
        if self.is_fsdp_enabled:
            from trl.models.utils import prepare_fsdp

            return prepare_fsdp(reference, self.accelerator)
        return self.accelerator.prepare_model(reference, evaluation_mode=True)

    @contextmanager
    def _gathered(self) -> Iterator[None]:
        """All weights of the policy on this rank, where they lie on several."""
        from trl.models.utils import unwrap_model_for_generation

        sharded = [module for module in self.model.modules() if isinstance(module, FSDPModule)]
        if sharded:  # FSDP wants to have seen the whole before it sees a part.
            prompt = self._prompts[0]
            self.model(Rollout.of([prompt], [prompt[:1]]).to(self.args.device), self.args.temperature)
        for module in sharded:
            module.set_reshard_after_forward(False, recurse=False)
            module.unshard()
        with unwrap_model_for_generation(self.model_wrapped, self.accelerator):
            yield
        for module in sharded:
            module.set_reshard_after_forward(self.accelerator.state.fsdp_plugin.reshard_after_forward, recurse=False)
            module.reshard()

    # Checkpoints.

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        """The policy as transformers or peft save it, and beside it what values."""
        state = self.accelerator.unwrap_model(self.model).state_dict() if state_dict is None else state_dict
        state = {name: each.full_tensor() if isinstance(each, DTensor) else each for name, each in state.items()}
        if not self.args.should_save:
            return
        folder = Path(output_dir or self.args.output_dir or ".")
        of_policy = {name.removeprefix("policy."): each for name, each in state.items() if name.startswith("policy.")}
        self.accelerator.unwrap_model(self.model).policy.save_pretrained(folder, state_dict=of_policy)
        of_values = {name: each.contiguous() for name, each in state.items() if not name.startswith("policy.")}
        save_file(of_values, folder / VALUE_FILE)
        if self.processing_class is not None:
            self.processing_class.save_pretrained(folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        super()._load_from_checkpoint(resume_from_checkpoint, self.model.policy)
        of_values = load_file(_of_ppo(resume_from_checkpoint, VALUE_FILE))
        _, unknown = self.model.load_state_dict(of_values, strict=False)
        if unknown:
            raise TrainingError("The checkpoint has a critic of its own; the run has none.", "Give it the same critic.")

    def _save_rng_state(self, output_dir: str) -> None:
        """Random states, and where the run stands. All ranks have the same rollout."""
        super()._save_rng_state(output_dir)
        if self.args.should_save:
            rollout = None if self._rollout is None else self._rollout.tensors()
            where = {name: getattr(self, name) for name in ("_kl_coefficient", "_kl", "_rollouts")}
            # In steps, because the same step has other turns on another number of ranks.
            step = self._turn // self.args.gradient_accumulation_steps
            shape = (self.args.rollout_batch_size, self._step_size, self.args.ppo_epochs)
            kept = {"where": where, "step": step, "shape": shape, "metrics": dict(self._metrics), "rollout": rollout}
            torch.save(kept, Path(output_dir, ROLLOUT_FILE))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        super()._load_rng_state(checkpoint)
        if checkpoint is None:
            return
        kept = torch.load(_of_ppo(checkpoint, ROLLOUT_FILE), weights_only=True)
        if kept["shape"] != (self.args.rollout_batch_size, self._step_size, self.args.ppo_epochs):
            raise TrainingError(
                "The checkpoint is of a run with rollouts, steps or epochs of another size.", "Set them as they were."
            )
        for name, value in kept["where"].items():
            setattr(self, name, value)
        self._turn = kept["step"] * self.args.gradient_accumulation_steps
        self._metrics = defaultdict(list, kept["metrics"])
        self._rollout = None if kept["rollout"] is None else Rollout(**kept["rollout"])


def _check(args: PPOConfig, prompts: Sequence[Sequence[int]], step_size: int) -> None:
    if not prompts or not all(prompts):
        raise TrainingError("There are no episodes, or one has an empty prompt.", "Give at least one of each.")
    if args.rollout_batch_size % step_size:
        raise TrainingError(
            f"A rollout of {args.rollout_batch_size} completions cannot be cut into steps of {step_size}.",
            "Make rollout_batch_size a multiple of per_device_train_batch_size times gradient_accumulation_steps times "
            "the number of ranks.",
        )


def _without_dropout(model: nn.Module) -> None:
    """With dropout, a policy that has not changed would seem to have, and ratios would begin away from 1."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0  # type: ignore[assignment]


def _numbered(turn: list[int]) -> dict[str, int]:
    return {"turn": turn[0]}


def _of_ppo(checkpoint: str, name: str) -> Path:
    file = Path(checkpoint, name)
    if not file.exists():
        raise TrainingError(f"{checkpoint} is not a checkpoint of PPO: {name} is missing.", "Name another folder.")
    return file
