"""What is known of models: a manifest in TOML, read and checked. One ships with them, the user's has the same form.

Promises that a file that is missing, cut off or made for another base is found before llama.cpp meets it. Knows nothing
of what a model does.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import assistant
from assistant.agents.generation import USUAL_TRAITS, Agent, ModelTraits
from assistant.errors import ModelFileError
from assistant.llm.protocol import USUAL_CONTEXT
from assistant.llm.servers.address import ServerAddress, Structure

MANIFEST = "manifest.toml"

_REINSTALL = "Fetch Recollect again, or use another model: recollect models use NAME."
_BLOCK = 1 << 20
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA for one agent, on the base with the SHA-256 `base`."""

    path: Path
    size: int | None = None
    sha256: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's file and what is known of it.

    `size` is in bytes and `sha256` in hexadecimal, both None for a file that no manifest describes; `context` is in
    tokens, 0 for what is usual. The `agents` it is for may run on it as it is, or each with its adapter; one that
    thinks may do so for `thinking` tokens.
    """

    name: str
    path: Path
    size: int | None = None
    sha256: str | None = None
    context: int = 0
    traits: ModelTraits = USUAL_TRAITS
    agents: tuple[Agent, ...] = tuple(Agent)
    adapters: Mapping[Agent, Adapter] = field(default_factory=lambda: _NOTHING)
    thinking: int = 0
    parents: tuple[str, ...] = ()
    command: str = ""
    seed: int | None = None
    commit: str = ""
    licence: str = ""
    scores: Mapping[str, float] = field(default_factory=lambda: _NOTHING)

    @property
    def files(self) -> tuple[ModelFile | Adapter, ...]:
        """All that has to be there for it to run."""
        return (self, *self.adapters.values())


@dataclass(frozen=True, slots=True)
class ServerModel:
    """A model that runs elsewhere, where the user said that it does."""

    name: str
    address: ServerAddress
    traits: ModelTraits = USUAL_TRAITS
    agents: tuple[Agent, ...] = tuple(Agent)


Model = ModelFile | ServerModel


@dataclass(frozen=True, slots=True)
class Manifest:
    """The models that a manifest describes, and which of them each agent is to use, where it says so."""

    models: tuple[Model, ...] = ()
    used: Mapping[Agent, str] = field(default_factory=lambda: _NOTHING)


def models_folder() -> Path:
    """Where the shipped models are: within the installed package, or beside it in a source checkout."""
    package = Path(assistant.__file__).resolve().parent
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def read_manifest(path: Path) -> Manifest:
    """What the manifest at `path` says; paths in it are relative to its folder. Raises ModelFileError."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        models = tuple(_model(entry, path.parent) for entry in told.get("model", []))
        return Manifest(models, {Agent(agent): str(name) for agent, name in told.get("use", {}).items()})
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no list of models at {path}.", _REINSTALL) from error
    except OSError as error:
        raise ModelFileError(f"The list of models at {path} cannot be read ({error.strerror}).", _REINSTALL) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"The list of models at {path} cannot be read ({error}).", _REINSTALL) from error


def verify(model: ModelFile, *, checksum: bool = False, on_read: Callable[[int], None] | None = None) -> None:
    """Checks that all its files are there, have their sizes and belong together. Raises ModelFileError.

    `checksum` reads all of them. Without it, that they belong together is taken from what was written down of them.
    `on_read` is that of `sha256_of`.
    """
    for agent, adapter in model.adapters.items():
        if adapter.base is not None and model.sha256 is not None and adapter.base != model.sha256:
            raise ModelFileError(
                f"The {agent} adapter of {model.name} was made for another base model.",
                "Take the base it was made for, or an adapter for this one.",
            )
    for file in model.files:
        _verify_file(file, checksum=checksum, on_read=on_read)


def sha256_of(path: Path, on_read: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal. `on_read` gets the bytes of each block read, and may raise to end it."""
    digest, block = hashlib.sha256(), bytearray(_BLOCK)
    view = memoryview(block)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(view[:count])
            if on_read is not None:
                on_read(count)
    return digest.hexdigest()


def _verify_file(file: ModelFile | Adapter, *, checksum: bool, on_read: Callable[[int], None] | None) -> None:
    try:
        size = file.path.stat().st_size
        if not file.path.is_file():
            raise ModelFileError(f"{file.path} is not a model file.", _REINSTALL)
        if file.size is not None and size != file.size:
            raise ModelFileError(
                f"The model file {file.path} has {size} bytes instead of {file.size}: it is cut off or another one.",
                _REINSTALL,
            )
        if checksum and file.sha256 is not None and sha256_of(file.path, on_read) != file.sha256:
            raise ModelFileError(f"The model file {file.path} is damaged: its SHA-256 is another.", _REINSTALL)
    except FileNotFoundError as error:
        raise ModelFileError(f"The model file {file.path} is missing.", _REINSTALL) from error
    except OSError as error:
        raise ModelFileError(f"The model file {file.path} cannot be read ({error.strerror}).", _REINSTALL) from error


def _model(entry: Any, folder: Path) -> Model:
    if not isinstance(entry, dict):
        raise ValueError("a model is not a table")
    name = str(entry["name"])
    agents = tuple(Agent(agent) for agent in entry.get("agents", tuple(Agent)))
    if "server" in entry:
        return ServerModel(name, _address(entry), _traits(entry), agents)
    return ModelFile(
        name=name,
        path=folder / entry["file"],
        size=_optional_int(entry, "size"),
        sha256=entry.get("sha256"),
        context=int(entry.get("context", 0)),
        traits=_traits(entry),
        agents=agents,
        adapters={Agent(agent): _adapter(told, folder) for agent, told in entry.get("adapters", {}).items()},
        thinking=int(entry.get("thinking", 0)),
        parents=tuple(entry.get("parents", ())),
        command=entry.get("command", ""),
        seed=entry.get("seed"),
        commit=entry.get("commit", ""),
        licence=entry.get("licence", ""),
        scores={name: float(score) for name, score in entry.get("scores", {}).items()},
    )


def _traits(entry: Mapping[str, Any]) -> ModelTraits:
    usual = USUAL_TRAITS
    return ModelTraits(
        memories_offered=int(entry.get("memories_offered", usual.memories_offered)),
        least_confidence=float(entry.get("least_confidence", usual.least_confidence)),
        reconsider_below=float(entry.get("reconsider_below", usual.reconsider_below)),
        own_words=frozenset(str(word) for word in entry.get("own_words", ())),
        trained=bool(entry.get("trained", usual.trained)),
        history_turns=_optional_int(entry, "history_turns"),
        answer_tokens=int(entry.get("answer_tokens", usual.answer_tokens)),
    )


def _adapter(entry: Mapping[str, Any], folder: Path) -> Adapter:
    return Adapter(folder / entry["file"], _optional_int(entry, "size"), entry.get("sha256"), entry.get("base"))


def _address(entry: Mapping[str, Any]) -> ServerAddress:
    return ServerAddress(
        base_url=str(entry["server"]),
        model=str(entry["model"]),
        key_variable=str(entry.get("key_variable", "")),
        structure=Structure(entry.get("structure", Structure.AUTO)),
        context=int(entry.get("context", USUAL_CONTEXT)),
    )


def _optional_int(entry: Mapping[str, Any], key: str) -> int | None:
    return int(entry[key]) if key in entry else None
