from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.agents.generation import Agent, ModelTraits
from assistant.errors import ModelFileError
from assistant.llm.files.manifest import Adapter, Manifest, ModelFile, ServerModel, read_manifest, verify
from assistant.llm.servers.address import ServerAddress, Structure

WEIGHTS = b"GGUF and some weights"


def first(folder: Path) -> ModelFile:
    model = read_manifest(folder / "manifest.toml").models[0]
    assert isinstance(model, ModelFile)
    return model


def told(folder: Path, text: str) -> Manifest:
    (folder / "manifest.toml").write_text(text, encoding="utf-8")
    return read_manifest(folder / "manifest.toml")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "starter.gguf").write_bytes(WEIGHTS)
    (tmp_path / "manifest.toml").write_text(
        f"""
[[model]]
name = "starter"
file = "starter.gguf"
sha256 = "{hashlib.sha256(WEIGHTS).hexdigest()}"
size = 21
parents = ["nobody"]
command = "recollect-train starter"
seed = 7
commit = "abc"
licence = "Apache-2.0"
context = 2048
trained = true
history_turns = 2
answer_tokens = 384
memories_offered = 6
least_confidence = 0.9
reconsider_below = 0.95
own_words = ["and", "lives"]

[model.scores]
operations = 0.9

[[model]]
name = "second"
file = "second.gguf"
sha256 = "00"
size = 5
context = 1024
memories_offered = 4
""",
        encoding="utf-8",
    )
    return tmp_path


def test_all_that_a_manifest_says_of_a_model_is_read(models: Path) -> None:
    model = first(models)
    assert model == ModelFile(
        name="starter",
        path=models / "starter.gguf",
        size=21,
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        context=2048,
        traits=ModelTraits(6, 0.9, 0.95, frozenset({"and", "lives"}), trained=True, history_turns=2, answer_tokens=384),
        parents=("nobody",),
        command="recollect-train starter",
        seed=7,
        commit="abc",
        licence="Apache-2.0",
        scores={"operations": 0.9},
    )
    verify(model, checksum=True)


def test_all_models_are_listed_in_their_order(models: Path) -> None:
    listed = read_manifest(models / "manifest.toml").models
    assert [model.name for model in listed] == ["starter", "second"]
    assert listed[1].traits == ModelTraits(4)


def test_one_base_may_have_an_adapter_for_each_agent(tmp_path: Path) -> None:
    manifest = told(
        tmp_path,
        """
[[model]]
name = "base"
file = "base.gguf"
sha256 = "ab"
[model.adapters.manager]
file = "manager.gguf"
size = 7
sha256 = "cd"
base = "ab"
[model.adapters.answer]
file = "answer.gguf"
""",
    )
    assert manifest.models == (
        ModelFile(
            "base",
            tmp_path / "base.gguf",
            sha256="ab",
            adapters={
                Agent.MANAGER: Adapter(tmp_path / "manager.gguf", 7, "cd", "ab"),
                Agent.ANSWER: Adapter(tmp_path / "answer.gguf"),
            },
        ),
    )


def test_each_agent_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    manifest = told(
        tmp_path,
        """
[[model]]
name = "writer"
file = "writer.gguf"
agents = ["manager"]
[[model]]
name = "speaker"
file = "speaker.gguf"
agents = ["answer"]
[use]
manager = "writer"
answer = "speaker"
""",
    )
    assert [model.agents for model in manifest.models] == [(Agent.MANAGER,), (Agent.ANSWER,)]
    assert manifest.used == {Agent.MANAGER: "writer", Agent.ANSWER: "speaker"}


def test_a_model_may_run_on_a_server(tmp_path: Path) -> None:
    manifest = told(
        tmp_path,
        """
[[model]]
name = "away"
server = "http://localhost:11434/v1"
model = "qwen3:4b"
structure = "schema"
key_variable = "MY_KEY"
context = 4096
""",
    )
    address = ServerAddress("http://localhost:11434/v1", "qwen3:4b", "MY_KEY", Structure.SCHEMA, 4096)
    assert manifest.models == (ServerModel("away", address),)


def test_a_base_and_an_adapter_that_do_not_belong_together_are_refused(models: Path) -> None:
    (models / "lora.gguf").write_bytes(b"GGUF")
    model = replace(first(models), adapters={Agent.MANAGER: Adapter(models / "lora.gguf", base="00")})
    with pytest.raises(ModelFileError) as caught:
        verify(model)
    assert str(caught.value) == (
        "The manager adapter of starter was made for another base model. "
        "Take the base it was made for, or an adapter for this one."
    )


def test_an_adapter_that_is_missing_is_told(models: Path) -> None:
    model = replace(first(models), adapters={Agent.MANAGER: Adapter(models / "lora.gguf")})
    with pytest.raises(ModelFileError, match=r"lora\.gguf is missing"):
        verify(model)


def test_a_missing_file_is_told_with_what_to_do(models: Path) -> None:
    (models / "starter.gguf").unlink()
    with pytest.raises(ModelFileError) as caught:
        verify(first(models))
    assert str(caught.value) == (
        f"The model file {models}/starter.gguf is missing. "
        "Fetch Recollect again, or use another model: recollect models use NAME."
    )
    assert caught.value.exit_code == 5


def test_a_file_that_is_cut_off_is_found_by_its_size(models: Path) -> None:
    (models / "starter.gguf").write_bytes(WEIGHTS[:-1])
    with pytest.raises(ModelFileError, match="has 20 bytes instead of 21"):
        verify(first(models))


def test_damage_within_a_file_is_found_by_its_checksum(models: Path) -> None:
    (models / "starter.gguf").write_bytes(WEIGHTS.replace(b"some", b"same"))
    verify(first(models))
    with pytest.raises(ModelFileError, match="is damaged"):
        verify(first(models), checksum=True)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is not a model file"):
        verify(ModelFile("folder", tmp_path))


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="There is no list of models at"):
        read_manifest(tmp_path / "manifest.toml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[model", "Expected"),
        ('[[model]]\nname = "a"', "'file'"),
        ('[[model]]\nname="a"\nfile="a"\nsize="x"', "invalid literal"),
        ('[[model]]\nname="a"\nfile="a"\nagents=["cook"]', "'cook' is not a valid Agent"),
        ('[[model]]\nname="a"\nfile="a"\nadapters="b"', "cannot be read"),
        ('[[model]]\nname="a"\nserver="http://localhost"\nmodel="b"\nstructure="loose"', "'loose' is not a valid"),
        ('[use]\ncook = "a"', "'cook' is not a valid Agent"),
        ('use = "a"', "cannot be read"),
        ('model = "a"', "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason):
        told(tmp_path, text)
