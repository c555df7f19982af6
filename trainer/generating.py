"""Completions of many prompts at once by a transformers model: fast, and the same by a seed whatever the batch.

Promises that a prompt is read once for all its completions, that what has ended costs no more time, and that each
completion depends on its own prompt and seed alone (but for the rounding of sums of another size). Knows nothing of
text and of agents.

Where the time goes in `generate` of transformers, and what is done about it: each prompt is read once for each of its
completions, and its keys are kept as often and copied anew with every token. Here all completions of a prompt attend
to one copy of its keys, which never moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from transformers import DynamicCache, LlamaForCausalLM, PreTrainedModel, Qwen2ForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

ROWS = 128
"""Completions that are written at once."""
FEWER = 0.75
"""Those that have ended leave when so many of the places, or fewer, are enough for the others."""
ROOM = 32
"""Tokens for which keys have room at first; it doubles when it is used up."""
ROPES_BY_POSITION = frozenset({"default", "linear", "llama3", "yarn"})
"""Rotations that follow from a token's position alone, not from the length of the whole."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A completion of `prompt` for each of `seeds`, of at most `room` tokens (at least 1)."""

    prompt: tuple[int, ...]
    seeds: tuple[int, ...]
    room: int


@torch.no_grad()
def generate(
    model: PreTrainedModel,
    wanted: Sequence[Wanted],
    *,
    temperature: float,
    ends: frozenset[int],
    pad: int,
    rows: int = ROWS,
    plainly: bool = False,
) -> list[list[tuple[int, ...]]]:
    """The tokens of all completions, each through its first token of `ends` if it came to one.

    Greedy at `temperature` 0. About `rows` completions are written at once. `plainly` goes through the model's own
    forward even where there is a faster way.
    """
    training = model.training
    model.eval()
    try:
        found: list[list[tuple[int, ...]]] = [[] for _ in wanted]
        for numbers in batches([(len(one.prompt), len(one.seeds)) for one in wanted], rows):
            decoder = _decoder(model, plainly)
            batch = _Batch([wanted[n] for n in numbers], temperature, ends, model.device)
            for number, completions in zip(numbers, batch.write(decoder, pad), strict=True):
                found[number] = completions
        return found
    finally:
        model.train(training)


def batches(sizes: Sequence[tuple[int, int]], rows: int) -> Iterator[list[int]]:
    """The numbers of prompts of `sizes` (length, completions) that are read together: alike in length, longest first.

    A batch has at most `rows` completions, or a single prompt.
    """
    batch: list[int] = []
    most = 0
    for number in sorted(range(len(sizes)), key=lambda n: (-sizes[n][0], -sizes[n][1], n)):
        count = max(most, sizes[number][1])
        if batch and count * (len(batch) + 1) > rows:
            yield batch
            batch, count = [], sizes[number][1]
        batch.append(number)
        most = count
    if batch:
        yield batch


def choose(logits: torch.Tensor, temperature: float, chances: torch.Tensor) -> torch.Tensor:
    """A token for each row of `logits`, (..., vocabulary): the best one at `temperature` 0, else by `chances`.

    Chances, (...) from 0 to below 1, are where on the line of all probabilities the token lies; one number a token is
    much faster than one for each that it could have been.
    """
    if temperature == 0:
        return logits.argmax(-1)
    heaped = torch.softmax(logits.float() / temperature, -1).cumsum(-1)
    total = heaped[..., -1:]
    chosen = torch.searchsorted(heaped, chances[..., None].to(heaped) * total, right=True)
    # Rounding could lead past the last token that has a probability at all.
    return torch.minimum(chosen, torch.searchsorted(heaped, total))[..., 0]


