"""The models that the engine is measured with: the one that ships, and larger ones of random weights made on the fly.

Promises the same files for the same seed. What a token costs does not depend on what the weights have learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from assistant.agents.generation import Agent, ModelTraits
from assistant.llm.files.manifest import Adapter, ModelFile, models_folder, read_manifest
from benchmarks.random_body import TOKENS, Shape, add_shape, write_body

STARTER = models_folder() / "recollect-starter.gguf"
HALF_BILLION = Shape(hidden=896, layers=24, feed_forward=4864, heads=14, kv_heads=2, context=32_768)
"""That of Qwen2.5-0.5B."""
VOCABULARY = 151_936
"""That of the Qwen2.5 models, as their files have it."""
_BLOCK = 32
"""Numbers that Q8_0 packs together, behind one scale."""
_SPREAD = 73.9
"""Standard deviation of the whole numbers from -128 to 127, all equally frequent."""
_LINEAR = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@dataclass(frozen=True, slots=True)
class Body:
    """A model to measure; `context` in tokens. A large one is given fewer `tokens` to write.

    The pairs of a small one are as many as asked for, `times` over: short times scatter more.
    """

    label: str
    path: str
    context: int
    tokens: int = 200
    times: int = 3

    def model(self, adapters: dict[Agent, Adapter] | None = None) -> ModelFile:
        """For an engine; of the shipped model, with what its manifest says."""
        path = Path(self.path)
        return ModelFile(self.label, path, context=self.context, traits=traits_of(path), adapters=adapters or {})


def traits_of(path: Path) -> ModelTraits:
    """Those that the manifest beside the shipped models gives the file, or those of a model that must be told all."""
    for model in read_manifest(models_folder() / "manifest.toml").models:
        if isinstance(model, ModelFile) and model.path.resolve() == path.resolve():
            return model.traits
    return ModelTraits()


def shipped() -> Body:
    return Body("starter", str(STARTER), 1024)


def small(folder: Path, seed: int) -> Body:
    """About 30 million weights."""
    path = folder / "small.gguf"
    if not path.exists():
        write_body(path, STARTER, seed=seed)
    return Body("30 M", str(path), 8192)


def large(folder: Path, seed: int) -> Body:
    """About half a billion weights, in 530 MB."""
    path = folder / "large.gguf"
    if not path.exists():
        write_padded_body(path, STARTER, HALF_BILLION, VOCABULARY, seed)
    return Body("0.5 B", str(path), 8192, tokens=40, times=1)


def write_padded_body(path: Path, tokenizer: Path, shape: Shape, vocabulary: int, seed: int) -> None:
    """As `random_body.write_body` does, with words that no text is read as, up to `vocabulary` tokens.

    The weights are drawn as Q8_0 has them: to draw half a billion numbers and to quantise them takes minutes.
    """
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "qwen2")
    add_shape(writer, shape)
    for name, field in gguf.GGUFReader(tokenizer).fields.items():
        if name.startswith("tokenizer."):
            value: Any = field.contents()
            if name == TOKENS:
                value += [f"Ġpad{n}" for n in range(len(value), vocabulary)]
            elif name == "tokenizer.ggml.token_type":
                value += [gguf.TokenType.NORMAL] * (vocabulary - len(value))
            writer.add_key_value(name, value, field.types[0], field.types[-1] if field.types[1:] else None)
    for name, rows, columns in _matrices(shape, vocabulary):
        writer.add_tensor(name, _noise(random, rows, columns), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    shared = shape.hidden // shape.heads * shape.kv_heads
    for layer in range(shape.layers):
        for part, size in (("q", shape.hidden), ("k", shared), ("v", shared)):
            writer.add_tensor(f"blk.{layer}.attn_{part}.bias", np.zeros(size, np.float32))
        for part in ("attn", "ffn"):
            writer.add_tensor(f"blk.{layer}.{part}_norm.weight", np.ones(shape.hidden, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(shape.hidden, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_adapter(path: Path, shape: Shape, *, rank: int = 16, seed: int = 1) -> None:
    """A LoRA of random numbers on every matrix of a body's layers, in F16 as trained ones are kept."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for name, rows, columns in _matrices(shape, 0):
        if name.split(".")[-2] in _LINEAR:
            for part, size in (("lora_a", (rank, columns)), ("lora_b", (rows, rank))):
                weights = random.standard_normal(size, np.float32) * np.float32(0.01)
                writer.add_tensor(f"{name}.{part}", weights.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _matrices(shape: Shape, vocabulary: int) -> Iterator[tuple[str, int, int]]:
    """Name, rows and columns of each matrix."""
    hidden, wide = shape.hidden, shape.feed_forward
    shared = hidden // shape.heads * shape.kv_heads
    yield "token_embd.weight", vocabulary, hidden
    sizes = {
        "attn_q": (hidden, hidden), "attn_k": (shared, hidden), "attn_v": (shared, hidden),
        "attn_output": (hidden, hidden), "ffn_gate": (wide, hidden), "ffn_up": (wide, hidden),
        "ffn_down": (hidden, wide),
    }  # fmt: skip
    for layer in range(shape.layers):
        for part in _LINEAR:
            yield f"blk.{layer}.{part}.weight", *sizes[part]


def _noise(random: np.random.Generator, rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """Q8_0: to every 32 numbers a scale in half precision, then the numbers, a byte each."""
    blocks = np.empty((rows, columns // _BLOCK, 2 + _BLOCK), np.uint8)
    scale = np.array([1 / (_SPREAD * np.sqrt(columns))], np.float16)
    blocks[:, :, :2] = scale.view(np.uint8)
    blocks[:, :, 2:] = np.frombuffer(random.bytes(rows * columns), np.uint8).reshape(rows, -1, _BLOCK)
    return blocks.reshape(rows, -1)
