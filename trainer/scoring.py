"""How likely a transformers model finds completions, token by token.

Promises the same figures whatever else is in a batch, and to compute the vocabulary only where completions stand.
Knows nothing of text, rewards and losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class LogProbs:
    """(completions, longest) tensors, padded on the right: of each token its log-probability, and the entropy of all
    that could have stood in its place, in nats; 0 where `mask`, bool, is false."""

    values: torch.Tensor
    entropies: torch.Tensor
    mask: torch.Tensor


def log_probs(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    temperature: float = 1.0,
    micro_batch: int = 16,
    pad: int = 0,
) -> LogProbs:
    """Of each of `completions` after its prompt (neither empty), at a `temperature` above 0, `micro_batch` at a time.

    With gradients, unless they are switched off around it; the model stays in the mode (train, eval) in which it is.
    """
    order = sorted(range(len(prompts)), key=lambda n: len(prompts[n]) + len(completions[n]))
    longest = max(map(len, completions), default=0)
    device = next(model.parameters()).device
    values, entropies = [], []
    for start in range(0, len(order), micro_batch):
        part = order[start : start + micro_batch]
        rows = _Rows.of([prompts[n] for n in part], [completions[n] for n in part], pad, device)
        of_tokens, of_places = _scored(model, rows, temperature)
        missing = longest - of_tokens.shape[1]
        values.append(torch.nn.functional.pad(of_tokens, (0, missing)))
        entropies.append(torch.nn.functional.pad(of_places, (0, missing)))
    mask = torch.tensor([[n < len(one) for n in range(longest)] for one in completions], dtype=torch.bool)
    mask = mask.view(len(completions), longest).to(device)
    if not order:
        return LogProbs(mask.float(), mask.float(), mask)
    back = torch.tensor(order, device=device).argsort()
    return LogProbs(torch.cat(values)[back], torch.cat(entropies)[back], mask)


@dataclass(frozen=True, slots=True)
class _Rows:
    """(rows, length): prompts padded on the left, so that all completions begin in one column; those on the right."""

    tokens: torch.Tensor
    attended: torch.Tensor
    completions: int

    @classmethod
    def of(
        cls, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]], pad: int, device: torch.device
    ) -> _Rows:
        begin, longest = max(map(len, prompts)), max(map(len, completions))
        tokens = torch.full((len(prompts), begin + longest), pad)
        attended = torch.zeros_like(tokens)
        for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            start, end = begin - len(prompt), begin + len(completion)
            tokens[row, start:end] = torch.tensor([*prompt, *completion])
            attended[row, start:end] = 1
        return cls(tokens.to(device), attended.to(device), longest)


def _scored(model: PreTrainedModel, rows: _Rows, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, completions) log-probabilities of the tokens, and entropies."""
    told = model(
        input_ids=rows.tokens,
        attention_mask=rows.attended,
        position_ids=(rows.attended.cumsum(1) - 1).clamp_min(0),
        use_cache=False,
        logits_to_keep=rows.completions + 1,
    )
    spread = torch.log_softmax(told.logits[:, -rows.completions - 1 : -1].float() / temperature, -1)
    values = spread.gather(-1, rows.tokens[:, -rows.completions :, None])[..., 0]
    there = rows.attended[:, -rows.completions :].bool()
    return values.masked_fill(~there, 0.0), -(spread.exp() * spread).sum(-1).masked_fill(~there, 0.0)
