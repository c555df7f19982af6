"""A run against the clock, on a GPU if there is one: it is over when its time is, and its schedule follows the time.

At half of its time it stands at half of the schedule's steps, however many it has taken. Rows come from other
processes, all of the schedule's `long_row` tokens, so that everything has one shape and is compiled once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import Qwen2ForCausalLM

from trainer.batches import IGNORED, Rows, Shape
from trainer.feeding import Feed, Pool
from trainer.pretrain import PLACES, Trainer
from trainer.schedule import Schedule

PREDICTED = 0.35
"""Share of all places that are predicted from, at most: a fixed number spares the GPU from being asked how many there
are. Completions are a fifth, the chosen tokens of prompts a thirteenth."""
POOLED = 24_000_000
"""Tokens that are kept to be used again, about: what is made in half a minute."""
MOST_USES = 4
"""A row is used at most this often, on average; then the next one is waited for."""
WARM_UP = 3
NOTE_SECONDS, CHECK_SECONDS, SAVE_SECONDS = 5.0, 30.0, 60.0


class TimedTrainer(Trainer):
    """The state of such a run. `progress` goes from 0 to 1; `number` is that of the next shard."""

    standing = ("step", "seconds", "progress", "number")

    def __init__(
        self,
        model: Qwen2ForCausalLM,
        schedule: Schedule,
        folder: Path,
        *,
        compiled: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = clock
        self.progress = 0.0
        self.number = 0
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        super().__init__(model.to(device), schedule, folder, compiled=compiled)
        if device.type == "cuda":
            model.set_attn_implementation("sdpa")
            self._forward = self._hidden  # Checks are rare: compiling for them would take longer than all of them.

    @property
    def shape(self) -> Shape:
        """The shape of every shard."""
        schedule = self.schedule
        return Shape(schedule.tokens_a_step // schedule.long_row * schedule.steps_a_shard, schedule.long_row)

    def run_until(
        self,
        deadline: float,
        feed: Feed,
        check: Callable[[], dict[str, float]],
        keep: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        """Trains until the clock shows `deadline`; compiling comes first, and counts.

        `check()` gives what is measured on held-out examples, `keep()` writes the model as it is, once a minute.
        """
        schedule, shape = self.schedule, self.shape
        pool = Pool(shape, max(1, POOLED // (shape.rows * shape.length)), self.number, self.device)
        a_step = shape.rows // schedule.steps_a_shard
        self._stock(pool, feed, a_step)
        for _ in range(WARM_UP):
            self._learn(pool.batch(a_step), 0.0).item()
        began, before, spent = self._clock(), self.progress, self.seconds
        next_note, next_check, next_save = (began + s for s in (NOTE_SECONDS, CHECK_SECONDS, SAVE_SECONDS))
        while self.progress < 1:
            self._stock(pool, feed, a_step)
            loss = self._learn(pool.batch(a_step), schedule.factor(self._place))
            self.step += 1
            now = self._clock()
            self.seconds = spent + now - began
            self.progress = min(1.0, before + (1 - before) * (now - began) / max(1e-9, deadline - began))
            over = self.progress == 1
            if now >= next_note or over:
                metrics = self._metrics(loss, pool)
                next_note = now + NOTE_SECONDS
                if now >= next_check or over:
                    metrics |= check()
                    next_check = now + CHECK_SECONDS
                self._note(metrics, say)
            if now >= next_save or over:
                self.save()
                keep()
                next_save = now + SAVE_SECONDS

    @property
    def _place(self) -> int:
        """The step of the schedule at which the run stands."""
        return int(self.progress * self.schedule.steps)

    def _metrics(self, loss: torch.Tensor, pool: Pool) -> dict[str, float]:
        return {
            "step": self.step,
            "progress": round(self.progress, 4),
            "loss": round(loss.item(), 4),
            "seconds": round(self.seconds),
            "rows made": pool.added,
            "rows used": pool.used,
        }

    def _stock(self, pool: Pool, feed: Feed, a_step: int) -> None:
        """Moves what is done into `pool`, and orders more unless much there was not used yet."""
        while True:
            if pool.unused < 8 * pool.at_once:
                feed.order(self.shape, self.schedule.mix_at(self._place))
            worn = pool.used + a_step > MOST_USES * pool.added
            for made in feed.done(waiting=worn):
                pool.add(made)
            self.number = feed.number
            if not worn:
                return

    def _predicted(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As in `Trainer`, but always as many places, and without a word to the CPU."""
        completions = (rows.labels != IGNORED).flatten()
        prompts = self._some_prompt_tokens(rows).flatten()
        places = math.ceil(PREDICTED * len(prompts) / PLACES) * PLACES
        index = (completions.int() * 2 + prompts.int()).argsort(descending=True, stable=True)[:places]
        labels = torch.where(rows.labels == IGNORED, rows.tokens.roll(-1, 1), rows.labels).flatten()[index]
        shares = torch.stack([completions[index], prompts[index]]).float()
        shares = shares / shares.sum(1, keepdim=True).clamp_min(1)
        weights = torch.stack([shares[0] + self.schedule.prompt_weight * shares[1], shares[0]])
        return index, labels, weights

    def _chances(self, rows: Rows) -> torch.Tensor:
        return torch.rand(rows.tokens.shape, device=rows.tokens.device)
