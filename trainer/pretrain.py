"""Trains a small Qwen2 model from random weights on shards of examples, in steps that can be interrupted.

Muon for the weight matrices, AdamW for the rest: on this task Muon needs about half the steps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from trainer.batches import IGNORED, Mix, Rows, Shape
from trainer.copying import lay_out_copying
from trainer.muon import Muon
from trainer.schedule import Schedule
from trainer.stopping import asked_to_stop

EMBEDDING_SCALE = 1.0
"""Large beside what the first steps of Muon add to the residual stream: at the usual 0.02 they bury the tokens."""
ALIKE = 0.7
"""How much of an embedding is the token's vector, where it has one. The rest is random: tokens that are used alike must
still be told apart to be copied."""
UNIT_LOGITS = 0.06
"""Embeddings of this scale give 256 wide states logits near 1; the last norm makes up for larger ones."""
ADAM_EPSILON = 1e-5
"""Large, so that the embeddings of rare tokens stay where they are: at the usual 1e-8 the faint gradients that all of
them get, and that point the same way, would make them alike, and what is alike cannot be told apart to be copied."""
WIDTH = 256
HEAD = 64
PLACES = 256
BARRED = -30_000.0
"""Added to the logit of what may not be attended to; within bfloat16, and e to it is 0."""


def starter_config(vocabulary: int, end: int, pad: int, width: int = WIDTH) -> Qwen2Config:
    """The starter's shape, of a `width` that is a multiple of 64: each head has 64 of it.

    Every matrix row is a multiple of 32, so that Q8_0 quantises it whole; of 256 at the usual width.
    """
    heads = width // HEAD
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=round(width * 8 / 3 / 256) * 256,
        num_hidden_layers=4,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )


def new_model(config: Qwen2Config, seed: int, vectors: torch.Tensor | None = None) -> Qwen2ForCausalLM:
    """Initial weights: random, with embeddings large beside one step of Adam, and a copying circuit laid out.

    Embeddings of tokens that have one of the `vectors`, (vocabulary, hidden size), of length 1 or 0, lean towards it.
    """
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(config)
    embeddings = torch.nn.init.normal_(model.model.embed_tokens.weight, std=EMBEDDING_SCALE)
    if vectors is not None:
        usual_length = EMBEDDING_SCALE * config.hidden_size**0.5
        leaning = ALIKE * usual_length * vectors + (1 - ALIKE**2) ** 0.5 * embeddings
        with torch.no_grad():
            embeddings.copy_(torch.where(vectors.any(1, keepdim=True), leaning, embeddings))
    torch.nn.init.constant_(model.model.norm.weight, UNIT_LOGITS / EMBEDDING_SCALE)
    lay_out_copying(model, seed)
    return model


def optimisers(model: Qwen2ForCausalLM, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """Muon on the matrices of the layers, AdamW on embeddings, norms and biases."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        Muon(matrices, lr=schedule.muon_rate, weight_decay=schedule.weight_decay),
        torch.optim.AdamW(rest, lr=schedule.adam_rate, weight_decay=0.0, betas=(0.9, 0.98), eps=ADAM_EPSILON),
    ]


