"""Using the model that a run has made, and going back, with the models of the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.agents.generation import Agent
from assistant.commands.run_models import InstalledRunModels
from assistant.errors import InputError, ModelFileError
from assistant.llm.files.installed import InstalledModels
from assistant.llm.files.manifest import ModelFile
from assistant.paths import Paths
from assistant.training import adopting, runs
from assistant.training.recipes import Kind, Recipe, Scores
from tests.training.going import PROGRAM, ended, finished


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data")
    made.create()
    return made


@pytest.fixture
def models(paths: Paths) -> InstalledRunModels:
    return InstalledRunModels(paths)


def chosen(paths: Paths) -> dict[Agent, str]:
    installed = InstalledModels.read(paths)
    return {agent: installed.chosen(agent).name for agent in Agent}


def test_a_better_model_is_adopted_with_all_that_is_known_of_it(paths: Paths, models: InstalledRunModels) -> None:
    run = finished(paths)
    assert adopting.objection(run) == ""
    adoption = adopting.adopt(paths, run, models)

    assert (adoption.name, adoption.former) == (run.name, {Agent.MANAGER: None, Agent.ANSWER: None})
    model = InstalledModels.read(paths).chosen(Agent.ANSWER)
    assert isinstance(model, ModelFile)
    assert model.path == paths.models / f"{run.name}.gguf"
    assert (model.context, model.traits.least_confidence, model.traits.own_words) == (1024, 0.85, {"and", "the"})
    assert models.in_use() == Scores(run.name, {"operations": 0.9, "answers": 0.9}, model.sha256)
    with pytest.raises(InputError, match="is in use already"):
        adopting.adopt(paths, run, models)


def test_rolling_back_brings_the_former_choice_back_one_after_the_other(
    paths: Paths, models: InstalledRunModels
) -> None:
    first, second = finished(paths), finished(paths, shares="0.95")
    adopting.adopt(paths, first, models)
    adopting.adopt(paths, second, models)
    assert chosen(paths) == {Agent.MANAGER: second.name, Agent.ANSWER: second.name}

    assert adopting.roll_back(paths, models).name == second.name
    assert chosen(paths) == {Agent.MANAGER: first.name, Agent.ANSWER: first.name}
    adopting.roll_back(paths, models)
    assert chosen(paths) == {Agent.MANAGER: "recollect-starter", Agent.ANSWER: "recollect-starter"}
    assert models.choice() == {Agent.MANAGER: None, Agent.ANSWER: None}, "a later version's model will be used"
    with pytest.raises(InputError, match="No model of a run was adopted"):
        adopting.roll_back(paths, models)


def test_what_was_chosen_by_hand_since_stays(paths: Paths, models: InstalledRunModels) -> None:
    adopting.adopt(paths, finished(paths), models)
    models.choose({Agent.ANSWER: "recollect-starter"})
    adopting.roll_back(paths, models)
    assert models.choice() == {Agent.MANAGER: None, Agent.ANSWER: "recollect-starter"}


def test_a_model_that_is_worse_is_adopted_only_if_one_insists(paths: Paths, models: InstalledRunModels) -> None:
    run = finished(paths, shares="0.5")
    with pytest.raises(InputError, match="gets less right than recollect-starter: operations, answers"):
        adopting.adopt(paths, run, models)
    assert models.choice() == {Agent.MANAGER: None, Agent.ANSWER: None}
    adopting.adopt(paths, run, models, insist=True)
    assert chosen(paths) == {Agent.MANAGER: run.name, Agent.ANSWER: run.name}


def test_without_numbers_to_compare_with_one_has_to_insist(paths: Paths, models: InstalledRunModels) -> None:
    run = ended(paths, runs.start(paths, Recipe(Kind.STARTER, size=50, settings={"pace": "0"}), PROGRAM))
    with pytest.raises(InputError, match="It is not known how the model at hand does on the same questions"):
        adopting.adopt(paths, run, models)


def test_a_run_that_was_not_measured_says_so(paths: Paths, models: InstalledRunModels) -> None:
    run = finished(paths)
    (run.folder / "result.json").write_text('{"measured_on": "nothing", "after": {"model": "x", "shares": {}}}')
    unmeasured = runs.run_named(paths, run.name)
    assert "has not been measured on held-out questions" in adopting.objection(unmeasured)


def test_what_made_no_model_or_is_not_finished_cannot_be_adopted(paths: Paths, models: InstalledRunModels) -> None:
    measured = ended(paths, runs.start(paths, Recipe(Kind.LIVES, size=1), PROGRAM))
    with pytest.raises(InputError, match="has made no model"):
        adopting.adopt(paths, measured, models)
    failed = ended(paths, runs.start(paths, Recipe(Kind.STARTER, settings={"fail": "1"}), PROGRAM))
    with pytest.raises(InputError, match="is not finished"):
        adopting.adopt(paths, failed, models, insist=True)


def test_a_file_that_is_not_what_was_measured_is_not_taken_in(paths: Paths, models: InstalledRunModels) -> None:
    run = finished(paths)
    built = run.folder / "made" / "recollect-starter.gguf"
    built.write_bytes(b"GGUFx.y")
    with pytest.raises(ModelFileError):
        adopting.adopt(paths, run, models)
    assert models.choice() == {Agent.MANAGER: None, Agent.ANSWER: None}
    assert adopting.adoptions(paths) == []


def test_where_the_environment_names_the_model_nothing_is_adopted(
    paths: Paths, models: InstalledRunModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(paths)
    monkeypatch.setenv("RECOLLECT_MODEL", "/somewhere/model.gguf")
    with pytest.raises(InputError, match="RECOLLECT_MODEL has both agents use"):
        adopting.adopt(paths, run, models)
