"""Agents take turns, each beside the other as it is by then."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.alternating import rounds
from trainer.choices import Trained
from trainer.errors import TrainingError
from trainer.recipes import read


def test_each_round_begins_with_what_its_agent_was_and_the_other_one_is_frozen_as_it_is_by_then() -> None:
    answer, manager = read("starter-answer-grpo"), read("starter-manager-ppo")
    made = list(rounds(answer, manager, 4, Path("runs/both")))
    assert [(each.recipe.agent, each.folder.name) for each in made] == [
        (Trained.ANSWER, "1-answer"),
        (Trained.MANAGER, "2-manager"),
        (Trained.ANSWER, "3-answer"),
        (Trained.MANAGER, "4-manager"),
    ]
    assert [each.recipe.model for each in made] == [
        "recollect-starter",
        "recollect-starter",
        "runs/both/1-answer/model",
        "runs/both/2-manager/model",
    ]
    assert [each.recipe.manager for each in made[::2]] == ["recollect-starter", "runs/both/2-manager/model"]
    assert [each.recipe.answerer for each in made[1::2]] == ["runs/both/1-answer/model", "runs/both/3-answer/model"]


def test_recipes_of_the_wrong_agents_are_refused() -> None:
    manager = read("starter-manager-ppo")
    with pytest.raises(TrainingError, match="The recipe of the answer trains the manager"):
        list(rounds(manager, manager, 2, Path("runs")))
