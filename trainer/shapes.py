"""The shape of a model, from the config.json that transformers saves: what it holds, counted without loading a weight.

Knows nothing of training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.errors import TrainingError

KINDS = ("llama", "mistral", "qwen2", "qwen3")
"""The types of model that can be counted: each layer is attention and a gated feed-forward, with a norm before each."""
EVERY_MATRIX = "all-linear"


@dataclass(frozen=True, slots=True)
class Shape:
    """A model of `layers` layers; `heads` of `head` places each attend, `key_heads` of them with keys of their own.

    `tied`: the head that makes logits is the embedding. `context` is the longest text that it reads.
    """

    kind: str
    layers: int
    width: int
    feed_forward: int
    heads: int
    key_heads: int
    head: int
    vocabulary: int
    context: int
    tied: bool
    attention_bias: bool = False
    feed_forward_bias: bool = False

    @classmethod
    def read(cls, place: Path) -> Shape:
        """From a config.json, or the one in a folder. Raises TrainingError."""
        file = place / "config.json" if place.is_dir() else place
        try:
            config = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{file} cannot be read ({error}).", "Name a folder with a config.json that transformers saved."
            ) from None
        if not isinstance(config, dict) or config.get("model_type") not in KINDS:
            kind = config.get("model_type") if isinstance(config, dict) else None
            raise TrainingError(
                f"{file} is of a model of the type {kind}, which cannot be counted here.",
                f"Those that can are {', '.join(KINDS)}.",
            )
        try:
            return cls._of(config)
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(f"{file} does not tell {error}.", "Save the model with transformers again.") from None

    @classmethod
    def _of(cls, config: dict[str, Any]) -> Shape:
        heads = int(config["num_attention_heads"])
        return cls(
            kind=config["model_type"],
            layers=int(config["num_hidden_layers"]),
            width=int(config["hidden_size"]),
            feed_forward=int(config["intermediate_size"]),
            heads=heads,
            key_heads=int(config.get("num_key_value_heads") or heads),
            head=int(config.get("head_dim") or config["hidden_size"] // heads),
            vocabulary=int(config["vocab_size"]),
            context=int(config["max_position_embeddings"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            attention_bias=bool(config.get("attention_bias", False)),
            feed_forward_bias=bool(config.get("mlp_bias", False)),
        )

    @property
    def queries(self) -> int:
        """How wide all queries are together."""
        return self.heads * self.head

    @property
    def keys(self) -> int:
        """How wide all keys are together; values are as wide."""
        return self.key_heads * self.head

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """The matrices of a layer, by what transformers calls them: how much goes in, and how much comes out."""
        width, inner = self.width, self.feed_forward
        return {
            "q_proj": (width, self.queries),
            "k_proj": (width, self.keys),
            "v_proj": (width, self.keys),
            "o_proj": (self.queries, width),
            "gate_proj": (width, inner),
            "up_proj": (width, inner),
            "down_proj": (inner, width),
        }

    @property
    def in_matrices(self) -> int:
        """Parameters in the matrices of all layers."""
        return self.layers * sum(inside * outside for inside, outside in self.matrices.values())

    @property
    def a_layer(self) -> int:
        """Parameters of a layer: matrices, biases and norms."""
        norms = 2 * self.width + (2 * self.head if self.kind == "qwen3" else 0)
        biases = self.queries + 2 * self.keys if self.kind == "qwen2" or self.attention_bias else 0
        biases += self.width if self.attention_bias and self.kind in ("llama", "qwen3") else 0
        biases += 2 * self.feed_forward + self.width if self.feed_forward_bias else 0
        return self.in_matrices // self.layers + biases + norms

    @property
    def embedding(self) -> int:
        """Parameters of the embedding; the head has as many of its own unless it is tied."""
        return self.vocabulary * self.width

    @property
    def trunk(self) -> int:
        """Parameters below the head."""
        return self.embedding + self.layers * self.a_layer + self.width

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.trunk + (0 if self.tied else self.embedding)

    def adapter(self, rank: int, targets: Sequence[str]) -> int:
        """Parameters of an adapter of that rank on those matrices of all layers. Raises TrainingError."""
        names = tuple(self.matrices) if EVERY_MATRIX in targets else targets
        if unknown := [name for name in names if name not in self.matrices]:
            raise TrainingError(
                f"adapter.targets has {unknown[0]}, which is no matrix of this model.",
                f"They are {', '.join(self.matrices)}.",
            )
        return self.layers * rank * sum(sum(self.matrices[name]) for name in dict.fromkeys(names))
