"""Which keys of a recipe mean something only beside others, and which values cannot stand together.

Promises one TrainingError that names the keys and says what is allowed. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import astuple

from trainer.choices import Adaptation, Algorithm, Estimator, KlIn, Level, LossType, Part, Source, Trained
from trainer.errors import TrainingError
from trainer.plain import Leaves
from trainer.recipe import Recipe

FILES = (Source.LOCOMO, Source.MSC, Source.LONGMEMEVAL)
"""Sources that are files which the user has."""


def _rewarded(recipe: Recipe) -> bool:
    return recipe.algorithm in (Algorithm.GRPO, Algorithm.PPO)


def _grpo(recipe: Recipe) -> bool:
    return recipe.algorithm is Algorithm.GRPO


def _ppo(recipe: Recipe) -> bool:
    return recipe.algorithm is Algorithm.PPO


def _manager(recipe: Recipe) -> bool:
    return recipe.agent is Trained.MANAGER


def _lora(recipe: Recipe) -> bool:
    return recipe.adapter.kind is Adaptation.LORA


_REWARDED, _MANAGER = "algorithm is grpo or ppo", "agent is manager"
_ONLY_WHERE: tuple[tuple[tuple[str, ...], str, Callable[[Recipe], bool]], ...] = (
    (("grpo", "rollout.group", "rollout.vllm"), "algorithm is grpo", _grpo),
    (("ppo", "optimisation.critic_learning_rate"), "algorithm is ppo", _ppo),
    (("rewards", "rollout.temperature", "reference"), _REWARDED, _rewarded),
    (("rewards.faithfulness", "rewards.wrong_delete", "rewards.bank_size"), _MANAGER, _manager),
    (("rewards.citation", "manager"), "agent is answer", lambda recipe: not _manager(recipe)),
    (("answerer",), f"{_MANAGER} and {_REWARDED}", lambda recipe: _manager(recipe) and _rewarded(recipe)),
    (("judge",), "rewards.judge is above 0", lambda recipe: _rewarded(recipe) and recipe.rewards.judge > 0),
    (
        ("adapter.r", "adapter.alpha", "adapter.dropout", "adapter.targets", "adapter.four_bit"),
        "adapter.kind is lora",
        _lora,
    ),
    (("data.folder",), "data.source is not lives", lambda recipe: recipe.data.source is not Source.LIVES),
)


def superfluous(recipe: Recipe) -> list[str]:
    """The keys and sections that mean nothing to such a run."""
    return [key for keys, _, holds in _ONLY_WHERE if not holds(recipe) for key in keys]


def check(recipe: Recipe, given: Leaves) -> None:
    """Raises TrainingError if a key was given that means nothing, or if the values cannot stand together."""
    for keys, where, holds in _ONLY_WHERE:
        if not holds(recipe) and (path := _first_under(keys, given)):
            raise TrainingError(f"{path} ({given[path].where}) means something only where {where}.", "Leave it out.")
    for wrong, what_to_do in _contradictions(recipe):
        raise TrainingError(wrong, what_to_do)


def _first_under(keys: Collection[str], given: Leaves) -> str | None:
    return next((path for path in given if any(f"{path}.".startswith(f"{key}.") for key in keys)), None)


def _contradictions(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield from _of_data(recipe)
    yield from _of_optimisation(recipe)
    if _rewarded(recipe):
        yield from _of_rewards(recipe)
    if _grpo(recipe):
        yield from _of_grpo(recipe)
    if _ppo(recipe):
        yield from _of_ppo(recipe)


def _of_data(recipe: Recipe) -> Iterator[tuple[str, str]]:
    data = recipe.data
    if data.source in FILES and data.folder is None:
        yield (
            f"data.folder is missing: {data.source} comes with nothing here.",
            "Name the folder or file that you have.",
        )
    if recipe.algorithm is Algorithm.SFT and data.source is not Source.LIVES:
        yield (
            f"data.source {data.source} does not tell what would have been right to write, which sft learns from.",
            "Take lives, or the algorithm grpo or ppo.",
        )
    if data.split is Part.DEV and recipe.evaluation.every:
        yield (
            "data.split dev would be trained on and measured on.",
            "Set evaluation.every to 0, or train on the split train.",
        )


def _of_optimisation(recipe: Recipe) -> Iterator[tuple[str, str]]:
    optimisation = recipe.optimisation
    if (optimisation.steps is None) == (optimisation.epochs is None):
        yield "A run ends after optimisation.steps or after optimisation.epochs.", "Give one of the two."
    if optimisation.batch % optimisation.micro_batch:
        yield (
            f"optimisation.batch {optimisation.batch} is not a multiple of"
            f" optimisation.micro_batch {optimisation.micro_batch}.",
            "Change one of the two.",
        )
    if optimisation.steps is not None and optimisation.warmup_steps > optimisation.steps:
        yield (
            f"optimisation.warmup_steps {optimisation.warmup_steps} is more than all"
            f" optimisation.steps {optimisation.steps}.",
            "Change one of the two.",
        )


def _of_rewards(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if not any(astuple(recipe.rewards)):
        yield "Each of the rewards weighs 0, so that nothing is learned.", "Give one a weight: rewards.exact_match=1."
    if recipe.rewards.judge and recipe.judge.model is None:
        yield "rewards.judge asks for a judge, and judge.model is missing.", "Name the model that judges."
    weight = recipe.grpo.beta if _grpo(recipe) else recipe.ppo.kl_coefficient
    if recipe.reference is not None and not weight:
        key = "grpo.beta" if _grpo(recipe) else "ppo.kl_coefficient"
        yield f"A reference is named, and nothing is compared with it at {key} 0.", f"Leave it out, or set {key}."


def _of_grpo(recipe: Recipe) -> Iterator[tuple[str, str]]:
    group, batch, grpo = recipe.rollout.group, recipe.optimisation.batch, recipe.grpo
    if group < 2:
        yield f"rollout.group {group} is too small: grpo compares completions of the same prompt.", "Take 2 or more."
    if batch % group:
        yield f"optimisation.batch {batch} is not a multiple of rollout.group {group}.", "Change one of the two."
    if grpo.epsilon_high is not None and grpo.epsilon_high < grpo.epsilon:
        yield f"grpo.epsilon_high {grpo.epsilon_high} is below grpo.epsilon {grpo.epsilon}.", "Change one of the two."
    level = {LossType.LUSPO: Level.SEQUENCE, LossType.VESPO: Level.TOKEN}.get(grpo.loss_type)
    if level not in (None, grpo.importance_sampling):
        yield (
            f"grpo.loss_type {grpo.loss_type} does not go with grpo.importance_sampling {grpo.importance_sampling}.",
            f"Set grpo.importance_sampling to {level}.",
        )


def _of_ppo(recipe: Recipe) -> Iterator[tuple[str, str]]:
    ppo, optimisation = recipe.ppo, recipe.optimisation
    if ppo.mini_batch is not None and optimisation.batch % ppo.mini_batch:
        yield (
            f"optimisation.batch {optimisation.batch} is not a multiple of ppo.mini_batch {ppo.mini_batch}.",
            "Change one of the two.",
        )
    if ppo.mini_batch is not None and ppo.mini_batch % optimisation.micro_batch:
        yield (
            f"ppo.mini_batch {ppo.mini_batch} is not a multiple of optimisation.micro_batch"
            f" {optimisation.micro_batch}.",
            "Change one of the two.",
        )
    if ppo.clip_high is not None and ppo.clip_high < ppo.clip:
        yield f"ppo.clip_high {ppo.clip_high} is below ppo.clip {ppo.clip}.", "Change one of the two."
    if ppo.kl_coefficient and ppo.kl_in is KlIn.LOSS and ppo.kl_estimator is Estimator.K1:
        yield "ppo.kl_estimator k1 has a gradient of 0 on average where ppo.kl_in is loss.", "Take k2 or k3."
    if ppo.kl_target is not None and not ppo.kl_coefficient:
        yield "ppo.kl_target adapts ppo.kl_coefficient, which is 0.", "Set both, or neither."
