"""A BERT sentence model, from safetensors to a GGUF that llama.cpp reads (Q8_0).

Promises the same tokens and, but for quantising, the same numbers. Needs numpy and the gguf package, no torch. Knows
nothing of where the files come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

_TOP = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_SPECIAL = {"[PAD]": "pad", "[UNK]": "unk", "[CLS]": "bos", "[SEP]": "sep", "[MASK]": "mask"}
_UNUSED = ("pooler.", "embeddings.position_ids")
"""Weights that take no part in the mean of the token vectors."""


@dataclass(frozen=True)
class BertSource:
    """What a BERT model consists of: its config.json, the lines of its vocab.txt, and its model.safetensors."""

    config: Mapping[str, Any]
    vocabulary: list[str]
    safetensors: bytes


def read_safetensors(data: bytes) -> dict[str, npt.NDArray[np.float32]]:
    """The F32 tensors in the bytes of a safetensors file, by name; others raise ValueError.

    The form: eight bytes of little-endian length, so many bytes of JSON with types, shapes and offsets, the numbers.
    """
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(data[8 + length + begin : 8 + length + end], "<f4").reshape(entry["shape"])
        elif not name.startswith(_UNUSED):
            raise ValueError(f"{name} is {entry['dtype']}, not F32")
    return tensors


def write_bert_gguf(source: BertSource, path: Path) -> None:
    """Writes `source` to `path`."""
    writer = gguf.GGUFWriter(path, "bert")
    try:
        _add_shape(writer, source.config)
        _add_vocabulary(writer, source.vocabulary)
        for name, tensor in read_safetensors(source.safetensors).items():
            if not name.startswith(_UNUSED):
                _add_tensor(writer, _gguf_name(name), tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_shape(writer: gguf.GGUFWriter, config: Mapping[str, Any]) -> None:
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: list[str]) -> None:
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")
    writer.add_token_list([_gguf_token(token) for token in vocabulary])
    writer.add_token_types(
        [gguf.TokenType.CONTROL if token in _SPECIAL else gguf.TokenType.NORMAL for token in vocabulary]
    )
    for token, role in _SPECIAL.items():
        getattr(writer, f"add_{role}_token_id")(vocabulary.index(token))
    writer.add_eos_token_id(vocabulary.index("[SEP]"))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)


def _gguf_token(token: str) -> str:
    """WordPiece marks what continues a word ("##ing"), llama.cpp what begins one ("\\u2581play")."""
    if token in _SPECIAL:
        return token
    return token[2:] if token.startswith("##") else f"\u2581{token}"


def _gguf_name(name: str) -> str:
    if name in _TOP:
        return _TOP[name]
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{_LAYER[part]}.{kind}"


def _add_tensor(writer: gguf.GGUFWriter, name: str, tensor: npt.NDArray[np.float32]) -> None:
    """Matrices in Q8_0; positions, types, norms and biases are small, and llama.cpp keeps them in F32 itself."""
    if tensor.ndim == 2 and name not in ("position_embd.weight", "token_types.weight"):
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(tensor, kind), raw_dtype=kind)
    else:
        writer.add_tensor(name, tensor)