def chances(seed: int, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(count,) the numbers from 0 to below 1 by which a completion is drawn, token by token."""
    return np.random.default_rng(seed).random(count, np.float32)


class Decoder(Protocol):
    """Reads prompts and goes on from them, in places: (prompts, completions of each)."""

    def read(self, prompts: torch.Tensor, mask: torch.Tensor, completions: int) -> torch.Tensor:
        """(prompts, vocabulary) logits after `prompts`, (prompts, length) padded on the left; `mask` is 0 there."""

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """(prompts, completions, vocabulary) logits after one more token in each place."""

    def keep(self, prompts: torch.Tensor, places: torch.Tensor) -> None:
        """Goes on with some `prompts` alone, and of each with the completions at `places`, (prompts, fewer)."""


class _Batch:
    """Completions that are written together. Each is in a place (prompt, completion); `row` says which one it is."""

    def __init__(
        self, wanted: Sequence[Wanted], temperature: float, ends: frozenset[int], device: torch.device
    ) -> None:
        self._wanted, self._temperature, self._device = wanted, temperature, device
        self._ends = torch.tensor(sorted(ends), device=device)
        self._each = max(len(one.seeds) for one in wanted)
        shape = (len(wanted), self._each)
        self._longest = max(one.room for one in wanted)
        self._row = torch.arange(shape[0] * shape[1], device=device).view(shape)
        self._alive = torch.tensor([[n < len(one.seeds) for n in range(self._each)] for one in wanted], device=device)
        self._room = torch.tensor([one.room for one in wanted], device=device)[:, None].expand(shape)
        self._chances = torch.zeros(shape[0] * shape[1], self._longest if temperature else 1)
        if temperature:
            for p, one in enumerate(wanted):
                for c, seed in enumerate(one.seeds):
                    self._chances[p * self._each + c, : one.room] = torch.from_numpy(chances(seed, one.room))
        self._chances = self._chances.to(device)

    def write(self, decoder: Decoder, pad: int) -> list[list[tuple[int, ...]]]:
        """All completions, in the order of what was wanted."""
        rows = self._row.numel()
        written = torch.full((rows, self._longest), pad, device=self._device)
        lengths = torch.zeros(rows, dtype=torch.long, device=self._device)
        logits = decoder.read(*self._padded(pad), self._each)[:, None].expand(-1, self._each, -1)
        for step in range(self._longest):
            chosen = choose(logits, self._temperature, self._chances[self._row, step if self._temperature else 0])
            written[self._row[self._alive], step] = chosen[self._alive]
            lengths[self._row[self._alive]] = step + 1
            self._alive = self._alive & ~torch.isin(chosen, self._ends) & (step + 1 < self._room)
            left = self._left(decoder)
            if left is None:
                break
            logits = decoder.step(chosen[left])
        return self._told(written.tolist(), lengths.tolist())

    def _told(self, written: list[list[int]], lengths: list[int]) -> list[list[tuple[int, ...]]]:
        starts = (p * self._each for p in range(len(self._wanted)))
        return [
            [tuple(written[start + c][: lengths[start + c]]) for c in range(len(one.seeds))]
            for start, one in zip(starts, self._wanted, strict=True)
        ]

    def _padded(self, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The prompts, padded on the left, and a mask that is 0 there."""
        longest = max(len(one.prompt) for one in self._wanted)
        tokens = torch.full((len(self._wanted), longest), pad)
        mask = torch.zeros_like(tokens)
        for row, one in enumerate(self._wanted):
            tokens[row, longest - len(one.prompt) :] = torch.tensor(one.prompt)
            mask[row, longest - len(one.prompt) :] = 1
        return tokens.to(self._device), mask.to(self._device)

    def _left(self, decoder: Decoder) -> tuple[torch.Tensor, torch.Tensor] | tuple[()] | None:
        """An index that takes what is in the places that stay, from what is in those of now; None if all has ended."""
        alive = self._alive.sum(1)
        most = int(alive.max())
        if most == 0:
            return None
        prompts = alive.nonzero()[:, 0]
        if len(prompts) * most > FEWER * self._alive.numel():
            return ()
        places = (~self._alive[prompts]).long().argsort(dim=1, stable=True)[:, :most]
        decoder.keep(prompts, places)
        left = (prompts[:, None], places)
        self._row, self._alive, self._room = self._row[left], self._alive[left], self._room[left]
        return left


def _decoder(model: PreTrainedModel, plainly: bool) -> Decoder:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not plainly and isinstance(inner, Qwen2ForCausalLM | LlamaForCausalLM):
        config = inner.config
        sliding = any(kind != "full_attention" for kind in getattr(config, "layer_types", None) or ())
        if not sliding and config.rope_parameters.get("rope_type", "default") in ROPES_BY_POSITION:
            return _SharedPrompts(inner)
    return _AnyModel(model)


class _AnyModel:
    """Goes through the model's own forward, with a copy of the prompt's keys for each completion."""

    def __init__(self, model: PreTrainedModel) -> None:
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
        cache = DynamicCache()
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
