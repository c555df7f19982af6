"""What one run of training is to do, as values: which keys there are, what each may hold, and what it is by default.

Promises to import nothing heavy. Knows nothing of files (see `trainer.recipes`), and of what comes of the values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from trainer.choices import (
    Adaptation,
    Algorithm,
    Critic,
    Curve,
    Estimator,
    KlIn,
    Level,
    LossType,
    Part,
    Precision,
    Report,
    Scale,
    Source,
    Standard,
    Trained,
    Vllm,
)
from trainer.errors import TrainingError
from trainer.plain import Within

EVERY_MATRIX = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

Count = Annotated[int, Within(1)]
Number = Annotated[int, Within(0)]
Weight = Annotated[float, Within(0)]
Rate = Annotated[float, Within(0, 1, above=True)]
Share = Annotated[float, Within(0, 1)]
Positive = Annotated[float, Within(0, above=True)]
Clip = Annotated[float, Within(0, 1, above=True, below=True)]
Seed = Annotated[int, Within(0, 2**31 - 1)]


@dataclass(frozen=True, slots=True)
class Adapter:
    """`targets` are the names of the matrices that are adapted; `four_bit` keeps the frozen weights in four bits."""

    kind: Adaptation = Adaptation.FULL
    r: Count = 16
    alpha: Positive = 32.0
    dropout: Annotated[float, Within(0, 1, below=True)] = 0.0
    targets: tuple[str, ...] = EVERY_MATRIX
    four_bit: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """What is trained on: so many `questions` of a source, which `folder` holds, or is the file of.

    `window` messages before one make its bank; `memories` are offered with a question, as many as the app does at 0.
    """

    source: Source
    folder: str | None = None
    split: Part = Part.TRAIN
    questions: Count = 152
    seed: Seed = 0
    window: Count = 50
    memories: Number = 0


@dataclass(frozen=True, slots=True)
class Rewards:
    """How much each part of a reward weighs, by the names of `trainer.rewards`, which says what they are."""

    exact_match: Weight = 1.0
    f1: Weight = 0.0
    judge: Weight = 0.0
    validity: Weight = 0.0
    faithfulness: Weight = 0.0
    wrong_delete: Weight = 0.0
    bank_size: Weight = 0.0
    abstention: Weight = 0.0
    citation: Weight = 0.0


@dataclass(frozen=True, slots=True)
class Judge:
    """Who says whether an answer is right, where rewards ask for that: an installed model, or one on a server."""

    model: str | None = None
    standard: Standard = Standard.STRICT


@dataclass(frozen=True, slots=True)
class Rollout:
    """`group` completions of each prompt are sampled; lengths are in tokens, the longest that are taken."""

    group: Count = 1
    temperature: Annotated[float, Within(0, 2, above=True)] = 1.0
    max_prompt: Count = 4096
    max_completion: Count = 2048
    vllm: Vllm = Vllm.NONE


@dataclass(frozen=True, slots=True)
class Optimisation:
    """`batch` counts completions over all GPUs, `micro_batch` those of one GPU at once.

    Either `steps` or `epochs` is given. A step is one batch: what is sampled together and learned from, however often.
    The critic learns at the rate of the policy unless it has its own.
    """

    batch: Count
    learning_rate: Rate
    micro_batch: Count = 1
    steps: Count | None = None
    epochs: Positive | None = None
    critic_learning_rate: Rate | None = None
    schedule: Curve = Curve.CONSTANT
    warmup_steps: Number = 0
    weight_decay: Share = 0.0
    gradient_clip: Positive = 1.0
    precision: Precision = Precision.BFLOAT16
    gradient_checkpointing: bool = False


@dataclass(frozen=True, slots=True)
class Grpo:
    """`beta` weighs the distance to the reference; `epsilon_high` is the upper bound where it is not `epsilon`."""

    loss_type: LossType = LossType.GRPO
    beta: Weight = 0.0
    epsilon: Positive = 0.2
    epsilon_high: Positive | None = None
    scale_rewards: Scale = Scale.GROUP
    importance_sampling: Level = Level.TOKEN
    num_iterations: Count = 1


@dataclass(frozen=True, slots=True)
class Ppo:
    """A batch is learned from in `epochs`, each in steps of `mini_batch` completions, or of all.

    `target_kl` ends the epochs of a batch; `kl_target` adapts the coefficient. `clip_high` is the upper bound where it
    is not `clip`; at a `value_clip` of 0 values move freely.
    """

    gamma: Share = 1.0
    gae_lambda: Share = 0.95
    clip: Clip = 0.2
    clip_high: Positive | None = None
    value_clip: Weight = 0.2
    value_coefficient: Weight = 0.1
    entropy_coefficient: Weight = 0.0
    kl_coefficient: Weight = 0.001
    kl_in: KlIn = KlIn.REWARD
    kl_estimator: Estimator = Estimator.K1
    kl_target: Positive | None = None
    target_kl: Positive | None = None
    epochs: Count = 1
    mini_batch: Count | None = None
    critic: Critic = Critic.SHARED
    whiten: bool = True
    missing_eos_penalty: Weight = 0.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every so many steps so many questions of the dev split are answered; 0 steps: never."""

    every: Number = 0
    questions: Count = 81


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """One is written every so many steps, and the last few are kept."""

    every: Count = 10
    kept: Count = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One run. A model is a folder, the name of an installed model, or the id of one on the hub that is there already.

    The reference is the `model` as it begins unless another is named. While the Manager is trained, `answerer` is the
    frozen Answer Agent; while the Answer Agent is trained, `manager` has made its banks: the `model` unless named.
    """

    about: str | None = None
    algorithm: Algorithm
    agent: Trained
    model: str
    data: Data
    optimisation: Optimisation
    reference: str | None = None
    answerer: str | None = None
    manager: str | None = None
    seed: Seed = 0
    report_to: Report = Report.NONE
    adapter: Adapter = field(default_factory=Adapter)
    rewards: Rewards = field(default_factory=Rewards)
    judge: Judge = field(default_factory=Judge)
    rollout: Rollout = field(default_factory=Rollout)
    grpo: Grpo = field(default_factory=Grpo)
    ppo: Ppo = field(default_factory=Ppo)
    evaluation: Evaluation = field(default_factory=Evaluation)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)

    def accumulation(self, processes: int) -> int:
        """How many micro-batches each of so many processes learns from in one step. Raises TrainingError."""
        a_step = self.ppo.mini_batch or self.optimisation.batch
        at_once = self.optimisation.micro_batch * processes
        if a_step % at_once:
            raise TrainingError(
                f"{a_step} completions a step cannot be divided among {processes} processes with"
                f" optimisation.micro_batch {self.optimisation.micro_batch}.",
                "Start another number of processes, or change optimisation.batch or optimisation.micro_batch.",
            )
        return a_step // at_once
