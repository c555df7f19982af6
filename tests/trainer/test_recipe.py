"""Recipes: read whole, refused with the key that is wrong, changed from the command line, written and read again."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from trainer import recipes
from trainer.choices import Adaptation, Algorithm, Critic, LossType, Part, Precision, Report, Source, Trained, Vllm
from trainer.errors import TrainingError
from trainer.recipe import Rewards
from trainer.rewards import Weights

SMALL = """
algorithm: grpo
agent: answer
model: some/folder
data: {source: lives}
rollout: {group: 4}
optimisation: {batch: 16, micro_batch: 4, steps: 100, learning_rate: 1e-5}
"""
SFT = "algorithm: sft\nagent: manager\nmodel: m\ndata: {source: lives}\n" + SMALL.splitlines()[-1]
PPO = SMALL.replace("grpo", "ppo").replace("rollout: {group: 4}\n", "")


def _file(folder: Path, text: str, name: str = "own.yaml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def _refused(folder: Path, text: str, *changes: str) -> str:
    with pytest.raises(TrainingError) as refused:
        recipes.read(_file(folder, text), changes)
    return str(refused.value)


def test_a_recipe_is_what_its_file_says_and_the_rest_by_default(tmp_path: Path) -> None:
    recipe = recipes.read(_file(tmp_path, SMALL))

    assert (recipe.algorithm, recipe.agent, recipe.model) == (Algorithm.GRPO, Trained.ANSWER, "some/folder")
    assert (recipe.data.source, recipe.data.questions, recipe.data.window) == (Source.LIVES, 152, 50)
    assert (recipe.rollout.group, recipe.rollout.max_prompt, recipe.rollout.max_completion) == (4, 4096, 2048)
    assert (recipe.optimisation.learning_rate, recipe.optimisation.steps, recipe.optimisation.epochs) == (
        1e-5,
        100,
        None,
    )
    assert recipe.report_to is Report.NONE
    assert recipe.rewards.exact_match == 1.0
    assert sum(getattr(recipe.rewards, name) for name in recipe.rewards.__slots__) == 1.0


@pytest.mark.parametrize("name", recipes.shipped())
def test_each_recipe_that_comes_with_the_trainer_reads_back_from_what_a_run_notes(name: str, tmp_path: Path) -> None:
    recipe = recipes.read(name)

    assert recipe.about
    assert recipes.read(_file(tmp_path, recipes.written(recipe))) == recipe
    launch = (recipes.FOLDER / f"{name}.yaml").read_text("utf-8").splitlines()[0]
    assert launch.startswith("# ")
    assert launch.endswith(f" run {name}")


@pytest.mark.parametrize("name", [name for name in recipes.shipped() if name.startswith("paper-")])
def test_the_papers_recipes_have_what_the_paper_says(name: str) -> None:
    recipe = recipes.read(name)
    optimisation, rollout = recipe.optimisation, recipe.rollout

    assert (optimisation.batch, optimisation.micro_batch, optimisation.learning_rate) == (128, 2, 0.000_001)
    assert (rollout.max_prompt, rollout.max_completion, rollout.temperature) == (4096, 2048, 1.0)
    assert (recipe.data.questions, recipe.data.window, recipe.data.memories) == (152, 50, 60)
    assert (optimisation.schedule, optimisation.warmup_steps > 0) == ("constant", True)
    assert recipe.adapter.kind is Adaptation.FULL
    if recipe.algorithm is Algorithm.PPO:
        assert (optimisation.critic_learning_rate, recipe.ppo.critic) == (0.000_01, Critic.SEPARATE)


def test_both_algorithms_and_all_models_of_the_paper_have_a_recipe() -> None:
    found = {(read.algorithm.value, read.model) for name in recipes.shipped() for read in [recipes.read(name)]}
    models = ("meta-llama/Llama-3.1-8B-Instruct", *(f"Qwen/Qwen2.5-{size}-Instruct" for size in ("3B", "7B", "14B")))

    assert {(algorithm, model) for algorithm in ("grpo", "ppo") for model in models} <= found


def test_a_recipe_may_say_only_how_it_differs_from_another(tmp_path: Path) -> None:
    _file(tmp_path, SMALL, "first.yaml")
    _file(tmp_path, "base: first.yaml\nrollout: {temperature: 0.5}\nadapter: {kind: lora, r: 8}", "second.yaml")
    third = recipes.read(_file(tmp_path, "base: second.yaml\nrollout: {group: 8}\nadapter: null", "third.yaml"))

    assert (third.rollout.group, third.rollout.temperature, third.model) == (8, 0.5, "some/folder")
    assert (third.adapter.kind, third.adapter.r) == (Adaptation.FULL, 16)


def test_a_recipe_of_ones_own_may_be_based_on_one_that_comes_with_the_trainer(tmp_path: Path) -> None:
    own = recipes.read(_file(tmp_path, "base: paper-ppo\nmodel: mine"))

    assert (own.algorithm, own.model, own.optimisation.batch) == (Algorithm.PPO, "mine", 128)


def test_recipes_based_on_each_other_are_refused(tmp_path: Path) -> None:
    _file(tmp_path, "base: own.yaml", "other.yaml")

    assert _refused(tmp_path, "base: other.yaml").startswith("own.yaml is based on itself.")


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("optimisation.learning_rate=3e-6", "optimisation.learning_rate", 0.000_003),
        ("rollout.vllm=colocate", "rollout.vllm", Vllm.COLOCATE),
        ("model=8", "model", "8"),
        ("adapter={kind: lora, targets: [q_proj, v_proj]}", "adapter.targets", ("q_proj", "v_proj")),
        ("optimisation.gradient_checkpointing=true", "optimisation.gradient_checkpointing", True),
        ("optimisation.precision=float32", "optimisation.precision", Precision.FLOAT32),
        ("grpo.epsilon=1", "grpo.epsilon", 1.0),
        ("rollout.temperature=null", "rollout.temperature", 1.0),
    ],
)
def test_the_command_line_changes_a_value_and_its_type_is_the_keys(
    setting: str, path: str, value: object, tmp_path: Path
) -> None:
    file = _file(tmp_path, SMALL)
    found: object = recipes.read(file, [setting])
    for name in path.split("."):
        found = getattr(found, name)

    assert (found, type(found)) == (value, type(value))


def test_later_changes_go_before_earlier_ones(tmp_path: Path) -> None:
    assert recipes.read(_file(tmp_path, SMALL), ["rollout.group=8", "rollout.group=2"]).rollout.group == 2


def test_the_rewards_are_all_that_there_are_and_weigh_as_much() -> None:
    weights = Weights()

    assert recipes.read("paper-grpo").rewards == Rewards(**dict(weights.named()))
    assert [field.name for field in fields(Rewards)] == [name for name, _ in weights.named()]


def test_the_losses_are_all_that_trl_has() -> None:
    trl = find_spec("trl")
    assert trl
    assert trl.origin
    told = Path(trl.origin).parent.joinpath("trainer", "grpo_config.py").read_text("utf-8")
    listed = told.split("loss_type (`str`", 1)[1].split("mask_truncated_completions", 1)[0]

    assert set(re.findall(r'- `"(\w+)"`', listed)) == {loss.value for loss in LossType}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("rollout.grup=3", "There is no key rollout.grup (--set). Did you mean rollout.group?"),
        ("temperature=1", "There is no key temperature (--set). Did you mean rollout.temperature?"),
        ("optimization.batch=4", "There is no key optimization (--set). Did you mean optimisation?"),
        ("checkpoints.xyz=4", "There is no key checkpoints.xyz (--set). Known there: every and kept."),
        ("seed.x=1", "seed (--set) cannot be {'x': 1}. It is a whole number from 0 to 2147483647."),
        ("rollout=3", "rollout (--set) cannot be 3. It holds group, temperature, max_prompt, max_completion and vllm."),
        ("rollout.group", "--set rollout.group says no value. Write it as --set key.path=value."),
        ("rollout.group=many", "rollout.group (--set) cannot be 'many'. It is a whole number of at least 1."),
        ("rollout.group=0", "rollout.group (--set) cannot be 0. It is a whole number of at least 1."),
        ("rollout.group=4.0", "rollout.group (--set) cannot be 4.0. It is a whole number of at least 1."),
        ("rollout.group=true", "rollout.group (--set) cannot be true. It is a whole number of at least 1."),
        ("rollout.temperature=0", "rollout.temperature (--set) cannot be 0. It is a number above 0 and of at most 2."),
        ("rollout.temperature=.nan", "rollout.temperature (--set) cannot be '.nan'."),
        ("optimisation.learning_rate=1e999", "optimisation.learning_rate (--set) cannot be inf."),
        ("grpo.beta=1e999", "grpo.beta (--set) cannot be inf. It is a number of at least 0."),
        ("algorithm=gpro", "algorithm (--set) cannot be 'gpro'. It is sft, grpo or ppo. Did you mean grpo?"),
        ("optimisation.gradient_checkpointing=yes", "(--set) cannot be 'yes'. It is true or false."),
        ("adapter.targets=[q_proj, 3]", "adapter.targets (--set) cannot be ['q_proj', 3]. It is a list of names."),
        ("model=", "model (--set) cannot be ''. It is a text."),
        ("model=null", "model is missing. It is a text."),
        ("rollout.group=1", "rollout.group 1 is too small: grpo compares completions of the same prompt."),
        ("rollout.group=3", "optimisation.batch 16 is not a multiple of rollout.group 3."),
        ("optimisation.micro_batch=3", "optimisation.batch 16 is not a multiple of optimisation.micro_batch 3."),
        ("optimisation.epochs=1", "A run ends after optimisation.steps or after optimisation.epochs. Give one of"),
        ("optimisation.warmup_steps=101", "optimisation.warmup_steps 101 is more than all optimisation.steps 100."),
        ("ppo.critic=separate", "ppo.critic (--set) means something only where algorithm is ppo. Leave it out."),
        ("optimisation.critic_learning_rate=1e-5", "(--set) means something only where algorithm is ppo."),
        ("adapter.r=8", "adapter.r (--set) means something only where adapter.kind is lora."),
        ("answerer=x", "answerer (--set) means something only where agent is manager and algorithm is grpo or ppo."),
        ("rewards.bank_size=1", "rewards.bank_size (--set) means something only where agent is manager."),
        ("rewards.exact_match=0", "Each of the rewards weighs 0, so that nothing is learned."),
        ("rewards.judge=1", "rewards.judge asks for a judge, and judge.model is missing."),
        ("judge.model=x", "judge.model (--set) means something only where rewards.judge is above 0."),
        ("reference=x", "A reference is named, and nothing is compared with it at grpo.beta 0."),
        ("grpo.epsilon_high=0.1", "grpo.epsilon_high 0.1 is below grpo.epsilon 0.2."),
        ("grpo.loss_type=luspo", "Set grpo.importance_sampling to sequence."),
        ("data.source=locomo", "data.folder is missing: locomo comes with nothing here."),
        ("data.folder=x", "data.folder (--set) means something only where data.source is not lives."),
        ("data.split=test", "data.split (--set) cannot be 'test'. It is train or dev."),
    ],
)
def test_what_cannot_be_is_refused_with_its_key_and_what_is_allowed(setting: str, told: str, tmp_path: Path) -> None:
    assert told in _refused(tmp_path, SMALL, setting)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("rollout.group=4", "rollout.group (--set) means something only where algorithm is grpo."),
        ("rollout.vllm=server", "rollout.vllm (--set) means something only where algorithm is grpo."),
        ("ppo.mini_batch=5", "optimisation.batch 16 is not a multiple of ppo.mini_batch 5."),
        ("ppo.mini_batch=2", "ppo.mini_batch 2 is not a multiple of optimisation.micro_batch 4."),
        ("ppo.clip=1", "ppo.clip (--set) cannot be 1. It is a number above 0 and below 1."),
        ("ppo.clip_high=0.1", "ppo.clip_high 0.1 is below ppo.clip 0.2."),
        ("ppo.kl_in=loss", "ppo.kl_estimator k1 has a gradient of 0 on average where ppo.kl_in is loss."),
        ("ppo={kl_target: 1, kl_coefficient: 0}", "ppo.kl_target adapts ppo.kl_coefficient, which is 0."),
        ("grpo.beta=0", "grpo.beta (--set) means something only where algorithm is grpo."),
    ],
)
def test_ppo_refuses_what_it_cannot_do(setting: str, told: str, tmp_path: Path) -> None:
    assert told in _refused(tmp_path, PPO, setting)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("rewards.f1=1", "rewards.f1 (--set) means something only where algorithm is grpo or ppo."),
        ("rollout.temperature=1", "rollout.temperature (--set) means something only where algorithm is grpo or ppo."),
        ("data={source: msc, folder: x}", "data.source msc does not tell what would have been right to write"),
    ],
)
def test_sft_refuses_what_it_does_not_do(setting: str, told: str, tmp_path: Path) -> None:
    assert told in _refused(tmp_path, SFT, setting)


def test_what_is_trained_on_is_not_measured_on(tmp_path: Path) -> None:
    assert recipes.read(_file(tmp_path, SMALL), ["data.split=dev"]).data.split is Part.DEV
    told = _refused(tmp_path, SMALL, "data.split=dev", "evaluation.every=5")
    assert told.startswith("data.split dev would be trained on and measured on.")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "own.yaml holds no keys."),
        ("- a\n- b", "own.yaml holds no keys."),
        ("a: [1", "own.yaml cannot be read as YAML: line 1, "),
        ("seed: 1\nmodel: x\nseed: 2", "own.yaml cannot be read as YAML: line 3, seed stands twice."),
        ("rollout.group: 4", "rollout.group (own.yaml) is written with a dot."),
        ("modell: x", "There is no key modell (own.yaml). Did you mean model?"),
        ("1: x", "There is no key 1 (own.yaml)."),
        ("base: 3", "base (own.yaml) cannot be 3."),
        (
            "base: papr-grpo",
            "There is no recipe papr-grpo. Name a file of YAML, or one that comes with the trainer. Did",
        ),
        (SMALL + "seed: 010", "seed (own.yaml) cannot be '010'."),
        (SMALL + "report_to: off", "report_to (own.yaml) cannot be 'off'. It is none, tensorboard, wandb or mlflow."),
        (SMALL + "about: 3", "about (own.yaml) cannot be 3. It is a text."),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_with_the_place(text: str, told: str, tmp_path: Path) -> None:
    assert told in _refused(tmp_path, text)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_bytes(b"\xff\xfe")

    with pytest.raises(TrainingError, match="is not text in UTF-8"):
        recipes.read(tmp_path / "own.yaml")
    with pytest.raises(TrainingError, match=r"There is no recipe .*nothing\.yaml"):
        recipes.read(tmp_path / "nothing.yaml")


def test_what_a_run_notes_is_whole_and_without_what_means_nothing_to_it(tmp_path: Path) -> None:
    data = recipes.resolved(recipes.read(_file(tmp_path, SMALL)))

    assert data["grpo"] == {
        "loss_type": "grpo",
        "beta": 0.0,
        "epsilon": 0.2,
        "epsilon_high": None,
        "scale_rewards": "group",
        "importance_sampling": "token",
        "num_iterations": 1,
    }
    assert data["adapter"] == {"kind": "full"}
    assert "ppo" not in data
    assert "wrong_delete" not in data["rewards"]


def test_what_a_run_notes_means_the_same_to_other_readers_of_yaml(tmp_path: Path) -> None:
    names = ["model=1e-6", "about=no", "manager=010"]
    recipe = recipes.read(_file(tmp_path, SMALL), names)

    data = yaml.safe_load(recipes.written(recipe))
    assert (data["model"], data["about"], data["manager"]) == ("1e-6", "no", "010")
    assert data["optimisation"]["learning_rate"] == 0.000_01
    assert recipes.read(_file(tmp_path, recipes.written(recipe))) == recipe


@pytest.mark.parametrize(("processes", "batches"), [(1, 4), (2, 2), (4, 1)])
def test_a_batch_is_divided_among_processes(processes: int, batches: int, tmp_path: Path) -> None:
    assert recipes.read(_file(tmp_path, SMALL)).accumulation(processes) == batches


def test_a_batch_that_cannot_be_divided_among_processes_is_refused(tmp_path: Path) -> None:
    recipe = recipes.read(_file(tmp_path, SMALL))

    with pytest.raises(TrainingError, match="16 completions a step cannot be divided among 3 processes"):
        recipe.accumulation(3)


def test_reading_a_recipe_imports_nothing_heavy() -> None:
    code = """
import sys
from trainer import recipes
recipes.read("paper-grpo")
print(sorted({"torch", "transformers", "trl", "peft", "numpy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
