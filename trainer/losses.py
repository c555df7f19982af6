"""The arithmetic of PPO: losses, advantages, estimates of divergence, and what is measured of them.

Promises pure functions of tensors, (completions, tokens) unless said otherwise, where a mask is 1 at tokens that count.
Knows nothing of models.
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor, distributed

SMALLEST_VARIANCE = 1e-8


class Kl(StrEnum):
    """Three estimates of KL(policy || other) from tokens that the policy has sampled (Schulman 2020).

    With d = log policy - log other: K1 is d, unbiased, but often negative; K2 is d²/2, biased, never negative; K3 is
    e^-d - 1 + d, unbiased and never negative.
    """

    K1 = "k1"
    K2 = "k2"
    K3 = "k3"


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """() the mean of `x` where `mask` is 1; 0 where it is nowhere."""
    return (x * mask).sum() / mask.sum().clamp(min=1)


def masked_variance(x: Tensor, mask: Tensor) -> Tensor:
    """() the unbiased variance of `x` where `mask` is 1; 0 of fewer than two."""
    return ((x - masked_mean(x, mask)) ** 2 * mask).sum() / (mask.sum() - 1).clamp(min=1)


def whiten(x: Tensor, mask: Tensor, *, across_ranks: bool = True) -> Tensor:
    """`x` with mean 0 and variance 1 where `mask` is 1, and 0 elsewhere.

    Where torch.distributed runs, mean and variance are those of all ranks together, unless each rank holds the whole.
    """
    sums = _summed(torch.stack([(x * mask).sum(), mask.sum().to(x.dtype)]), across_ranks)
    mean, count = sums[0] / sums[1].clamp(min=1), sums[1]
    variance = _summed(((x - mean) ** 2 * mask).sum(), across_ranks) / (count - 1).clamp(min=1)
    return (x - mean) * torch.rsqrt(variance + SMALLEST_VARIANCE) * mask


def _summed(x: Tensor, across_ranks: bool) -> Tensor:
    if across_ranks and distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(x)
    return x


def token_log_probs(logits: Tensor, tokens: Tensor) -> Tensor:
    """(...) the log-probabilities of `tokens`, (...), under `logits`, (..., vocabulary)."""
    return logits.gather(-1, tokens[..., None])[..., 0] - logits.logsumexp(-1)


def entropy(logits: Tensor) -> Tensor:
    """(...) the entropies, in nats, of what `logits`, (..., vocabulary), say."""
    log_probs = logits.log_softmax(-1)
    return -(log_probs.exp() * log_probs).sum(-1)


def kl(log_probs: Tensor, others: Tensor, estimate: Kl) -> Tensor:
    """What each sampled token tells of KL(policy || other), given the logarithms of its two probabilities."""
    difference = log_probs - others
    match estimate:
        case Kl.K1:
            return difference
        case Kl.K2:
            return difference**2 / 2
        case Kl.K3:
            return torch.expm1(-difference) + difference


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, lambda_: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates (Schulman et al. 2016), and they plus `values`; both 0 where `mask` is 0.

    Each row of `mask` is ones, then zeros: nothing comes after the last token.
    """
    values = values * mask
    advantages = torch.zeros_like(rewards)
    next_value, following = torch.zeros_like(rewards[:, 0]), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        error = rewards[:, t] + gamma * next_value - values[:, t]
        following = (error + gamma * lambda_ * following) * mask[:, t]
        advantages[:, t] = following
        next_value = values[:, t]
    return advantages, (advantages + values) * mask


def policy_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, *, clip: float, clip_high: float | None = None
) -> Tensor:
    """PPO's clipped loss of each token. Ratios count as at least 1 - `clip` and at most 1 + `clip_high` where more
    would pay; `clip_high` is `clip` unless given (Yu et al. 2025 take a higher one, so that rare tokens can grow).
    """
    ratio = (log_probs - old_log_probs).exp()
    clipped = ratio.clamp(1 - clip, 1 + (clip if clip_high is None else clip_high))
    return torch.maximum(-advantages * ratio, -advantages * clipped)


def is_clipped(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, *, clip: float, clip_high: float | None = None
) -> Tensor:
    """1 where the clip of `policy_loss` bites, so that the token teaches nothing any more. Its mean is the fraction."""
    ratio = (log_probs - old_log_probs).exp()
    high = (advantages > 0) & (ratio > 1 + (clip if clip_high is None else clip_high))
    low = (advantages < 0) & (ratio < 1 - clip)
    return (high | low).to(log_probs.dtype)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, *, clip: float | None) -> Tensor:
    """Half the squared error of each value, the worse of two: as it is, and no more than `clip` away from the old."""
    errors = (values - returns) ** 2
    if clip is None:
        return errors / 2
    near = old_values + (values - old_values).clamp(-clip, clip)
    return torch.maximum(errors, (near - returns) ** 2) / 2


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """() how much of the variance of `returns` the `values` tell: 1 all, 0 none, less than 0 worse than a constant.

    0 where the returns do not vary.
    """
    variance = masked_variance(returns, mask)
    told = 1 - masked_variance(returns - values, mask) / variance.clamp(min=SMALLEST_VARIANCE)
    return torch.where(variance > SMALLEST_VARIANCE, told, torch.zeros_like(told))
