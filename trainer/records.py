"""What a run leaves in its folder: metrics and completions as JSON lines, and checkpoints that are whole.

Promises that a run that goes on from a checkpoint has each step in its records once. Knows nothing of algorithms.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint, rotate_checkpoints

from trainer.errors import TrainingError
from trainer.provenance import COMPLETIONS, METRICS

PARTIAL = "checkpoint.partial"

USUAL: Mapping[str, Any] = {
    "report_to": "none",
    "logging_steps": 1,
    "logging_first_step": True,
    "logging_nan_inf_filter": False,  # What is no number stops a run, and is not to be smoothed over.
    "save_strategy": "steps",
    "save_total_limit": 2,
    "disable_tqdm": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "dataloader_pin_memory": torch.cuda.is_available(),
}
"""What all runs of transformers' trainers have in common, where nothing else is chosen."""


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint of the run in `folder`, to go on from; None if there is none."""
    found: str | None = get_last_checkpoint(folder) if folder.is_dir() else None  # type: ignore[no-untyped-call]
    return found


class Records(TrainerCallback):
    """Writes metrics.jsonl, a line each time that the trainer logs, and completions.jsonl, every `every` steps.

    Lines begin with "step". Only the first of several processes writes.
    """

    def __init__(self, folder: Path, every: int = 10) -> None:
        self.folder, self.every = folder, every

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Forgets what was written after the checkpoint from which the run goes on."""
        if state.is_world_process_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in (METRICS, COMPLETIONS):
                _forget_after(self.folder / name, state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """A line of metrics."""
        if state.is_world_process_zero and logs:
            _append(self.folder / METRICS, [{"step": state.global_step, **logs}])

    def wants_completions(self, step: int) -> bool:
        """Whether completions of `step`, from 1, are to be kept: of the first, and then of every so many."""
        return step == 1 or step % self.every == 0

    def completions(self, step: int, lines: Iterable[Mapping[str, Any]]) -> None:
        """Lines of completions."""
        _append(self.folder / COMPLETIONS, [{"step": step, **line} for line in lines])


class CarefulTrainer(Trainer):
    """A trainer that stops where a loss or a weight is no number any more, and whose checkpoints are whole.

    A checkpoint is written beside the others, and named like them only then. To be put in front of any trainer of
    transformers' kind among the bases of a class.
    """

    _beside: str | None = None

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """One step. Raises TrainingError, before any weight changes, where the loss is no number."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss).all():
            raise self._diverged(f"The loss of step {self.state.global_step + 1} is no number.")
        return loss

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        # A gradient may be no number where the loss is one; then the weights tell.
        if not all(torch.isfinite(p).all() for p in model.parameters() if p.requires_grad):
            raise self._diverged(f"Weights are no numbers after step {self.state.global_step}.")
        folder = Path(str(self.args.output_dir))
        partial = folder / PARTIAL
        if self.args.should_save:
            shutil.rmtree(partial, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self._beside = str(partial)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._beside = None
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            [written] = partial.iterdir()
            shutil.rmtree(folder / written.name, ignore_errors=True)
            written.replace(folder / written.name)
            partial.rmdir()
            rotate_checkpoints(str(folder), self.args.save_total_limit, self.state.best_model_checkpoint)
        self.accelerator.wait_for_everyone()

    def _get_output_dir(self, trial: Any) -> str:
        """Where checkpoints are written."""
        usual: str = super()._get_output_dir(trial)
        return self._beside or usual

    def _diverged(self, what: str) -> TrainingError:
        last = last_checkpoint(Path(str(self.args.output_dir)))
        at = f"The last checkpoint, {Path(last).name}, is as it was; start" if last else "Start"
        return TrainingError(what, f"{at} again with a lower learning rate, or look at what the data of that step are.")


def _append(file: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    with file.open("a", encoding="utf-8") as log:
        log.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _forget_after(file: Path, step: int) -> None:
    """Leaves in `file` only whole lines of steps up to `step`."""
    if not file.exists():
        return
    partial = file.with_suffix(".partial")
    with file.open(encoding="utf-8") as log, partial.open("w", encoding="utf-8") as kept:
        # What a kill has cut off is the last line, of a step that comes again.
        kept.writelines(line for line in log if line.endswith("\n") and json.loads(line)["step"] <= step)
    partial.replace(file)
