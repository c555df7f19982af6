"""Which models there are: models/manifest.toml, read and checked.

Promises that a file that is missing or cut off is found before llama.cpp meets it. Knows nothing of what a model does.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import assistant
from assistant.agents.generation import USUAL_TRAITS, ModelTraits
from assistant.errors import ModelFileError

MODEL_VARIABLE = "RECOLLECT_MODEL"
MANIFEST = "manifest.toml"
TEMPLATE = "chatml"
"""The one form of prompt that we write."""

_REINSTALL = "Fetch Recollect again, or name another model file with RECOLLECT_MODEL."


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's file and what is known of it.

    `size` is in bytes and `sha256` in hexadecimal, both None for a file that no manifest describes; `context` is in
    tokens, 0 for what the file itself says.
    """

    name: str
    path: Path
    size: int | None = None
    sha256: str | None = None
    context: int = 0
    traits: ModelTraits = USUAL_TRAITS
    parents: tuple[str, ...] = ()
    command: str = ""
    seed: int | None = None
    commit: str = ""
    licence: str = ""
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def models_folder() -> Path:
    """Where the shipped models are: within the installed package, or beside it in a source checkout."""
    package = Path(assistant.__file__).resolve().parent
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def shipped_models(folder: Path | None = None) -> tuple[ModelFile, ...]:
    """What the manifest in `folder` describes, the default model first. Raises ModelFileError."""
    folder = folder or models_folder()
    path = folder / MANIFEST
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("model", [])
        return tuple(_model(entry, folder) for entry in entries)
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no list of models at {path}.", _REINSTALL) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"The list of models at {path} cannot be read ({error}).", _REINSTALL) from error


def shipped_model(folder: Path | None = None) -> ModelFile:
    """The model to use: the file that RECOLLECT_MODEL names, else the first shipped one. Raises ModelFileError."""
    if named := os.environ.get(MODEL_VARIABLE):
        path = Path(named).expanduser().absolute()
        known = {model.path.resolve(): model for model in _known(folder)}
        return known.get(path.resolve(), ModelFile(path.stem, path))
    models = shipped_models(folder)
    if not models:
        raise ModelFileError("No model came with this copy of Recollect.", _REINSTALL)
    return models[0]


def verify(model: ModelFile, *, checksum: bool = False) -> None:
    """Checks that the file is there and has its size; `checksum` reads all of it. Raises ModelFileError."""
    try:
        size = model.path.stat().st_size
        if not model.path.is_file():
            raise ModelFileError(f"{model.path} is not a model file.", _REINSTALL)
        if model.size is not None and size != model.size:
            raise ModelFileError(
                f"The model file {model.path} has {size} bytes instead of {model.size}: it is cut off or another one.",
                _REINSTALL,
            )
        if checksum and model.sha256 is not None and _sha256(model.path) != model.sha256:
            raise ModelFileError(f"The model file {model.path} is damaged: its SHA-256 is another.", _REINSTALL)
    except FileNotFoundError as error:
        raise ModelFileError(f"The model file {model.path} is missing.", _REINSTALL) from error
    except OSError as error:
        raise ModelFileError(f"The model file {model.path} cannot be read ({error.strerror}).", _REINSTALL) from error


def _known(folder: Path | None) -> tuple[ModelFile, ...]:
    """The shipped models; none if there is no manifest, which does not matter to who names a file of their own."""
    try:
        return shipped_models(folder)
    except ModelFileError:
        return ()


def _model(entry: Any, folder: Path) -> ModelFile:
    if not isinstance(entry, dict):
        raise ValueError("a model is not a table")
    template = entry.get("template", TEMPLATE)
    if template != TEMPLATE:
        raise ValueError(f"the template {template!r} is unknown")
    return ModelFile(
        name=entry["name"],
        path=folder / entry["file"],
        size=int(entry["size"]),
        sha256=entry["sha256"],
        context=int(entry["context"]),
        traits=ModelTraits(
            int(entry["memories_offered"]),
            float(entry.get("least_confidence", 0.0)),
            float(entry.get("reconsider_below", 0.0)),
            frozenset(str(word) for word in entry.get("own_words", ())),
        ),
        parents=tuple(entry.get("parents", ())),
        command=entry.get("command", ""),
        seed=entry.get("seed"),
        commit=entry.get("commit", ""),
        licence=entry.get("licence", ""),
        scores=MappingProxyType({name: float(score) for name, score in entry.get("scores", {}).items()}),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
