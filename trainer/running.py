"""One run of training, from a recipe to a trained model: SFT, GRPO or PPO for one agent.

Promises a folder that says all: the recipe as it was resolved, the command, seed and commit, metrics and completions as
JSON lines, whole checkpoints, and at the end the model; and that the same command goes on where a run was stopped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainer import grpo, ppo, sft
from trainer.choices import Algorithm, Critic, Curve, Precision, Report
from trainer.errors import TrainingError
from trainer.evaluating import score
from trainer.examples import Example
from trainer.losses import Kl
from trainer.materials import Materials, device, materials, model_folder, note_traits, traits_of
from trainer.policy import Policy
from trainer.provenance import EVALUATION, MODEL, RECIPE, Provenance
from trainer.recipe import Recipe
from trainer.recipes import written
from trainer.records import last_checkpoint
from trainer.stopping import asked_to_stop

_SCHEDULES = {
    Curve.CONSTANT: "constant_with_warmup",
    Curve.LINEAR: "linear",
    Curve.COSINE: "cosine",
}


def run(recipe: Recipe, folder: Path, command: str, say: Callable[[str], None]) -> Path:
    """Trains as `recipe` says, or goes on with what lies in `folder`; returns the folder of the model.

    Raises TrainingError, and KeyboardInterrupt if it was asked to stop, once it has saved.
    """
    _begin(recipe, folder, command)
    made = materials(recipe, folder)
    trainer = _trainer(recipe, folder, made, [Watching(made, folder, recipe, say)])
    with asked_to_stop() as asked:
        trainer.add_callback(Stopping(asked))
        trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        if asked():
            raise KeyboardInterrupt
    return _saved(made.policy, folder, recipe)


class Watching(TrainerCallback):
    """Answers what is held out before the first step, every so many steps, and at the end; a line each time."""

    def __init__(self, made: Materials, folder: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
        self._made, self._file, self._recipe, self._say = made, folder / EVALUATION, recipe, say

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """What the model is like that it begins with."""
        if state.global_step == 0:
            self._file.unlink(missing_ok=True)
            self._watch(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Every so many steps, and at the last."""
        every = self._recipe.evaluation.every * _updates(self._recipe)
        if every and (state.global_step % every == 0 or state.global_step == state.max_steps):
            self._watch(state)

    def _watch(self, state: TrainerState) -> None:
        if not self._recipe.evaluation.every or not state.is_world_process_zero:
            return
        found = score(self._made.held_out, self._made.policy, self._recipe.rollout.max_completion)
        step = state.global_step // _updates(self._recipe)
        self._say(f"step {step}: {found}")
        with self._file.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": step, **found.as_dict()}) + "\n")


class Stopping(TrainerCallback):
    """Saves and stops after the step at hand, where the process was asked to."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        self._asked = asked

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Looks whether it was."""
        if self._asked():
            control.should_save = control.should_training_stop = True


def _begin(recipe: Recipe, folder: Path, command: str) -> None:
    """Notes what is run. Raises TrainingError where another run lies in the folder."""
    note, text = folder / RECIPE, written(recipe)
    if note.exists() and note.read_text("utf-8") != text:
        raise TrainingError(
            f"The run in {folder} has another recipe.", "Name another folder, or go on with the recipe that lies there."
        )
    Provenance.begin(folder, command, recipe.seed)
    note.write_text(text, "utf-8")


def _trainer(recipe: Recipe, folder: Path, made: Materials, callbacks: Sequence[TrainerCallback]) -> Trainer:
    match recipe.algorithm:
        case Algorithm.SFT:
            return _sft(recipe, folder, made, callbacks)
        case Algorithm.GRPO:
            return _grpo(recipe, folder, made, callbacks)
        case Algorithm.PPO:
            return _ppo(recipe, folder, made, callbacks)


def _common(recipe: Recipe) -> dict[str, Any]:
    """What all algorithms have in common, by the names of transformers."""
    how = recipe.optimisation
    return {
        "learning_rate": how.learning_rate,
        "lr_scheduler_type": _SCHEDULES[how.schedule],
        "warmup_steps": how.warmup_steps,
        "weight_decay": how.weight_decay,
        "max_grad_norm": how.gradient_clip,
        "bf16": how.precision is Precision.BFLOAT16,
        "gradient_checkpointing": how.gradient_checkpointing,
        "per_device_train_batch_size": how.micro_batch,
        "gradient_accumulation_steps": recipe.accumulation(_processes()),
        "seed": recipe.seed,
        "save_steps": recipe.checkpoints.every * _updates(recipe),
        "save_total_limit": recipe.checkpoints.kept,
        "report_to": "none" if recipe.report_to is Report.NONE else recipe.report_to.value,
        "use_cpu": device().type == "cpu",
    }


