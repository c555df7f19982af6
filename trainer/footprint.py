"""The memory that a run takes of each GPU, part by part: arithmetic on a recipe and the shape of a model.

Knows nothing of tokens and time, and asks no device.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from trainer.choices import Adaptation, Algorithm, Critic, Precision, Trained, Vllm
from trainer.recipe import Recipe
from trainer.shapes import Shape

FOUR_BITS = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes of a weight in four bits: a byte of scale for 64 of them, and four for 256 of those."""
ADAM = 8
"""Bytes of AdamW for a weight that is trained: two means in float32."""
COPIES_OF_LOGITS = 5
"""Logits, scaled ones, their logarithms and the gradients of these, in float32."""
AT_ONCE = 128
"""Completions that the trainer itself writes at once."""


class Strategy(StrEnum):
    """How several GPUs share what is trained: each has all of it, or each has its part."""

    DDP = "ddp"
    ZERO3 = "zero3"
    FSDP2 = "fsdp2"


class When(StrEnum):
    """When a part of the memory is taken."""

    ALWAYS = "always"
    SAMPLING = "while sampling"
    LEARNING = "while learning"


@dataclass(frozen=True, slots=True)
class Part:
    """So many bytes of each GPU, and what they are for."""

    name: str
    when: When
    bytes: int


