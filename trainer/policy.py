"""A transformers model as an agent in training: it writes completions as the app would ask for them.

Promises the app's prompts, refuses those that are too long before anything runs, and answers what is the same once.
Knows nothing of episodes, rewards and algorithms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from assistant.agents.generation import Agent, ChatMessage
from trainer.errors import TrainingError
from trainer.generating import ROWS, Wanted, generate
from trainer.prompting import Prompting
from trainer.recipe import EVERY_MATRIX
from trainer.sampling import Sampled


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter of `rank`, whose part counts `alpha` / `rank`, on the modules that are named in `targets`."""

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] = EVERY_MATRIX


class Policy:
    """A `sampling.Sampler` by `model`, which may be in training meanwhile: what is sampled is what it is now.

    `context` is how many tokens it may read and write in all, `rows` how many completions are written at once.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        *,
        context: int | None = None,
        rows: int = ROWS,
    ) -> None:
        self.model, self.tokenizer, self.rows = model, tokenizer, rows
        self.prompting = Prompting(tokenizer)
        self.context: int = context or model.config.max_position_embeddings

    @classmethod
    def load(
        cls,
        folder: Path | str,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        lora: Lora | None = None,
        context: int | None = None,
    ) -> Policy:
        """The model that transformers saved in `folder`, or one by that name in its cache; nothing is downloaded.

        With `lora` a new adapter is all that learns. Raises TrainingError.
        """
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"No model can be loaded from {folder} ({str(error).splitlines()[0]}).",
                "Name a folder with config.json, weights in safetensors and tokenizer.json.",
            ) from error
        if not isinstance(tokenizer, PreTrainedTokenizerFast):
            raise TrainingError(f"The tokenizer in {folder} has no tokenizer.json.", "Save it as a fast tokenizer.")
        if lora is not None:
            model = _with_adapter(model, lora)
        return cls(model.to(device), tokenizer, context=context)

    def sample(
        self,
        agent: Agent,
        prompts: Sequence[Sequence[ChatMessage]],
        *,
        count: int = 1,
        temperature: float = 0.0,
        max_tokens: int = 128,
    ) -> list[list[Sampled]]:
        """See `Sampler`. Above temperature 0 the seed comes from torch's own random numbers, whose state is kept with a
        checkpoint; each process of several draws for itself.

        Raises TrainingError, naming the number of the prompt, if one is too long.
        """
        seed = int(torch.randint(1 << 62, ())) if temperature else 0
        seeds = [[mixed(seed, _rank(), p, c) for c in range(count)] for p in range(len(prompts))]
        tokens = [self.prompting.tokens(prompt) for prompt in prompts]
        return self.write(tokens, seeds, temperature=temperature, max_tokens=max_tokens)

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        *,
        temperature: float,
        max_tokens: int,
    ) -> list[list[Sampled]]:
        """A completion of each of `prompts`, in tokens, for each of its `seeds`.

        The same prompt and seed give the same completion, whatever else is written with it. Raises TrainingError.
        """
        self.check(prompts, max_tokens)
        drawn: dict[tuple[int, ...], dict[int, None]] = defaultdict(dict)
        for prompt, own in zip(prompts, seeds, strict=True):
            drawn[tuple(prompt)].update(dict.fromkeys(own if temperature else [0] * bool(own)))
        wanted = [
            Wanted(prompt, tuple(own), min(max_tokens, self.context - len(prompt)))
            for prompt, own in drawn.items()
            if own
        ]
        ends, pad = self.prompting.ends, self.prompting.pad
        made = generate(self.model, wanted, temperature=temperature, ends=ends, pad=pad, rows=self.rows)
        told = {
            one.prompt: dict(zip(one.seeds, map(self._sampled, completions), strict=True))
            for one, completions in zip(wanted, made, strict=True)
        }
        return [
            [told[tuple(prompt)][one if temperature else 0] for one in own]
            for prompt, own in zip(prompts, seeds, strict=True)
        ]

    def check(self, prompts: Sequence[Sequence[int]], max_tokens: int) -> None:
        """Raises TrainingError if one of `prompts` would be cut by the app to leave room for a completion."""
        room = self.context - min(max_tokens, self.context // 2)
        for number, prompt in enumerate(prompts):
            if len(prompt) > room:
                raise TrainingError(
                    f"The prompt of episode {number} has {len(prompt):,} tokens; the model's context of "
                    f"{self.context:,} leaves room for {room:,} beside a completion.",
                    "Offer fewer memories or less history, or take a model with a longer context.",
                )

    def _sampled(self, tokens: tuple[int, ...]) -> Sampled:
        return Sampled(self.prompting.text(tokens), tokens, bool(tokens) and tokens[-1] in self.prompting.ends)


def _with_adapter(model: Any, lora: Lora) -> Any:
    from peft import LoraConfig, get_peft_model  # Takes seconds to import, and few need it.

    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type] # Any number does.
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
    )
    try:
        return get_peft_model(model, settings)
    except ValueError as error:
        raise TrainingError(
            f"The adapter does not fit the model ({str(error).splitlines()[0]}).", "Name modules that it has."
        ) from error


def _rank() -> int:
    return (
        torch.distributed.get_rank() if torch.distributed.is_available() and torch.distributed.is_initialized() else 0
    )


def mixed(*numbers: int) -> int:
    """One seed that follows from all of `numbers`."""

    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
