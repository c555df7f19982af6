"""A tiny Qwen2 model with random weights, as GGUF: real llama.cpp at test speed, whose words mean nothing.

Its vocabulary is every byte and the ChatML control tokens; its weights come from a seed, so that it says the same
nonsense in every run.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

from assistant.llm.files.manifest import ModelFile

CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def byte_alphabet() -> list[str]:
    """The 256 printable characters that stand for the bytes in a byte-level vocabulary (GPT-2's table), by byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(others)}
    return [table[byte] for byte in range(256)]


def tiny_model(
    path: Path,
    *,
    seed: int = 0,
    context: int = 1024,
    hidden: int = 64,
    layers: int = 2,
    ends: bool = True,
) -> ModelFile:
    """Writes the model to `path`. One with `ends=False` hardly ever stops: its end token never leads."""
    alphabet = byte_alphabet()
    # One merge, because an empty list of merges cannot be written: a space and a "t", as in " the".
    tokens = [*alphabet, f"{alphabet[32]}t", *CONTROL_TOKENS]
    writer = gguf.GGUFWriter(path, "qwen2")
    add_shape(writer, context, hidden, layers)
    _add_vocabulary(writer, tokens, merges=[f"{alphabet[32]} t"])
    for name, tensor in random_tensors(np.random.default_rng(seed), hidden, layers, tokens, ends=ends).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return ModelFile(name=path.stem, path=path, size=path.stat().st_size, context=context)


def add_shape(writer: gguf.GGUFWriter, context: int, hidden: int, layers: int) -> None:
    writer.add_block_count(layers)
    writer.add_context_length(context)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(2 * hidden)
    writer.add_head_count(hidden // 32)
    writer.add_head_count_kv(hidden // 32)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _add_vocabulary(writer: gguf.GGUFWriter, tokens: list[str], merges: list[str]) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if token in CONTROL_TOKENS else gguf.TokenType.NORMAL for token in tokens]
    )
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)


def random_tensors(
    random: np.random.Generator, hidden: int, layers: int, tokens: list[str], *, ends: bool
) -> dict[str, npt.NDArray[np.float32]]:
    def matrix(rows: int, columns: int) -> npt.NDArray[np.float32]:
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    tensors = {"token_embd.weight": random.standard_normal((len(tokens), hidden)).astype(np.float32)}
    for layer in range(layers):
        block = f"blk.{layer}"
        tensors[f"{block}.attn_norm.weight"] = np.ones(hidden, np.float32)
        for part in ("q", "k", "v"):
            tensors[f"{block}.attn_{part}.weight"] = matrix(hidden, hidden)
            tensors[f"{block}.attn_{part}.bias"] = np.zeros(hidden, np.float32)
        tensors[f"{block}.attn_output.weight"] = matrix(hidden, hidden)
        tensors[f"{block}.ffn_norm.weight"] = np.ones(hidden, np.float32)
        tensors[f"{block}.ffn_gate.weight"] = matrix(2 * hidden, hidden)
        tensors[f"{block}.ffn_up.weight"] = matrix(2 * hidden, hidden)
        tensors[f"{block}.ffn_down.weight"] = matrix(hidden, 2 * hidden)
    tensors["output_norm.weight"] = np.ones(hidden, np.float32)
    output = 2 * matrix(len(tokens), hidden)
    if not ends:
        # A zero row has logit 0, and the best of 256 random logits is above it.
        for token in ("<|endoftext|>", "<|im_end|>"):
            output[tokens.index(token)] = 0.0
    tensors["output.weight"] = output
    return tensors
