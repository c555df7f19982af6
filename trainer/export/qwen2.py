"""A Qwen2 checkpoint as GGUF, by the `gguf` package alone: weights, tokenizer, chat template, parameters.

Promises the same logits as transformers within 1e-3 in F32, and the same tokens. Refuses what it does not know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors import safe_open

ARCHITECTURE = "qwen2"
_WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_IN_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


class ExportError(Exception):
    """The checkpoint cannot be turned into GGUF; the message says why."""


@dataclass(frozen=True, slots=True)
class About:
    """What the file says of itself."""

    name: str
    licence: str
    description: str
    context: int


def gguf_name(tensor: str) -> str:
    """llama.cpp's name for a tensor of transformers."""
    if tensor in _WHOLE:
        return _WHOLE[tensor]
    match tensor.split("."):
        case ["model", "layers", layer, *part, kind] if ".".join(part) in _IN_LAYER:
            return f"blk.{layer}.{_IN_LAYER['.'.join(part)]}.{kind}"
    raise ExportError(f"no place in GGUF is known for the tensor {tensor!r}")


def convert(checkpoint: Path, target: Path, about: About, quantization: gguf.GGMLQuantizationType) -> None:
    """Writes `checkpoint` (a folder saved by transformers) to `target`, whole or not at all.

    `quantization` is F32, F16 or Q8_0 and is used for matrices; vectors stay F32. Raises ExportError.
    """
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    if config["architectures"] != ["Qwen2ForCausalLM"]:
        raise ExportError(f"only Qwen2ForCausalLM is known, not {config['architectures']}")
    partial = target.with_name(target.name + ".partial")
    writer = gguf.GGUFWriter(partial, ARCHITECTURE)
    try:
        _add_parameters(writer, config, about, quantization)
        _add_tokenizer(writer, checkpoint, config["vocab_size"])
        _add_tensors(writer, checkpoint, config, quantization)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    except BaseException:
        writer.close()
        partial.unlink(missing_ok=True)
        raise
    writer.close()
    partial.replace(target)


def _add_parameters(
    writer: gguf.GGUFWriter, config: dict[str, Any], about: About, quantization: gguf.GGMLQuantizationType
) -> None:
    writer.add_name(about.name)
    writer.add_license(about.licence)
    writer.add_description(about.description)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(about.context)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    # transformers 5 keeps the base under rope_parameters, earlier ones at the top.
    writer.add_rope_freq_base(
        config["rope_parameters"]["rope_theta"] if "rope_parameters" in config else config["rope_theta"]
    )
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    file_types = {
        gguf.GGMLQuantizationType.F32: gguf.LlamaFileType.ALL_F32,
        gguf.GGMLQuantizationType.F16: gguf.LlamaFileType.MOSTLY_F16,
        gguf.GGMLQuantizationType.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    }
    if quantization not in file_types:
        raise ExportError(f"{quantization.name} is not written here; F32, F16 and Q8_0 are")
    writer.add_file_type(file_types[quantization])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_tokenizer(writer: gguf.GGUFWriter, checkpoint: Path, vocabulary: int) -> None:
    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text("utf-8"))
    settings = json.loads((checkpoint / "tokenizer_config.json").read_text("utf-8"))
    tokens = [f"[PAD{i}]" for i in range(vocabulary)]
    types = [gguf.TokenType.UNUSED] * vocabulary
    for token, index in tokenizer["model"]["vocab"].items():
        tokens[index], types[index] = token, gguf.TokenType.NORMAL
    ids = {}
    for added in tokenizer["added_tokens"]:
        index = ids[added["content"]] = added["id"]
        tokens[index] = added["content"]
        types[index] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(ARCHITECTURE)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_eos_token_id(ids[settings["eos_token"]])
    writer.add_pad_token_id(ids[settings["pad_token"]])
    writer.add_bos_token_id(ids[settings["pad_token"]])
    writer.add_add_bos_token(False)
    template = checkpoint / "chat_template.jinja"
    writer.add_chat_template(template.read_text("utf-8") if template.exists() else settings["chat_template"])


def _add_tensors(
    writer: gguf.GGUFWriter, checkpoint: Path, config: dict[str, Any], quantization: gguf.GGMLQuantizationType
) -> None:
    for file in sorted(checkpoint.glob("*.safetensors")):
        with safe_open(file, "np") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (a safetensors file is no dict)
                if name == "lm_head.weight" and config["tie_word_embeddings"]:
                    continue
                values = tensors.get_tensor(name)
                if values.ndim == 1 or quantization is gguf.GGMLQuantizationType.F32:
                    writer.add_tensor(gguf_name(name), values.astype(np.float32))
                elif quantization is gguf.GGMLQuantizationType.F16:
                    writer.add_tensor(gguf_name(name), values.astype(np.float16))
                else:
                    packed = gguf.quants.quantize(values.astype(np.float32), quantization)
                    writer.add_tensor(gguf_name(name), packed, raw_dtype=quantization)
