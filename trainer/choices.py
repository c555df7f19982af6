"""The words that a recipe chooses among. Knows nothing of what comes of them."""

from __future__ import annotations

from enum import StrEnum


class Algorithm(StrEnum):
    """How is learned: from right completions, or from rewards of one's own."""

    SFT = "sft"
    GRPO = "grpo"
    PPO = "ppo"


class Trained(StrEnum):
    """Which agent is trained."""

    MANAGER = "manager"
    ANSWER = "answer"


class Adaptation(StrEnum):
    """Which weights are trained: all of them, or an adapter of low rank beside them."""

    FULL = "full"
    LORA = "lora"


class Source(StrEnum):
    """Where dialogues come from; lives are simulated, history is the user's own."""

    LIVES = "lives"
    LOCOMO = "locomo"
    MSC = "msc"
    LONGMEMEVAL = "longmemeval"
    HISTORY = "history"


class Part(StrEnum):
    """Which part of the source is trained on. There is no other: what is trained on measures nothing."""

    TRAIN = "train"
    DEV = "dev"


class Vllm(StrEnum):
    """Who samples: the model itself, vLLM on the same GPUs, or a server of vLLM."""

    NONE = "none"
    COLOCATE = "colocate"
    SERVER = "server"


class Curve(StrEnum):
    """How the learning rate goes on after it has risen."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"


class Precision(StrEnum):
    """What is computed in. In bfloat16 the trained weights are still kept in float32, frozen ones are not."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class LossType(StrEnum):
    """The losses of TRL's GRPOTrainer."""

    GRPO = "grpo"
    DR_GRPO = "dr_grpo"
    DAPO = "dapo"
    BNPO = "bnpo"
    CISPO = "cispo"
    SAPO = "sapo"
    LUSPO = "luspo"
    VESPO = "vespo"


class Scale(StrEnum):
    """By what deviation GRPO divides rewards."""

    GROUP = "group"
    BATCH = "batch"
    NONE = "none"


class Level(StrEnum):
    """Whether the ratio of new to old probability is of each token, or of a whole completion."""

    TOKEN = "token"
    SEQUENCE = "sequence"


class Standard(StrEnum):
    """What a judge counts as right."""

    STRICT = "strict"
    GENEROUS = "generous"


class KlIn(StrEnum):
    """Where PPO counts the distance to the reference."""

    REWARD = "reward"
    LOSS = "loss"


class Estimator(StrEnum):
    """How that distance is estimated from one token."""

    K1 = "k1"
    K2 = "k2"
    K3 = "k3"


class Critic(StrEnum):
    """What values are read from: the trunk of the policy, or a model of their own."""

    SHARED = "shared"
    SEPARATE = "separate"


class Report(StrEnum):
    """Who is told of a run beside its own folder."""

    NONE = "none"
    TENSORBOARD = "tensorboard"
    WANDB = "wandb"
    MLFLOW = "mlflow"
