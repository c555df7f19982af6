"""Initial weights in which a copying circuit is laid out, for models too small to find one quickly by themselves.

An induction circuit takes two layers: a head that attends to the token before, then heads that attend to whatever
followed the current token earlier on, and write it to the output (Olsson et al. 2022, arXiv 2209.11895). Here both are
drawn in by hand: the first through Qwen2's query and key biases, which rotary positions turn into "one step back", the
others through random projections of the embedding. Training goes on from there and may change all of it.
"""

from __future__ import annotations

import math

import torch
from transformers import Qwen2ForCausalLM

PREVIOUS_SHARPNESS = 6.0
MATCH_SHARPNESS = 4.0
WRITE = 4.0


@torch.no_grad()
def lay_out_copying(model: Qwen2ForCausalLM, seed: int) -> None:
    """Draws the circuit into layers 0 and 1 of `model`, in place. All heads of layer 1 take part, one of layer 0."""
    config = model.config
    size, heads = config.hidden_size, config.num_attention_heads
    head = size // heads
    half = head // 2
    generator = torch.Generator().manual_seed(seed)
    embedding_scale = float(model.model.embed_tokens.weight.std())
    angles = config.rope_parameters["rope_theta"] ** (-torch.arange(half) / half)

    def projection(rows: int) -> torch.Tensor:
        """(rows, size) orthonormal rows."""
        return torch.linalg.qr(torch.randn(size, rows, generator=generator))[0].T

    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    before = slice(0, head)
    for linear in (first.q_proj, first.k_proj):
        linear.weight[before].zero_()
    first.q_proj.bias[before] = torch.cat([torch.full((half,), PREVIOUS_SHARPNESS), torch.zeros(half)])
    first.k_proj.bias[before] = PREVIOUS_SHARPNESS * torch.cat([angles.cos(), angles.sin()])
    seen, written = projection(head), projection(head)
    first.v_proj.weight[before] = seen
    first.o_proj.weight[:, before] = embedding_scale * math.sqrt(size / head) * written.T

    slow = torch.arange(head)[torch.cat([angles, angles]) < 0.02]
    for n in range(heads):
        own = slice(n * head, (n + 1) * head)
        mix = torch.linalg.qr(torch.randn(head, head, generator=generator))[0][: len(slow)]
        for linear, reads in ((second.q_proj, seen), (second.k_proj, written)):
            linear.weight[own].zero_()
            linear.weight[own][slow] = MATCH_SHARPNESS * (mix @ reads)
        copied = projection(head)
        second.v_proj.weight[own] = copied
        second.o_proj.weight[:, own] = WRITE * embedding_scale * copied.T
