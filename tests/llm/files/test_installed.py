from __future__ import annotations

from pathlib import Path

import pytest

from assistant.agents.generation import Agent, ModelTraits
from assistant.errors import InputError, ModelFileError, NotWritable
from assistant.llm.files.installed import InstalledModels, chosen_models
from assistant.llm.files.manifest import Adapter, Manifest, ModelFile, ServerModel
from assistant.llm.servers.address import ServerAddress, Structure
from assistant.paths import Paths

SHIPPED = """
[[model]]
name = "starter"
file = "starter.gguf"
size = 4
[[model]]
name = "second"
file = "second.gguf"
agents = ["manager"]
"""
BOTH = (Agent.MANAGER, Agent.ANSWER)
AWAY = ServerModel("away", ServerAddress("http://localhost:1/v1", "m", "KEY", Structure.SCHEMA, 4096))


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "manifest.toml").write_text(SHIPPED, encoding="utf-8")
    (folder / "starter.gguf").write_bytes(b"GGUF")
    return folder


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "data")


def mine(paths: Paths, **known: object) -> ModelFile:
    path = paths.models / "mine.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF and more")
    return ModelFile("mine", path, size=13, **known)  # type: ignore[arg-type]


def test_without_a_choice_both_agents_use_the_first_shipped_model(paths: Paths, shipped: Path) -> None:
    installed = InstalledModels.read(paths, shipped)
    assert [installed.chosen(agent).name for agent in Agent] == ["starter", "starter"]


def test_what_a_user_adds_and_chooses_is_written_down_and_read_again(paths: Paths, shipped: Path) -> None:
    lora = paths.models / "lora.gguf"
    traits = ModelTraits(5, 0.5, 0.25, frozenset({"a", "b"}), trained=True, history_turns=3, answer_tokens=99)
    model = mine(
        paths,
        sha256="ab",
        context=2048,
        traits=traits,
        agents=(Agent.MANAGER,),
        adapters={Agent.MANAGER: Adapter(lora, 4, "cd", "ab")},
        thinking=100,
        parents=("p",),
        command="c",
        seed=0,
        commit="d",
        licence="MIT",
        scores={"answers": 0.5},
    )
    lora.write_bytes(b"GGUF")
    installed = InstalledModels.read(paths, shipped).with_model(model).with_model(AWAY)
    installed.using(model, (Agent.MANAGER,)).using(AWAY, (Agent.ANSWER,)).save()
    again = InstalledModels.read(paths, shipped)
    assert again.added.models == (model, AWAY)
    assert (again.chosen(Agent.MANAGER), again.chosen(Agent.ANSWER)) == (model, AWAY)
    assert [found.name for found in again.models] == ["mine", "away", "starter", "second"]


def test_the_list_moves_with_its_folder_and_is_for_its_owner_alone(paths: Paths, shipped: Path) -> None:
    InstalledModels.read(paths, shipped).with_model(mine(paths)).save()
    manifest = paths.models / "manifest.toml"
    assert manifest.stat().st_mode & 0o777 == 0o600
    assert 'file = "mine.gguf"' in manifest.read_text()
    assert [path.name for path in paths.models.iterdir()] == ["mine.gguf", "manifest.toml"]


def test_a_model_that_is_removed_is_used_no_more(paths: Paths, shipped: Path) -> None:
    model = mine(paths)
    installed = InstalledModels.read(paths, shipped).with_model(model).using(model, BOTH)
    assert [installed.without(model).chosen(agent).name for agent in Agent] == ["starter", "starter"]
    with pytest.raises(InputError, match="starter came with Recollect and cannot be removed"):
        installed.without(installed.named("starter"))


def test_an_added_model_of_a_shipped_name_takes_its_place(paths: Paths, shipped: Path) -> None:
    path = paths.models / "newer.gguf"
    installed = InstalledModels.read(paths, shipped).with_model(ModelFile("starter", path))
    assert [model.name for model in installed.models] == ["starter", "second"]
    assert installed.named("starter") == ModelFile("starter", path)


def test_a_model_serves_only_the_agents_it_is_for(paths: Paths, shipped: Path) -> None:
    installed = InstalledModels.read(paths, shipped)
    with pytest.raises(InputError, match="second is not for the answer agent"):
        installed.using(installed.named("second"), BOTH)


def test_a_model_whose_file_is_missing_cannot_be_chosen(paths: Paths, shipped: Path) -> None:
    installed = InstalledModels.read(paths, shipped)
    with pytest.raises(ModelFileError, match=r"second\.gguf is missing"):
        installed.using(installed.named("second"), (Agent.MANAGER,))


def test_a_name_that_is_unknown_is_told_with_those_that_are_not(paths: Paths, shipped: Path) -> None:
    with pytest.raises(InputError) as caught:
        InstalledModels.read(paths, shipped).named("other")
    assert str(caught.value) == "There is no model named other. There are: starter, second."


def test_a_choice_that_is_gone_is_told(paths: Paths, shipped: Path) -> None:
    installed = InstalledModels(Manifest(), Manifest(used={Agent.ANSWER: "gone"}), paths.models)
    with pytest.raises(ModelFileError, match="The answer agent is to use the model gone, which is not there"):
        installed.chosen(Agent.ANSWER)


def test_an_empty_manifest_is_told(paths: Paths, shipped: Path) -> None:
    (shipped / "manifest.toml").write_text("", encoding="utf-8")
    with pytest.raises(ModelFileError, match="No model came with this copy"):
        InstalledModels.read(paths, shipped).chosen(Agent.ANSWER)


def test_the_environment_may_name_any_file_also_where_no_models_are_shipped(
    paths: Paths, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_MODEL", str(tmp_path / "named.gguf"))
    for folder in (shipped, tmp_path):
        assert InstalledModels.read(paths, folder).chosen(Agent.ANSWER) == ModelFile("named", tmp_path / "named.gguf")


def test_a_shipped_file_named_by_the_environment_keeps_what_is_known_of_it(
    paths: Paths, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_MODEL", str(shipped / "second.gguf"))
    assert InstalledModels.read(paths, shipped).chosen(Agent.ANSWER).agents == (Agent.MANAGER,)


def test_a_folder_that_cannot_be_written_is_told(paths: Paths, shipped: Path) -> None:
    paths.data.mkdir()
    paths.models.write_text("a file in the way")
    with pytest.raises(NotWritable):
        InstalledModels.read(paths, shipped).with_model(AWAY).save()


def test_what_really_ships_serves_both_agents_and_is_trained_for_it(paths: Paths) -> None:
    chosen = chosen_models(paths)
    assert [chosen[agent].name for agent in Agent] == ["recollect-starter", "recollect-starter"]
    traits = chosen[Agent.ANSWER].traits
    assert (traits.trained, traits.history_turns, traits.answer_tokens) == (True, 2, 384)