class Memory:
    """What one of `gpus` holds for `recipe`; `answerer`: the frozen Answer Agent, if it needs one, stands there too."""

    def __init__(self, recipe: Recipe, shape: Shape, gpus: int, strategy: Strategy, answerer: bool) -> None:
        self.recipe, self.shape, self.gpus, self.strategy = recipe, shape, gpus, strategy
        self.answerer = answerer
        self.full = recipe.adapter.kind is Adaptation.FULL
        self.half = recipe.optimisation.precision is Precision.BFLOAT16
        self.rewarded = recipe.algorithm is not Algorithm.SFT
        self.separate = recipe.algorithm is Algorithm.PPO and recipe.ppo.critic is Critic.SEPARATE
        self.sharded = strategy is not Strategy.DDP and gpus > 1
        self.adapter = 0 if self.full else shape.adapter(recipe.adapter.r, recipe.adapter.targets)
        self.value_head = shape.width + 1 if recipe.algorithm is Algorithm.PPO else 0
        self.frozen_width = 2 if self.half else 4
        """Bytes of a weight that is not trained; one that is has 4."""

    @property
    def trained(self) -> int:
        """Parameters that are trained, those of the critic with them."""
        policy = self.shape.parameters if self.full else self.adapter
        critic = (self.shape.trunk if self.full else self.adapter) if self.separate else 0
        return policy + critic + self.value_head

    def parts(self) -> tuple[Part, ...]:
        """All of them; what is not needed is 0."""
        policy = self.shape.parameters if self.full else self.adapter
        whole = self.shape.parameters
        share = self.gpus if self.sharded else 1
        # Each GPU gathers gradients of its own in buckets, which are sent, where each has all of them.
        gradient = 8 if self.gpus > 1 and not self.sharded else 4
        always = {
            "weights": (4 * whole if self.full else self._frozen(whole)) / share,
            "adapter": 4 * self.adapter / share,
            "gradients": gradient * policy / share,
            "optimiser": ADAM * policy / share,
            "reference": self._reference() / share,
            "critic": self._critic(gradient) / share,
            "frozen Answer Agent": self._answerer(),
        }
        sampling = {"weights brought together": self._brought(), "keys and values": self._cache()}
        learning = {"weights in use": self._in_use(), "activations": self._activations(), "logits": self._logits()}
        if not self.rewarded:
            sampling = {}
        return tuple(
            Part(name, when, ceil(count))
            for when, named in ((When.ALWAYS, always), (When.SAMPLING, sampling), (When.LEARNING, learning))
            for name, count in named.items()
        )

    def _frozen(self, whole: int) -> float:
        """Weights that stay: in four bits the matrices of the layers alone are."""
        if not self.recipe.adapter.four_bit:
            return self.frozen_width * whole
        small = self.shape.in_matrices
        return FOUR_BITS * small + self.frozen_width * (whole - small)

    def _reference(self) -> float:
        """A copy as the policy is held, or none where the adapter is left out instead."""
        recipe, whole = self.recipe, self.shape.parameters
        grpo = recipe.algorithm is Algorithm.GRPO
        weight = recipe.grpo.beta if grpo else recipe.ppo.kl_coefficient
        if not self.rewarded or not weight or (not self.full and recipe.reference is None):
            return 0
        if self.full:
            return (2 if self.half and self.sharded and self.strategy is Strategy.ZERO3 else 4) * whole
        return self.frozen_width * whole

    def _critic(self, gradient: int) -> float:
        """All that values take: weights, gradients and optimiser."""
        head = (4 + gradient + ADAM) * self.value_head
        if not self.separate:
            return head
        if self.full:
            return head + (4 + gradient + ADAM) * self.shape.trunk
        return head + self._frozen(self.shape.trunk) + (4 + gradient + ADAM) * self.adapter

    def _answerer(self) -> float:
        """The frozen Answer Agent, whole on each GPU, or none where it is the policy without its adapter."""
        recipe = self.recipe
        needed = self.answerer and self.rewarded and recipe.agent is Trained.MANAGER
        needed = needed and (self.full or recipe.answerer is not None)
        return self.frozen_width * self.shape.parameters if needed else 0

    def _brought(self) -> float:
        """What each GPU must have of the others' weights to sample, or vLLM's own."""
        whole, vllm = self.shape.parameters, self.recipe.rollout.vllm
        if vllm is Vllm.COLOCATE:
            return self.frozen_width * whole
        if vllm is Vllm.SERVER or not self.sharded:
            return 0
        return self._sampling_width() * whole

    def _sampling_width(self) -> int:
        """Bytes of a number as it is sampled with: of a weight as it is held, of a key as it is computed."""
        if not self.half:
            return 4
        held = self.full and not (self.sharded and self.strategy is Strategy.ZERO3)
        return 4 if held and self.recipe.rollout.vllm is Vllm.NONE else 2

    def _cache(self) -> float:
        """Keys and values of all that is written at once; those of a prompt once for its group."""
        rollout = self.recipe.rollout
        if rollout.vllm is Vllm.SERVER:
            return 0
        completions = min(ceil(self.recipe.optimisation.batch / self.gpus), AT_ONCE)
        prompts = ceil(completions / rollout.group)
        tokens = prompts * rollout.max_prompt + completions * rollout.max_completion
        return 2 * self.shape.layers * self.shape.keys * self._sampling_width() * tokens

    def _in_use(self) -> float:
        """Weights as they are computed with: copies in bfloat16 of trained ones, or of what others keep, by layers."""
        shape = self.shape
        if not self.sharded:
            heads = shape.embedding if not shape.tied else 0
            return 2 * (shape.in_matrices + heads) if self.full and self.half else 0
        return 2 * self.frozen_width * max(shape.a_layer, shape.embedding)

    def _activations(self) -> float:
        """What the way back needs of a micro-batch: with checkpointing what each layer begins with, and one layer."""
        shape, optimisation = self.shape, self.recipe.optimisation
        tokens = optimisation.micro_batch * (self.recipe.rollout.max_prompt + self.recipe.rollout.max_completion)
        number = 2 if self.half else 4
        begins = (4 if self.full or not self.half else 2) * shape.width
        norms = (16 if self.full else 8) * shape.width
        # Under autocast each of the five matrices that read a norm keeps a copy of its own.
        inputs = (10 if self.half else 8) * shape.width
        # What an adapter reads after attention is a copy as well.
        copied = 2 * shape.queries if self.half and not self.full else 0
        a_layer = norms + inputs + copied + number * (2 * shape.queries + 2 * shape.keys + 4 * shape.feed_forward)
        kept = begins * shape.layers + a_layer if optimisation.gradient_checkpointing else a_layer * shape.layers
        return tokens * kept * (2 if self.separate else 1)

    def _logits(self) -> float:
        """Of completions alone, but for sft, which computes them everywhere."""
        rollout = self.recipe.rollout
        places = rollout.max_completion + (0 if self.rewarded else rollout.max_prompt)
        return 4 * COPIES_OF_LOGITS * self.recipe.optimisation.micro_batch * places * self.shape.vocabulary
