"""A run goes from a recipe to a model, by the app's own prompts, and leaves a folder that says all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from assistant.agents.generation import USUAL_TRAITS
from tests.trainer.tiny_checkpoint import tiny_checkpoint
from trainer.choices import Trained
from trainer.data.dialogues.lives import lives
from trainer.data.lives import Life
from trainer.data.wordings import Split, Wordings
from trainer.demonstrations import of_answers, of_manager
from trainer.environments import AnswerEnvironment, ManagerEnvironment
from trainer.episodes import answers_of_life, of_life
from trainer.errors import TrainingError
from trainer.evaluating import gain, interval, score
from trainer.materials import cut, materials, note_traits, traits_of
from trainer.policy import Policy
from trainer.recipe import Recipe
from trainer.recipes import read
from trainer.rewards import Weights
from trainer.running import run
from trainer.sampling import Sampled
from trainer.tasks import AnswerTask

SMALL = (
    "data.questions=6",
    "optimisation.batch=4",
    "optimisation.micro_batch=2",
    "optimisation.warmup_steps=0",
    "rollout.max_prompt=3000",
    "rollout.max_completion=8",
    "evaluation.every=2",
    "evaluation.questions=3",
    "checkpoints.every=1",
)


def recipe(name: str, model: Path, *changes: str) -> Recipe:
    algorithm = name.rpartition("-")[2]
    own = {
        "sft": ("optimisation.epochs=null", "optimisation.steps=2"),
        "grpo": ("rollout.group=2", "optimisation.steps=2"),
        "ppo": ("ppo.mini_batch=4", "ppo.epochs=1", "optimisation.steps=2"),
    }
    return read(name, [f"model={model}", *SMALL, *own[algorithm], *changes])


@pytest.fixture
def start(tmp_path: Path) -> Path:
    folder = tiny_checkpoint(tmp_path / "start", context=4096)
    note_traits(folder, USUAL_TRAITS)
    return folder


def lines(file: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("agent", ["answer", "manager"])
@pytest.mark.parametrize("algorithm", ["sft", "grpo", "ppo"])
def test_a_run_ends_with_a_model_and_a_folder_that_says_how_it_came_about(
    agent: str, algorithm: str, start: Path, tmp_path: Path
) -> None:
    folder, said = tmp_path / "run", list[str]()
    model = run(recipe(f"starter-{agent}-{algorithm}", start), folder, "recollect-train run …", said.append)
    assert model == folder / "model"
    assert traits_of(model) == USUAL_TRAITS
    before, after = Policy.load(start).model, Policy.load(model).model
    changed = [not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True)]
    # A tiny model with random weights is rewarded for nothing: by outcome it may stay as it is.
    assert any(changed) or algorithm != "sft"
    assert [line["step"] for line in lines(folder / "evaluation.jsonl")] == [0, 2]
    assert len(said) == 2
    assert said[0].startswith("step 0: ")
    assert [line["step"] for line in lines(folder / "metrics.jsonl") if "loss" in line] == [1, 2]
    assert json.loads((folder / "begun.json").read_text())["command"] == "recollect-train run …"
    assert read(folder / "recipe.yaml").agent is Trained(agent)
    if algorithm != "sft":
        assert {"prompt", "completion", "reward"} <= lines(folder / "completions.jsonl")[0].keys()


def test_a_run_that_is_begun_again_has_nothing_left_to_do(start: Path, tmp_path: Path) -> None:
    folder, own = tmp_path / "run", recipe("starter-answer-sft", start)
    run(own, folder, "…", lambda _: None)
    before = (folder / "metrics.jsonl").read_text()
    weights = (folder / "model" / "model.safetensors").read_bytes()
    run(own, folder, "…", lambda _: None)
    assert (folder / "model" / "model.safetensors").read_bytes() == weights
    assert lines(folder / "metrics.jsonl")[:2] == [json.loads(line) for line in before.splitlines()[:2]]


def test_another_recipe_does_not_go_on_in_the_folder_of_a_run(start: Path, tmp_path: Path) -> None:
    run(recipe("starter-answer-sft", start), tmp_path / "run", "…", lambda _: None)
    with pytest.raises(TrainingError, match=r"The run in .* has another recipe\."):
        run(recipe("starter-answer-sft", start, "seed=1"), tmp_path / "run", "…", lambda _: None)


def test_what_is_trained_on_are_so_many_questions_and_what_is_held_out_are_others(start: Path, tmp_path: Path) -> None:
    made = materials(recipe("starter-manager-grpo", start, "data.questions=7"), tmp_path)
    again = materials(recipe("starter-manager-grpo", start, "data.questions=7"), tmp_path)
    assert made.task.prompts == again.task.prompts
    assert not set(made.task.prompts) & set(made.held_out.prompts)
    name, life = told()
    assert sum(len(episode.questions) for episode in cut(of_life(life, name), 7)) == 7
    answers = materials(recipe("starter-answer-grpo", start, "data.questions=7"), tmp_path)
    assert (len(answers.task.prompts), len(answers.held_out.prompts)) == (7, 3)


def told() -> tuple[str, Life]:
    [(name, life)] = lives(Wordings.load(Split.TRAIN), 1, seed=3)
    return name, life


def test_right_completions_are_worth_all_there_is() -> None:
    name, life = told()
    answers = AnswerEnvironment()
    pairs = list(of_answers(life, answers_of_life(life, name, 8), answers))
    assert len(pairs) > 10
    task = AnswerTask([episode for episode, _ in pairs], answers, Weights())
    numbers = list(range(len(pairs)))
    rewards = task.rewards(numbers, [Sampled(example.completion, (), True) for _, example in pairs])
    assert {reward.total for reward in rewards} == {1.0}
    manager = ManagerEnvironment(lambda prompts: [Sampled("Memories: none\nAnswer: Hm.", (), True)] * len(prompts))
    right = list(of_manager(life, of_life(life, name), manager))
    assert len(right) > 5
    outcomes = manager.outcomes([e for e, _ in right], [[Sampled(x.completion, (), True)] for _, x in right])
    assert [outcome.malformed for [outcome] in outcomes] == [""] * len(right)
    manager.close()


def test_an_interval_holds_the_mean_and_a_gain_is_of_the_same_episodes() -> None:
    assert interval([1.0, 1.0, 1.0]) == (1.0, 1.0)
    low, high = interval([0.0, 1.0] * 50)
    # The standard error of 100 coins is 0.05.
    assert (low, high) == (pytest.approx(0.40, abs=0.02), pytest.approx(0.60, abs=0.02))
    assert gain([0.0, 1.0, 0.0], [1.0, 1.0, 1.0])[0] == pytest.approx(2 / 3)
    assert gain([0.0, 1.0], [0.0, 1.0]) == (0.0, 0.0, 0.0)


def test_a_score_is_of_the_likeliest_completions(start: Path, tmp_path: Path) -> None:
    made = materials(recipe("starter-answer-grpo", start), tmp_path)
    found = score(made.held_out, made.policy, 8)
    assert found.rewards == (0.0, 0.0, 0.0)
    assert found.as_dict()["episodes"] == 3
    assert str(found) == "0.000 (0.000 to 0.000) of 3 episodes"
