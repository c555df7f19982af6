"""A Qwen2 model with a body of random weights and the tokenizer of another GGUF: real costs, words that mean nothing.

Promises the same file for the same tokenizer, shape and seed. What a token costs does not depend on what the weights
have learned; how many tokens a text is depends on the tokenizer, and that one is real.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
TOKENS = "tokenizer.ggml.tokens"


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a body; `hidden` and `feed_forward` are multiples of 32, which Q8_0 packs together.

    `kv_heads` share the keys and values between several of the `heads`, as newer models do: with one for each, a long
    prompt would cost several times as much as it does with these.
    """

    hidden: int = 512
    layers: int = 8
    feed_forward: int = 1536
    heads: int = 8
    kv_heads: int = 2
    context: int = 24_576


REAL = Shape()
"""The size of a small model that people use, with room for the longest prompt measured here and its reply."""


def write_body(path: Path, tokenizer: Path, *, shape: Shape = REAL, seed: int = 1) -> None:
    """Writes the model to `path` in Q8_0, with the tokenizer of the GGUF at `tokenizer`."""
    fields = gguf.GGUFReader(tokenizer).fields
    writer = gguf.GGUFWriter(path, "qwen2")
    add_shape(writer, shape)
    for name, field in fields.items():
        if name.startswith("tokenizer."):
            writer.add_key_value(name, field.contents(), field.types[0], field.types[-1] if field.types[1:] else None)
    kind = gguf.GGMLQuantizationType.Q8_0
    for name, tensor in _tensors(np.random.default_rng(seed), shape, len(fields[TOKENS].data)):
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor)
        else:
            writer.add_tensor(name, gguf.quants.quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """Writes what a Qwen2 of that shape says of itself."""
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _tensors(random: np.random.Generator, shape: Shape, vocabulary: int) -> Iterator[tuple[str, Matrix]]:
    """Without an output matrix: the embeddings are used for it, as small Qwen2 models do."""

    def matrix(rows: int, columns: int) -> Matrix:
        return random.standard_normal((rows, columns), np.float32) / np.float32(np.sqrt(columns))

    hidden, wide = shape.hidden, shape.feed_forward
    shared = hidden // shape.heads * shape.kv_heads
    yield "token_embd.weight", matrix(vocabulary, hidden)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        yield f"{block}.attn_norm.weight", np.ones(hidden, np.float32)
        for part, rows in (("q", hidden), ("k", shared), ("v", shared)):
            yield f"{block}.attn_{part}.weight", matrix(rows, hidden)
            yield f"{block}.attn_{part}.bias", np.zeros(rows, np.float32)
        yield f"{block}.attn_output.weight", matrix(hidden, hidden)
        yield f"{block}.ffn_norm.weight", np.ones(hidden, np.float32)
        yield f"{block}.ffn_gate.weight", matrix(wide, hidden)
        yield f"{block}.ffn_up.weight", matrix(wide, hidden)
        yield f"{block}.ffn_down.weight", matrix(hidden, wide)
    yield "output_norm.weight", np.ones(hidden, np.float32)
