"""Both agents in turns: answer, manager, answer …, each trained while the other is frozen as it is by then.

Promises that a stopped alternation goes on in the round where it was. Knows nothing of how one run trains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

from trainer.choices import Trained
from trainer.errors import TrainingError
from trainer.provenance import MODEL
from trainer.recipe import Recipe

ORDER = (Trained.ANSWER, Trained.MANAGER)


@dataclass(frozen=True, slots=True)
class Round:
    """A run of the alternation: its recipe, with the partner as it is by then, and its folder."""

    number: int
    recipe: Recipe
    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / MODEL


def rounds(answer: Recipe, manager: Recipe, count: int, folder: Path) -> Iterator[Round]:
    """`count` runs in turns, the Answer Agent first. Each begins with what the last one of its agent made.

    Raises TrainingError unless `answer` trains the one agent and `manager` the other.
    """
    recipes = {Trained.ANSWER: answer, Trained.MANAGER: manager}
    for agent, recipe in recipes.items():
        if recipe.agent is not agent:
            raise TrainingError(
                f"The recipe of the {agent} trains the {recipe.agent}.", "Name the Answer Agent's recipe first."
            )
    models = {agent: recipe.model for agent, recipe in recipes.items()}
    for number, agent in enumerate(islice(cycle(ORDER), count), 1):
        recipe = replace(recipes[agent], model=models[agent])
        if agent is Trained.ANSWER:
            recipe = replace(recipe, manager=models[Trained.MANAGER])
        else:
            recipe = replace(recipe, answerer=models[Trained.ANSWER])
        made = Round(number, recipe, folder / f"{number}-{agent}")
        models[agent] = str(made.model)
        yield made


def alternate(
    answer: Recipe, manager: Recipe, count: int, folder: Path, command: str, say: Callable[[str], None]
) -> dict[Trained, Path]:
    """Runs all rounds that are not finished yet; gives the folder of each agent's last model. Raises TrainingError."""
    from trainer.running import run  # Slow to import.

    last: dict[Trained, Path] = {}
    for each in rounds(answer, manager, count, folder):
        say(f"round {each.number} of {count}: the {each.recipe.agent} agent")
        if not each.model.is_dir():
            run(each.recipe, each.folder, command, say)
        last[each.recipe.agent] = each.model
    return last