def drop_out(model: Qwen2ForCausalLM, share: float) -> None:
    """Leaves out a `share` of what attention and feed-forward write to the residual stream, while training."""

    def thinned(module: torch.nn.Module, _: object, written: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(written, share, module.training)

    for layer in model.model.layers:
        layer.self_attn.o_proj.register_forward_hook(thinned)
        layer.mlp.down_proj.register_forward_hook(thinned)


MakeShard = Callable[[int, Shape, Mix], Rows]
"""Number, shape and mix to rows."""


class Trainer:
    """The state of a run: model, optimisers, step. `folder` takes the checkpoint and metrics.jsonl.

    Compiling takes half a minute and makes each step a third faster.
    """

    standing: tuple[str, ...] = ("step", "seconds")
    """What of the run's state is kept beside model and optimisers."""

    def __init__(self, model: Qwen2ForCausalLM, schedule: Schedule, folder: Path, *, compiled: bool = True) -> None:
        self.model, self.schedule, self.folder = model, schedule, folder
        self.device = model.device
        if schedule.dropout:
            drop_out(model, schedule.dropout)
        self.optimisers = optimisers(model, schedule)
        self.step = 0
        self.seconds = 0.0
        # Attention written out, which compiling fuses: PyTorch's own for the CPU takes a quarter of a step backwards.
        model.set_attn_implementation("eager")
        self._loss: Callable[..., torch.Tensor] = self._loss_at
        self._forward: Callable[..., torch.Tensor] = self._hidden
        if compiled:
            self._loss = torch.compile(self._loss_at, dynamic=False)
            self._forward = torch.compile(self._hidden)
        folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._load()

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def _load(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        for name in self.standing:
            setattr(self, name, state[name])

    def save(self) -> None:
        """Writes the checkpoint beside the old one, then takes its place: a kill leaves one whole file."""
        partial = self.checkpoint.with_suffix(".partial")
        optimiser_states = [o.state_dict() for o in self.optimisers]
        state = {"model": self.model.state_dict(), "optimisers": optimiser_states}
        torch.save(state | {name: getattr(self, name) for name in self.standing}, partial)
        partial.replace(self.checkpoint)

    def run(self, shard: MakeShard, check: Callable[[], dict[str, float]], say: Callable[[str], None]) -> None:
        """Trains to the end of the schedule. `check()` gives what is measured on held-out examples.

        Asked to stop, it saves and raises KeyboardInterrupt.
        """
        with asked_to_stop() as asked:
            for rows in self._batches(shard):
                if asked():
                    self.save()
                    raise KeyboardInterrupt
                self._step(rows, check, say)

    def _step(self, rows: Rows, check: Callable[[], dict[str, float]], say: Callable[[str], None]) -> None:
        schedule = self.schedule
        began = time.perf_counter()
        loss = self._train_on(rows)
        self.seconds += time.perf_counter() - began
        self.step += 1
        if self.step % 50 == 0:
            metrics = {"step": self.step, "loss": round(loss, 4), "seconds": round(self.seconds)}
            if self.step % schedule.check_every == 0 or self.step == schedule.steps:
                metrics |= check()
            self._note(metrics, say)
        if self.step % schedule.save_every == 0 or self.step == schedule.steps:
            self.save()

    def _note(self, metrics: dict[str, float], say: Callable[[str], None]) -> None:
        with (self.folder / "metrics.jsonl").open("a") as log:
            log.write(json.dumps(metrics) + "\n")
        say(json.dumps(metrics))

    def _batches(self, shard: MakeShard) -> Iterator[Rows]:
        schedule = self.schedule
        rows: Rows | None = None
        while self.step < schedule.steps:
            number, within = divmod(self.step, schedule.steps_a_shard)
            if rows is None or within == 0:
                start = number * schedule.steps_a_shard
                rows = shard(number, schedule.shape_at(start), schedule.mix_at(start))
            a_step = len(rows.tokens) // schedule.steps_a_shard
            yield rows[within * a_step : (within + 1) * a_step]

    def _train_on(self, rows: Rows) -> float:
        """One step. The loss on completions."""
        return self._learn(rows, self.schedule.factor(self.step)).item()

    def _learn(self, rows: Rows, factor: float) -> torch.Tensor:
        """One step, with the rates of the schedule times `factor`. The loss on completions, where it was computed."""
        schedule = self.schedule
        self.model.train()
        for optimiser, rate in zip(self.optimisers, (schedule.muon_rate, schedule.adam_rate), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
        index, labels, weights = self._predicted(rows)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, on_completions = self._loss(rows.tokens, rows.positions, rows.mask(), index, labels, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return on_completions.detach()

    def _predicted(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The places, in the flattened rows, that are predicted from, what follows each, and the weights of the losses.

        Completions weigh 1 together, the chosen tokens of prompts `prompt_weight`. Places of weight 0 fill up to a
        multiple of `PLACES`, so that one compiled function serves nearly all steps. The weights are (2, places), the
        second row for completions alone.
        """
        completions = (rows.labels != IGNORED).flatten().nonzero()[:, 0]
        prompts = self._some_prompt_tokens(rows).flatten().nonzero()[:, 0]
        used = len(completions) + len(prompts)
        index = torch.cat([completions, prompts, completions.new_zeros(-used % PLACES)])
        labels = torch.where(rows.labels == IGNORED, rows.tokens.roll(-1, 1), rows.labels).flatten()[index]
        weights = torch.zeros(2, len(index))
        weights[:, : len(completions)] = 1 / max(1, len(completions))
        weights[0, len(completions) : used] = self.schedule.prompt_weight / max(1, len(prompts))
        return index, labels, weights

    def _loss_at(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor,
        index: torch.Tensor,
        labels: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        """(2,) the cross-entropies at the places `index`, summed with each row of `weights`."""
        hidden = self._hidden(tokens, positions, mask)
        logits = self.model.lm_head(hidden.flatten(0, 1)[index]).float()
        # Written out, because this fuses and cross_entropy does not.
        losses = logits.logsumexp(-1) - logits.gather(1, labels[:, None])[:, 0]
        return (weights * losses).sum(-1)

    def _hidden(self, tokens: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(rows, length, hidden size): what the head turns into logits."""
        barred = torch.where(mask, 0.0, BARRED).to(torch.bfloat16)
        forward = self.model.model(
            input_ids=tokens, attention_mask={"full_attention": barred}, position_ids=positions, use_cache=False
        )
        hidden: torch.Tensor = forward.last_hidden_state
        return hidden

    def _some_prompt_tokens(self, rows: Rows) -> torch.Tensor:
        """(rows, length) bool: a tenth, at random, of the places inside prompts."""
        chosen = self._chances(rows) < 0.1
        same = (rows.documents == rows.documents.roll(-1, 1)) & (rows.branches == rows.branches.roll(-1, 1))
        inside = (rows.documents >= 0) & same & (rows.labels == IGNORED)
        inside[:, -1] = False
        return chosen & inside

    def _chances(self, rows: Rows) -> torch.Tensor:
        """(rows, length) from 0 to 1, the same for the same step."""
        return torch.rand(rows.tokens.shape, generator=torch.Generator().manual_seed(self.step))

    @torch.no_grad()
    def exact(self, rows: Rows) -> list[list[bool]]:
        """For each row, for each of its examples: whether greedy decoding would give exactly its completion.

        Every token is predicted from the right ones before it; the whole is right if and only if each one is.
        """
        self.model.eval()
        batch = self.schedule.tokens_a_step // rows.tokens.shape[1]
        found: list[list[bool]] = []
        for at in range(0, len(rows.tokens), batch):
            part = rows[at : at + batch].to(self.device)
            with torch.autocast(self.device.type, torch.bfloat16):
                asked = part.labels != IGNORED
                hidden = self._forward(part.tokens, part.positions, part.mask())
                guesses = self.model.lm_head(hidden[asked]).argmax(-1).cpu()
            part, asked = rows[at : at + batch], asked.cpu()
            right = torch.ones_like(part.tokens, dtype=torch.bool)
            right[asked] = guesses == part.labels[asked]
            for r in range(len(part.tokens)):
                inside = part.branches[r] > 0
                numbers = part.documents[r][inside] * part.tokens.shape[1] + part.branches[r][inside]
                found.append([bool(right[r][inside][numbers == n].all()) for n in numbers.unique()])
        return found
