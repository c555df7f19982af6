"""How much an agent gets right of a task: its likeliest completions, with an interval that says how sure that is.

Knows nothing of how it was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from trainer.sampling import Sampler
from trainer.tasks import Task

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Score:
    """`rewards` of each episode, in their order; `parts` are the means of what they are made of."""

    rewards: tuple[float, ...]
    parts: dict[str, float]

    @property
    def mean(self) -> float:
        return fmean(self.rewards)

    def interval(self) -> tuple[float, float]:
        """The 95 % bootstrap interval of the mean, over episodes."""
        return interval(self.rewards)

    def as_dict(self) -> dict[str, Any]:
        """Without the single rewards."""
        low, high = self.interval()
        return {"reward": self.mean, "low": low, "high": high, "episodes": len(self.rewards), **self.parts}

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.mean:.3f} ({low:.3f} to {high:.3f}) of {len(self.rewards)} episodes"


def score(task: Task, sampler: Sampler, max_tokens: int) -> Score:
    """What the likeliest completion of each episode of `task` is worth."""
    numbers = list(range(len(task.prompts)))
    written = [sampled for [sampled] in sampler.sample(task.agent, task.prompts, max_tokens=max_tokens)]
    rewards = task.rewards(numbers, written)
    names = sorted({name for reward in rewards for name in reward.parts})
    parts = {name: fmean(reward.parts[name] for reward in rewards if name in reward.parts) for name in names}
    return Score(tuple(reward.total for reward in rewards), parts)


def interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the mean of `values`, drawn again `RESAMPLES` times."""
    drawn = np.random.default_rng(seed).choice(np.asarray(values, float), (RESAMPLES, len(values))).mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def gain(before: Sequence[float], after: Sequence[float]) -> tuple[float, float, float]:
    """By how much the mean rose from `before` to `after` on the same episodes, with its 95 % interval: paired."""
    differences = [late - early for early, late in zip(before, after, strict=True)]
    return fmean(differences), *interval(differences)
