"""How long and how fast the starter is trained, and on what: rates, shapes and mixes at each step of a run.

Knows nothing of models or clocks: a run against the clock stands at the step that is as far through as its time is.
"""

from __future__ import annotations

from dataclasses import dataclass

from trainer.batches import Mix, Shape
from trainer.data.storyteller import IN_TRAINING, LAST_IN_TRAINING, LATE_IN_TRAINING
from trainer.examples import Difficulty


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. Rates rise over `warmup` steps, hold, and fall to 0 over the last `decay` share."""

    steps: int = 28_000
    tokens_a_step: int = 2048
    row: int = 384
    long_row: int = 512
    long_from: float = 0.85
    """After this share of the steps, rows of `long_row` tokens take the place of the short ones, which are faster."""
    prompt_weight: float = 0.2
    """Weight of the loss on prompts, on a tenth of their tokens: names that come again there teach copying early."""
    muon_rate: float = 0.0025
    adam_rate: float = 0.004
    weight_decay: float = 0.05
    dropout: float = 0.0
    """Share of what attention and feed-forward write that is left out, at random, while training."""
    warmup: int = 100
    decay: float = 0.72
    repeats: float = 0.9
    """Share of random repeats among the documents at the start; falls to 0.05 by `repeats_until`."""
    repeats_until: int = 400
    full_from: int = 3_000
    """Prompts hold next to nothing that is not needed at the start, and as much as in use from this step on."""
    late_from: float = 0.5
    """After this share of the steps, more messages tell of two facts."""
    last_from: float = 0.6
    """After this share of the steps, less is made up."""
    steps_a_shard: int = 32
    check_every: int = 1_000
    save_every: int = 250

    def factor(self, step: int) -> float:
        """What the rates are multiplied with at `step`."""
        falling = (self.steps - step) / (self.steps * self.decay)
        return max(0.0, min(1.0, (step + 1) / self.warmup, falling))

    def shape_at(self, step: int) -> Shape:
        """The shape of the shard that begins at `step`."""
        length = self.row if step < self.steps * self.long_from else self.long_row
        return Shape(self.tokens_a_step // length * self.steps_a_shard, length)

    def mix_at(self, step: int) -> Mix:
        """What the shard that begins at `step` is made of."""
        repeats = max(0.05, self.repeats * (1 - step / self.repeats_until))
        shares = IN_TRAINING
        if step >= self.steps * self.last_from:
            shares = LAST_IN_TRAINING
        elif step >= self.steps * self.late_from:
            shares = LATE_IN_TRAINING
        return Mix(repeats, Difficulty.at(min(1.0, step / self.full_from)), shares)
