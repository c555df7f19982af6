"""Supervised fine-tuning on completions: TRL's trainer, on tokens that the app's own code has made.

Promises that the loss is on completions alone, with their end, and that no chat template touches the tokens. Knows
nothing of where the examples come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset  # type: ignore[import-untyped]
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from trainer.batches import IGNORED
from trainer.errors import TrainingError
from trainer.examples import Example
from trainer.records import USUAL, CarefulTrainer, Records


@dataclass(frozen=True, slots=True)
class Shown:
    """A prompt and the completion that is right, as tokens; the completion's last one ends the turn."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]


def shown(
    examples: Sequence[Example], encode: Callable[[Example], tuple[Sequence[int], Sequence[int]]], longest: int
) -> tuple[Shown, ...]:
    """All `examples`, encoded. Raises TrainingError if one has more than `longest` tokens."""
    found = tuple(Shown(*map(tuple, encode(example))) for example in examples)
    for number, each in enumerate(found):
        if (size := len(each.prompt) + len(each.completion)) > longest:
            raise TrainingError(
                f"Example {number} has {size} tokens; at most {longest} fit.",
                "Allow longer ones, offer fewer memories, or leave the example out.",
            )
    return found


def configuration(folder: Path, **chosen: Any) -> SFTConfig:
    """TRL's settings of a run in `folder`: what is `chosen` by TRL's names, else what is usual here."""
    usual = {**USUAL, "lr_scheduler_type": "constant_with_warmup", "max_length": None}
    try:
        return SFTConfig(str(folder), **(usual | chosen))
    except ValueError as error:
        raise TrainingError(f"SFT cannot be run like this: {error}", "Change the recipe's values.") from error


class SFT(CarefulTrainer, SFTTrainer):
    """Trains `model`, or its adapter, to say what is `shown`."""

    def __init__(
        self,
        model: PreTrainedModel | PeftModel,
        args: SFTConfig,
        tokenizer: PreTrainedTokenizerBase,
        examples: Sequence[Shown],
        *,
        watched: Sequence[Shown] = (),
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        if not examples:
            raise TrainingError("There is not one example to learn from.", "Look at the recipe's data.")
        super().__init__(
            model=model,
            args=args,
            train_dataset=_rows(examples),
            eval_dataset=_rows(watched) if watched else None,
            processing_class=tokenizer,
            callbacks=[Records(Path(str(args.output_dir))), *callbacks],
        )


def _rows(examples: Sequence[Shown]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [[*each.prompt, *each.completion] for each in examples],
            "labels": [[*[IGNORED] * len(each.prompt), *each.completion] for each in examples],
        }
    )
