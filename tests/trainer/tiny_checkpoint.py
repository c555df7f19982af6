"""A tiny Qwen2 with random weights as transformers saves it, whose tokens are bytes, a few pairs and ChatML's control
tokens."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from trainer.tokenizer import CONTROL, assembled

MERGES = [("Ġ", "t"), ("U", "s"), ("e", "r"), ("Us", "er"), ("Ġ", "User"), ("i", "m"), ("im", "_")]
CONTEXT = 512


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    return assembled([*CONTROL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(a + b for a, b in MERGES)], MERGES)


def tiny_qwen2(seed: int = 0, context: int = CONTEXT) -> Qwen2ForCausalLM:
    """Ends a completion now and then."""
    tokenizer = tiny_tokenizer()
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():  # Biases and norms that are not all zero or one, so that losing one shows.
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights) * 0.15)
    return model.eval()


def tiny_checkpoint(folder: Path, seed: int = 0, context: int = CONTEXT) -> Path:
    tiny_qwen2(seed, context).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
