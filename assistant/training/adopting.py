"""Using the model that a run has made in place of the one at hand, and going back.

Promises that what was chosen before is written down before anything is changed, and that a model without numbers, or
with worse ones, is used only if somebody insists. Knows nothing of lists of models: whatever keeps them is passed in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from assistant.agents.generation import Agent
from assistant.errors import InputError, NotWritable
from assistant.paths import Paths
from assistant.training.recipes import MADE, Scores
from assistant.training.results import MANIFEST, made_manifest
from assistant.training.runs import Run, RunState, runs_folder

ADOPTIONS = "adopted.json"

Choice = Mapping[Agent, str | None]
"""The model that each agent was told to use; None where it uses what came with the program."""


class RunModels(Protocol):
    """Whatever keeps the models, as far as runs have to do with it. All of it may raise RecollectError."""

    @property
    def pinned(self) -> str:
        """The file that the environment names for both agents, whatever is chosen; "" if it names none."""
        ...

    def in_use(self) -> Scores:
        """The model that answers, and what is known of how well it does."""
        ...

    def choice(self) -> Choice: ...

    def choose(self, choice: Choice) -> None:
        """Raises InputError if one of the models is not there any more."""
        ...

    def take_in(self, manifest: Path, name: str) -> tuple[Agent, ...]:
        """Takes the first model of a manifest into the list as `name`; returns the agents that it is for."""
        ...


@dataclass(frozen=True, slots=True)
class Adoption:
    """That the model of the run `name` was taken into use, by which agents, and what they were told before."""

    name: str
    agents: tuple[Agent, ...]
    former: Choice
    at: datetime


def objection(run: Run) -> str:
    """Why the model of the run had better not be used, in a sentence; "" if nothing speaks against it."""
    result = run.result
    if result is None or not result.after.shares:
        return f"{run.name} has not been measured on held-out questions, so nobody knows whether it is any better."
    if result.before is None:
        return f"It is not known how the model at hand does on the same questions, so {run.name} may be worse."
    if result.worse:
        return f"{run.name} gets less right than {result.before.model}: {', '.join(result.worse)}."
    return ""


def check_adoptable(run: Run, models: RunModels) -> None:
    """Raises InputError if there is nothing to adopt, or it would change nothing."""
    if run.state is not RunState.FINISHED:
        raise InputError(f"{run.name} is not finished.", "Only the model of a finished run can be used.")
    if made_manifest(run.folder) is None:
        raise InputError(f"{run.name} has made no model.", "It only measured one.")
    if models.pinned:
        raise InputError(
            f"RECOLLECT_MODEL has both agents use {models.pinned}, whatever is chosen.", "Unset it and try again."
        )


def adopt(paths: Paths, run: Run, models: RunModels, *, insist: bool = False) -> Adoption:
    """Has the agents use the model of a finished run.

    Raises InputError if there is none, or, unless one `insist`s, if something speaks against it.
    """
    check_adoptable(run, models)
    if not insist and (reason := objection(run)):
        raise InputError(reason, "Insist if you want it all the same.")
    former = models.choice()
    agents = models.take_in(run.folder / MADE / MANIFEST, run.name)
    if all(former.get(agent) == run.name for agent in agents):
        raise InputError(f"{run.name} is in use already.", "Nothing was changed.")
    adoption = Adoption(run.name, agents, {agent: former.get(agent) for agent in agents}, datetime.now(UTC))
    _write(paths, [*adoptions(paths), adoption])
    models.choose(dict.fromkeys(agents, run.name))
    return adoption


def roll_back(paths: Paths, models: RunModels) -> Adoption:
    """Has the agents use what they used before the last adoption, and returns that. Raises InputError if there is none.

    An agent for which another model was chosen since keeps that one.
    """
    done = adoptions(paths)
    if not done:
        raise InputError("No model of a run was adopted.", "There is nothing to go back to.")
    last, now = done[-1], models.choice()
    models.choose({agent: former for agent, former in last.former.items() if now.get(agent) == last.name})
    _write(paths, done[:-1])
    return last


def adoptions(paths: Paths) -> list[Adoption]:
    """What was adopted and not rolled back, in its order."""
    try:
        told = json.loads((runs_folder(paths) / ADOPTIONS).read_text("utf-8"))
        return [_from_json(entry) for entry in told]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _from_json(told: Mapping[str, Any]) -> Adoption:
    former = {Agent(agent): name for agent, name in told["former"].items()}
    agents = tuple(Agent(agent) for agent in told["agents"])
    return Adoption(told["name"], agents, former, datetime.fromisoformat(told["at"]))


def _write(paths: Paths, done: list[Adoption]) -> None:
    told = [
        {
            "name": adoption.name,
            "agents": [agent.value for agent in adoption.agents],
            "former": {agent.value: name for agent, name in adoption.former.items()},
            "at": adoption.at.isoformat(),
        }
        for adoption in done
    ]
    path = runs_folder(paths) / ADOPTIONS
    partial = path.with_suffix(".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(told, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise NotWritable(
            f"{path} cannot be written ({error.strerror}).", "Make it writable, or free some space."
        ) from error