def _updates(recipe: Recipe) -> int:
    """How often the weights change in one step of a recipe; transformers calls each of these a step."""
    if recipe.algorithm is not Algorithm.PPO:
        return 1
    return recipe.ppo.epochs * (recipe.optimisation.batch // (recipe.ppo.mini_batch or recipe.optimisation.batch))


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _steps(recipe: Recipe, episodes: int) -> int:
    """Steps in all, where a recipe may count in epochs."""
    how = recipe.optimisation
    if how.steps is not None:
        return how.steps
    a_step = how.batch // recipe.rollout.group
    return max(1, round((how.epochs or 1) * episodes / a_step))


def _sft(recipe: Recipe, folder: Path, made: Materials, callbacks: Sequence[TrainerCallback]) -> Trainer:
    if not made.examples:
        raise TrainingError(
            f"Nobody knows the right completions of {recipe.data.source}.", "Use PPO or GRPO, or simulated lives."
        )
    prompting = made.policy.prompting

    def encoded(example: Example) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return prompting.tokens(example.prompt), prompting.completion(example.completion)

    longest = recipe.rollout.max_prompt + recipe.rollout.max_completion
    shown = sft.shown(made.examples, encoded, longest)
    args = sft.configuration(folder, max_steps=_steps(recipe, len(shown)), **_common(recipe))
    return sft.SFT(made.policy.model, args, made.policy.tokenizer, shown, callbacks=callbacks)


def _grpo(recipe: Recipe, folder: Path, made: Materials, callbacks: Sequence[TrainerCallback]) -> Trainer:
    how = recipe.grpo
    args = grpo.configuration(
        folder,
        steps=_steps(recipe, len(made.task.prompts)),
        num_generations=recipe.rollout.group,
        temperature=recipe.rollout.temperature,
        max_completion_length=recipe.rollout.max_completion,
        loss_type=how.loss_type.value,
        beta=how.beta,
        epsilon=how.epsilon,
        epsilon_high=how.epsilon_high,
        scale_rewards=how.scale_rewards.value,
        importance_sampling_level=how.importance_sampling.value,
        num_iterations=how.num_iterations,
        **_vllm(recipe),
        **_common(recipe),
    )
    prompts = grpo.prompted(made.task.prompts, made.policy.prompting.tokens, recipe.rollout.max_prompt)
    start = model_folder(recipe.reference or recipe.model, folder)
    return grpo.GRPO(
        made.policy.model,
        args,
        made.policy.tokenizer,
        prompts,
        made.task.rewards,
        agent=made.task.agent,
        sampler=made.policy,
        reference=Path(start),
        callbacks=callbacks,
    )


def _vllm(recipe: Recipe) -> dict[str, Any]:
    mode = recipe.rollout.vllm.value
    return {} if mode == "none" else {"use_vllm": True, "vllm_mode": mode}


def _ppo(recipe: Recipe, folder: Path, made: Materials, callbacks: Sequence[TrainerCallback]) -> Trainer:
    how, optimisation = recipe.ppo, recipe.optimisation
    rollouts = _steps(recipe, len(made.task.prompts))
    args = ppo.PPOConfig(
        output_dir=str(folder),
        max_steps=rollouts * _updates(recipe),
        logging_steps=1,
        save_strategy="steps",
        disable_tqdm=True,
        critic_learning_rate=optimisation.critic_learning_rate or optimisation.learning_rate,
        rollout_batch_size=optimisation.batch,
        ppo_epochs=how.epochs,
        temperature=recipe.rollout.temperature,
        max_completion_length=recipe.rollout.max_completion,
        missing_eos_penalty=how.missing_eos_penalty,
        gamma=how.gamma,
        lam=how.gae_lambda,
        whiten_advantages=how.whiten,
        clip_range=how.clip,
        clip_range_high=how.clip_high,
        value_clip_range=how.value_clip or None,
        value_coefficient=how.value_coefficient,
        entropy_coefficient=how.entropy_coefficient,
        target_kl=how.target_kl,
        kl_coefficient=how.kl_coefficient,
        kl_in=how.kl_in,
        kl_estimator=Kl(how.kl_estimator.value),
        kl_target=how.kl_target,
        **_common(recipe),
    )
    prompts = [made.policy.prompting.tokens(prompt) for prompt in made.task.prompts]
    made.policy.check(prompts, recipe.rollout.max_completion)
    critic = None
    if how.critic is Critic.SEPARATE:
        critic = Policy.load(model_folder(recipe.model, folder), device=device()).model
    return ppo.PPOTrainer(
        made.policy.model,
        args,
        prompts,
        write=made.policy.write,
        score=made.task.rewards,
        critic=critic,
        tokenizer=made.policy.tokenizer,
        callbacks=callbacks,
    )


def _saved(policy: Policy, folder: Path, recipe: Recipe) -> Path:
    """Writes the trained model whole, or its adapter, and what is known of it."""
    finished, partial = folder / MODEL, folder / f"{MODEL}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    policy.model.save_pretrained(partial)
    policy.tokenizer.save_pretrained(partial)
    note_traits(partial, traits_of(model_folder(recipe.model, folder)))
    shutil.rmtree(finished, ignore_errors=True)
    partial.replace(finished)
    return finished
