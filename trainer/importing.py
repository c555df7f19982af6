"""The inverse of the export: the starter's GGUF as a checkpoint that transformers reads and training goes on from.

Promises the same tokens and, but for what its quantisation lost, the same weights. Knows no model but the starter.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import gguf
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from trainer.errors import TrainingError
from trainer.export.qwen2 import ARCHITECTURE, gguf_name
from trainer.tokenizer import CONTROL, assembled

_OTHER_MODEL = "Take the starter that came with Recollect, or for another model the folder that it was made from."


def starter_checkpoint(source: Path, folder: Path) -> Path:
    """Writes the starter at `source` to `folder`, whole or not at all, and returns that; once, if it is there already.

    Weights become float32. Raises TrainingError if `source` is no starter.
    """
    if folder.exists():
        return folder
    try:
        reader = gguf.GGUFReader(source)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{source} cannot be read as GGUF ({error}).", _OTHER_MODEL) from error
    told = {name: field.contents() for name, field in reader.fields.items()}
    tokens = told.get("tokenizer.ggml.tokens", [])
    if told["general.architecture"] != ARCHITECTURE or tokens[: len(CONTROL)] != CONTROL:
        raise TrainingError(f"{source} is not the starter: its architecture or its tokens are others.", _OTHER_MODEL)
    tokenizer = assembled(tokens, [(left, right) for left, right in map(str.split, told["tokenizer.ggml.merges"])])
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    model = Qwen2ForCausalLM(_config(told, len(tokens), tied="output.weight" not in tensors))
    with torch.no_grad():
        for name, weights in model.named_parameters():
            tensor = tensors[gguf_name(name)]
            weights.copy_(torch.tensor(gguf.quants.dequantize(tensor.data, tensor.tensor_type)))
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    partial.replace(folder)
    return folder


def _config(told: dict[str, Any], vocabulary: int, *, tied: bool) -> Qwen2Config:
    def of_model(name: str) -> Any:
        return told[f"{ARCHITECTURE}.{name}"]

    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=of_model("embedding_length"),
        intermediate_size=of_model("feed_forward_length"),
        num_hidden_layers=of_model("block_count"),
        num_attention_heads=of_model("attention.head_count"),
        num_key_value_heads=of_model("attention.head_count_kv"),
        max_position_embeddings=of_model("context_length"),
        rms_norm_eps=of_model("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": of_model("rope.freq_base")},
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=told["tokenizer.ggml.eos_token_id"],
        pad_token_id=told["tokenizer.ggml.padding_token_id"],
    )
