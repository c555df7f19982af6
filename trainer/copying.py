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
MATCH_SHARPNESS = 5.0
WRITE = 8.0
SLOW = 0.02
"""Radians a token: what rotates less hardly changes over a prompt, and is free to compare tokens by content."""


@torch.no_grad()
def lay_out_copying(model: Qwen2ForCausalLM, seed: int) -> None:
    """Draws the circuit into layers 0 and 1 of `model`, in place: two heads of layer 0, all of layer 1.

    One token is often not enough to know a place by ("m" in the middle of a name), so the two tokens before a place are
    compared with the current one and the one before it.
    """
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
    itself = projection(head)
    one_back, two_back = projection(head), projection(head)
    for back, written in enumerate((one_back, two_back), 1):
        own = slice((back - 1) * head, back * head)
        for linear in (first.q_proj, first.k_proj):
            linear.weight[own].zero_()
        first.q_proj.bias[own] = torch.cat([torch.full((half,), PREVIOUS_SHARPNESS), torch.zeros(half)])
        turned = back * angles
        first.k_proj.bias[own] = PREVIOUS_SHARPNESS * torch.cat([turned.cos(), turned.sin()])
        first.v_proj.weight[own] = itself
        first.o_proj.weight[:, own] = embedding_scale * math.sqrt(size / head) * written.T

    slow = torch.arange(head)[torch.cat([angles, angles]) < SLOW]
    for n in range(heads):
        own = slice(n * head, (n + 1) * head)
        for linear in (second.q_proj, second.k_proj):
            linear.weight[own].zero_()
        compared = ((itself, one_back), (one_back, two_back))
        for (wanted, found), dimensions in zip(compared, slow.chunk(2), strict=True):
            mix = torch.linalg.qr(torch.randn(head, head, generator=generator))[0][: len(dimensions)]
            second.q_proj.weight[own.start + dimensions] = MATCH_SHARPNESS * (mix @ wanted)
            second.k_proj.weight[own.start + dimensions] = MATCH_SHARPNESS * (mix @ found)
        copied = projection(head)
        second.v_proj.weight[own] = copied
        second.o_proj.weight[:, own] = WRITE * embedding_scale * copied.T
