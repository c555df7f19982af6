"""Which models there are and which of them each agent uses: those that shipped, and those that the user added.

The user's are in a manifest of their own in the data folder, written by the commands here. Knows nothing of downloads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assistant.agents.generation import USUAL_TRAITS, Agent
from assistant.errors import InputError, ModelFileError, NotWritable
from assistant.llm.files.manifest import (
    MANIFEST,
    Adapter,
    Manifest,
    Model,
    ModelFile,
    ServerModel,
    models_folder,
    read_manifest,
    verify,
)
from assistant.paths import Paths, make_private_folder

MODEL_VARIABLE = "RECOLLECT_MODEL"
_REINSTALL = "Fetch Recollect again, or name a model file with RECOLLECT_MODEL."


@dataclass(frozen=True, slots=True)
class InstalledModels:
    """All models at hand. Those added come from `folder`, which keeps their manifest too."""

    shipped: Manifest
    added: Manifest
    folder: Path

    @classmethod
    def read(cls, paths: Paths, shipped: Path | None = None) -> InstalledModels:
        """What is there. Raises ModelFileError if a manifest cannot be read."""
        added = paths.models / MANIFEST
        return cls(
            _shipped(shipped or models_folder()), read_manifest(added) if added.exists() else Manifest(), paths.models
        )

    @property
    def models(self) -> tuple[Model, ...]:
        """Those added come first: they were put there on purpose, also one of the name of a shipped one."""
        names = {model.name for model in self.added.models}
        return (*self.added.models, *(model for model in self.shipped.models if model.name not in names))

    def named(self, name: str) -> Model:
        """Raises InputError."""
        found = next((model for model in self.models if model.name == name), None)
        if found is None:
            known = ", ".join(model.name for model in self.models) or "none"
            raise InputError(f"There is no model named {name}.", f"There are: {known}.")
        return found

    def is_added(self, model: Model) -> bool:
        return any(added.name == model.name for added in self.added.models)

    def chosen(self, agent: Agent) -> Model:
        """What `agent` uses: the file that RECOLLECT_MODEL names, else what was chosen, else what shipped.

        Raises ModelFileError if there is none.
        """
        if named := os.environ.get(MODEL_VARIABLE):
            return self._at(Path(named).expanduser().absolute())
        for manifest in (self.added, self.shipped):
            if name := manifest.used.get(agent):
                found = next((model for model in self.models if model.name == name), None)
                if found is None:
                    raise ModelFileError(
                        f"The {agent} agent is to use the model {name}, which is not there.",
                        "Choose another: recollect models use NAME.",
                    )
                return found
        model = next((model for model in self.shipped.models if agent in model.agents), None)
        if model is None:
            raise ModelFileError("No model came with this copy of Recollect.", _REINSTALL)
        return model

    def with_model(self, model: Model) -> InstalledModels:
        """With `model` added, in the place of one of that name that was added before."""
        others = tuple(other for other in self.added.models if other.name != model.name)
        return replace(self, added=replace(self.added, models=(*others, model)))

    def without(self, model: Model) -> InstalledModels:
        """Without a model that was added; agents that used it use what shipped again. Raises InputError."""
        if not self.is_added(model):
            raise InputError(
                f"{model.name} came with Recollect and cannot be removed.", "Use another one in its place."
            )
        used = {agent: name for agent, name in self.added.used.items() if name != model.name}
        kept = tuple(other for other in self.added.models if other.name != model.name)
        return replace(self, added=Manifest(kept, used))

    def using(self, model: Model, agents: tuple[Agent, ...]) -> InstalledModels:
        """With `agents` using `model`. Raises InputError, ModelFileError if it cannot run."""
        for agent in agents:
            if agent not in model.agents:
                raise InputError(f"{model.name} is not for the {agent} agent.", "Choose another for that one.")
        if isinstance(model, ModelFile):
            verify(model)
        return replace(self, added=replace(self.added, used={**self.added.used, **dict.fromkeys(agents, model.name)}))

    def save(self) -> None:
        """Writes down what was added and chosen. Raises NotWritable."""
        import tomli_w  # Late: only a change needs it.

        path = self.folder / MANIFEST
        partial = path.with_name(f"{MANIFEST}.partial")
        told: dict[str, Any] = {"model": [_entry(model, self.folder) for model in self.added.models]}
        if self.added.used:
            told["use"] = {agent.value: name for agent, name in self.added.used.items()}
        try:
            make_private_folder(self.folder)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                tomli_w.dump(told, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            raise NotWritable(
                f"The list of models at {path} cannot be written ({error.strerror}).",
                "Make the folder writable, or free some space.",
            ) from error

    def _at(self, path: Path) -> ModelFile:
        for model in self.models:
            if isinstance(model, ModelFile) and model.path.resolve() == path.resolve():
                return model
        return ModelFile(path.stem, path)


def chosen_models(paths: Paths) -> dict[Agent, Model]:
    """What each agent uses. Raises ModelFileError."""
    installed = InstalledModels.read(paths)
    return {agent: installed.chosen(agent) for agent in Agent}


def _shipped(folder: Path) -> Manifest:
    if os.environ.get(MODEL_VARIABLE) and not (folder / MANIFEST).exists():
        return Manifest()  # It does not matter to who names a file of their own.
    return read_manifest(folder / MANIFEST)


def _entry(model: Model, folder: Path) -> dict[str, Any]:
    """`model` as a table of the manifest; what is as usual is left out."""
    told: dict[str, Any] = {"name": model.name}
    if isinstance(model, ServerModel):
        address = model.address
        told |= {"server": address.base_url, "model": address.model, "structure": address.structure.value}
        told |= {"context": address.context}
        if address.key_variable:
            told["key_variable"] = address.key_variable
    else:
        told |= _file_entry(model, folder)
    if model.agents != tuple(Agent):
        told["agents"] = [agent.value for agent in model.agents]
    for name in ("memories_offered", "least_confidence", "reconsider_below", "trained", "answer_tokens"):
        if getattr(model.traits, name) != getattr(USUAL_TRAITS, name):
            told[name] = getattr(model.traits, name)
    if model.traits.history_turns is not None:
        told["history_turns"] = model.traits.history_turns
    if model.traits.own_words:
        told["own_words"] = sorted(model.traits.own_words)
    return told


def _file_entry(model: ModelFile, folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = {"file": _relative(model.path, folder)}
    known: Mapping[str, Any] = {
        "size": model.size,
        "sha256": model.sha256,
        "context": model.context,
        "thinking": model.thinking,
        "parents": list(model.parents),
        "command": model.command,
        "seed": model.seed,
        "commit": model.commit,
        "licence": model.licence,
        "scores": dict(model.scores),
        "adapters": {agent.value: _adapter_entry(adapter, folder) for agent, adapter in model.adapters.items()},
    }
    return told | {key: value for key, value in known.items() if value or (value == 0 and key == "seed")}


def _adapter_entry(adapter: Adapter, folder: Path) -> dict[str, Any]:
    known = {
        "file": _relative(adapter.path, folder),
        "size": adapter.size,
        "sha256": adapter.sha256,
        "base": adapter.base,
    }
    return {key: value for key, value in known.items() if value is not None}


def _relative(path: Path, folder: Path) -> str:
    """What is in the folder moves with it."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
