from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from assistant.agents.generation import ModelTraits
from assistant.errors import ModelFileError
from assistant.llm.manifest import ModelFile, shipped_model, shipped_models, verify

WEIGHTS = b"GGUF and some weights"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RECOLLECT_MODEL", raising=False)
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
template = "chatml"
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


def test_the_first_model_of_the_manifest_is_the_one_to_use(models: Path) -> None:
    model = shipped_model(models)
    assert model == ModelFile(
        name="starter",
        path=models / "starter.gguf",
        size=21,
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        context=2048,
        traits=ModelTraits(6, 0.9, 0.95, frozenset({"and", "lives"})),
        parents=("nobody",),
        command="recollect-train starter",
        seed=7,
        commit="abc",
        licence="Apache-2.0",
        scores={"operations": 0.9},
    )
    verify(model, checksum=True)


def test_all_models_are_listed_in_their_order(models: Path) -> None:
    assert [model.name for model in shipped_models(models)] == ["starter", "second"]


def test_the_environment_may_name_any_file(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_MODEL", str(models / "mine.gguf"))
    assert shipped_model(models) == ModelFile("mine", models / "mine.gguf")


def test_a_shipped_file_named_by_the_environment_keeps_what_is_known_of_it(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_MODEL", str(models / "second.gguf"))
    assert shipped_model(models).traits == ModelTraits(4)


def test_the_environment_may_name_a_file_where_no_models_are_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_MODEL", str(tmp_path / "mine.gguf"))
    assert shipped_model(tmp_path).name == "mine"


def test_a_missing_file_is_told_with_what_to_do(models: Path) -> None:
    (models / "starter.gguf").unlink()
    with pytest.raises(ModelFileError) as caught:
        verify(shipped_model(models))
    assert str(caught.value) == (
        f"The model file {models}/starter.gguf is missing. "
        "Fetch Recollect again, or name another model file with RECOLLECT_MODEL."
    )
    assert caught.value.exit_code == 5


def test_a_file_that_is_cut_off_is_found_by_its_size(models: Path) -> None:
    (models / "starter.gguf").write_bytes(WEIGHTS[:-1])
    with pytest.raises(ModelFileError, match="has 20 bytes instead of 21"):
        verify(shipped_model(models))


def test_damage_within_a_file_is_found_by_its_checksum(models: Path) -> None:
    (models / "starter.gguf").write_bytes(WEIGHTS.replace(b"some", b"same"))
    verify(shipped_model(models))
    with pytest.raises(ModelFileError, match="is damaged"):
        verify(shipped_model(models), checksum=True)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is not a model file"):
        verify(ModelFile("folder", tmp_path))


def test_a_missing_manifest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOLLECT_MODEL", raising=False)
    with pytest.raises(ModelFileError, match="There is no list of models at"):
        shipped_model(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[model", "Expected"),
        ('[[model]]\nname = "a"', "'file'"),
        ('[[model]]\nname="a"\nfile="a"\nsha256=""\nsize="x"\ncontext=1\nmemories_offered=1', "invalid literal"),
        ('[[model]]\nname="a"\ntemplate="jinja"', "the template 'jinja' is unknown"),
        ('model = "a"', "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_told(
    tmp_path: Path, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECOLLECT_MODEL", raising=False)
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ModelFileError, match=reason):
        shipped_model(tmp_path)


def test_an_empty_manifest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOLLECT_MODEL", raising=False)
    (tmp_path / "manifest.toml").write_text("", encoding="utf-8")
    with pytest.raises(ModelFileError, match="No model came with this copy"):
        shipped_model(tmp_path)
