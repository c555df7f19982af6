"""Two ways to go on from prompts token by token: through any model's own forward, and a faster one for some.

Promises that both give the logits that each completion would have alone. Knows nothing of how tokens are chosen.

Where the time goes in `generate` of transformers, and what is done about it: each prompt is read once for each of its
completions, and its keys are kept as often and copied anew with every token. Here all completions of a prompt attend
to one copy of its keys, which never moves.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from transformers import DynamicCache, LlamaForCausalLM, Qwen2ForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

ROOM = 32
"""Tokens for which keys have room at first; it doubles when it is used up."""
ROPES_BY_POSITION = frozenset({"default", "linear", "llama3", "yarn"})
"""Rotations that follow from a token's position alone, not from the length of the whole."""


class Decoder(Protocol):
    """Reads prompts and goes on from them, in places: (prompts, completions of each)."""

    def read(self, prompts: torch.Tensor, mask: torch.Tensor, completions: int) -> torch.Tensor:
        """(prompts, vocabulary) logits after `prompts`, (prompts, length) padded on the left; `mask` is 0 there."""

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """(prompts, completions, vocabulary) logits after one more token in each place."""

    def keep(self, prompts: torch.Tensor, places: torch.Tensor) -> None:
        """Goes on with some `prompts` alone, and of each with the completions at `places`, (prompts, fewer)."""


def decoder_of(model: Any, *, plainly: bool = False) -> Decoder:
    """The fastest that `model` allows, or if `plainly` that for any."""
    inner: Any = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not plainly and isinstance(inner, Qwen2ForCausalLM | LlamaForCausalLM):
        config: Any = inner.config
        sliding = any(kind != "full_attention" for kind in getattr(config, "layer_types", None) or ())
        if not sliding and config.rope_parameters.get("rope_type", "default") in ROPES_BY_POSITION:
            return _SharedPrompts(inner)
    return _AnyModel(model)


