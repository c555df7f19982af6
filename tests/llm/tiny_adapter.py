"""A tiny LoRA with random weights, as GGUF, and what its base becomes when it is merged into it."""

from __future__ import annotations

import shutil
from pathlib import Path

import gguf
import numpy as np

from assistant.llm.files.manifest import Adapter, ModelFile

RANK = 4
ALPHA = 6.0


def tiny_adapter(path: Path, base: ModelFile, *, seed: int = 0, architecture: str = "qwen2") -> Adapter:
    """Writes to `path` a LoRA that changes every matrix of `base` but the token embeddings, by much."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", ALPHA)
    for tensor in gguf.GGUFReader(base.path).tensors:
        if tensor.data.ndim == 2 and tensor.name != "token_embd.weight":
            rows, columns = tensor.data.shape
            a = random.standard_normal((RANK, columns)) / np.sqrt(columns)
            b = random.standard_normal((rows, RANK)) / np.sqrt(RANK)
            writer.add_tensor(f"{tensor.name}.lora_a", a.astype(np.float32))
            writer.add_tensor(f"{tensor.name}.lora_b", b.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Adapter(path, size=path.stat().st_size)


def merged(path: Path, base: ModelFile, adapter: Adapter) -> ModelFile:
    """Writes to `path` the model that `base` is with `adapter`: W + alpha / rank * B A."""
    shutil.copy(base.path, path)
    low = {tensor.name: tensor.data for tensor in gguf.GGUFReader(adapter.path).tensors}
    reader = gguf.GGUFReader(path, "r+")
    for tensor in reader.tensors:
        if f"{tensor.name}.lora_a" in low:
            tensor.data[:] += ALPHA / RANK * low[f"{tensor.name}.lora_b"] @ low[f"{tensor.name}.lora_a"]
    reader.data.flush()
    return ModelFile(name=path.stem, path=path, size=path.stat().st_size, context=base.context)