class _AnyModel:
    """Goes through the model's own forward, with a copy of the prompt's keys for each completion."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: Any = None

    def read(self, prompts: torch.Tensor, mask: torch.Tensor, completions: int) -> torch.Tensor:
        self._each = completions
        position = mask.cumsum(1) - 1
        read = self._model(
            input_ids=prompts,
            attention_mask=mask,
            position_ids=position.clamp_min(0),
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = read.past_key_values
        row = torch.arange(len(prompts), device=prompts.device).repeat_interleave(completions)
        self._mask, self._position = mask, position[:, -1:] + 1
        self._take(row)
        logits: torch.Tensor = read.logits[:, -1]
        return logits

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        self._mask = torch.cat([self._mask, torch.ones_like(self._mask[:, :1])], 1)
        read = self._model(
            input_ids=tokens.reshape(-1, 1),
            attention_mask=self._mask,
            position_ids=self._position,
            past_key_values=self._cache,
            use_cache=True,
        )
        self._position = self._position + 1
        logits: torch.Tensor = read.logits[:, -1]
        return logits.view(*tokens.shape, -1)

    def keep(self, prompts: torch.Tensor, places: torch.Tensor) -> None:
        self._take((prompts[:, None] * self._each + places).flatten())
        self._each = places.shape[1]

    def _take(self, row: torch.Tensor) -> None:
        self._cache.reorder_cache(row)
        self._mask, self._position = self._mask[row], self._position[row]


class _SharedPrompts:
    """Goes through the layers of a Qwen2 or Llama itself; all completions of a prompt attend to the same keys.

    P prompts, C completions of each, K heads with keys, R heads that ask each of those, D the width of a head.
    """

    def __init__(self, model: Any) -> None:
        self._base, self._head = model.model, model.lm_head
        config = model.config
        self._keys_heads = config.num_key_value_heads
        self._askers = config.num_attention_heads // config.num_key_value_heads
        self._prompt: list[tuple[torch.Tensor, torch.Tensor]] = []
        """For each layer keys, (P, K, D, length), and values, (P, K, length, D)."""
        self._own: list[tuple[torch.Tensor, torch.Tensor]] = []
        """For each layer keys and values of what was written: (P, C, K, room, D)."""
        self._written = 0

    def read(self, prompts: torch.Tensor, mask: torch.Tensor, completions: int) -> torch.Tensor:
        position = mask.cumsum(1) - 1
        cache: Any = DynamicCache()
        hidden = self._base(
            input_ids=prompts,
            attention_mask=mask,
            position_ids=position.clamp_min(0),
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state[:, -1]
        self._prompt = [(layer.keys.transpose(2, 3).contiguous(), layer.values) for layer in cache.layers]
        keys = self._prompt[0][0]
        self._barred = torch.zeros(mask.shape, dtype=keys.dtype, device=mask.device)
        self._barred = self._barred.masked_fill_(mask == 0, -torch.inf)[:, None, None]
        self._position = (position[:, -1:] + 1).expand(-1, completions)
        empty = keys.new_zeros(len(prompts), completions, self._keys_heads, ROOM, keys.shape[2])
        self._own = [(empty.clone(), empty.clone()) for _ in self._prompt]
        logits: torch.Tensor = self._head(hidden)
        return logits

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        if self._written == self._own[0][0].shape[3]:
            self._own = [(_longer(keys), _longer(values)) for keys, values in self._own]
        stream = self._base.embed_tokens(tokens)
        turn = self._base.rotary_emb(stream, position_ids=self._position)
        for number, layer in enumerate(self._base.layers):
            attention, normed = layer.self_attn, layer.input_layernorm(stream)
            parts = (attention.q_proj(normed), attention.k_proj(normed), attention.v_proj(normed))
            seen = self._attend(number, attention, *parts, turn)
            stream = stream + attention.o_proj(seen)
            stream = stream + layer.mlp(layer.post_attention_layernorm(stream))
        self._written += 1
        self._position = self._position + 1
        logits: torch.Tensor = self._head(self._base.norm(stream))
        return logits

    def keep(self, prompts: torch.Tensor, places: torch.Tensor) -> None:
        left = (prompts[:, None], places)
        if len(prompts) < len(self._position):
            self._prompt = [(keys[prompts], values[prompts]) for keys, values in self._prompt]
            self._barred = self._barred[prompts]
        self._own = [(keys[left], values[left]) for keys, values in self._own]
        self._position = self._position[left]

    def _attend(
        self,
        number: int,
        attention: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        turn: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """(P, C, heads x D) what the newest tokens find in their prompt, and in what was written before them."""
        p, c, _ = query.shape
        k, r, d = self._keys_heads, self._askers, attention.head_dim
        query, key = apply_rotary_pos_emb(query.view(p, c, -1, d), key.view(p, c, -1, d), *turn, unsqueeze_dim=2)
        (prompt_keys, prompt_values), (own_keys, own_values) = self._prompt[number], self._own[number]
        own_keys[:, :, :, self._written], own_values[:, :, :, self._written] = key, value.view(p, c, k, d)
        own_keys, own_values = own_keys[:, :, :, : self._written + 1], own_values[:, :, :, : self._written + 1]
        asked = (query * attention.scaling).view(p, c, k, r, d)
        together = asked.transpose(1, 2).reshape(p, k, c * r, d)
        of_prompt = together @ prompt_keys + self._barred
        of_own = (asked @ own_keys.transpose(3, 4)).transpose(1, 2).reshape(p, k, c * r, -1)
        weights = torch.cat([of_prompt, of_own], -1).float().softmax(-1).to(asked.dtype)
        length = of_prompt.shape[-1]
        found = (weights[..., :length] @ prompt_values).view(p, k, c, r, d).transpose(1, 2)
        found = found + weights[..., length:].reshape(p, k, c, r, -1).transpose(1, 2) @ own_values
        return found.reshape(p, c, -1)


def _longer(kept: torch.Tensor) -> torch.Tensor:
    """With twice the room."""
    return torch.cat([kept, torch.zeros_like(kept)], 3)
