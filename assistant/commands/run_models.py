"""The list of models, as runs of training have to do with it: what is in use, taking a made one in, and choosing.

Promises that a model is read whole and compared with its checksum before it is taken in. Knows nothing of runs.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.agents.generation import Agent
from assistant.errors import NotWritable, RecollectError
from assistant.paths import Paths

if TYPE_CHECKING:  # What follows is imported when it is needed: the chat makes one before its first paint.
    from assistant.llm.files.installed import InstalledModels
    from assistant.training.adopting import Choice
    from assistant.training.recipes import Scores


class InstalledRunModels:
    """The models in the data folder `paths` (`training.adopting.RunModels`)."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    @property
    def pinned(self) -> str:
        """The file that the environment names, "" if it names none."""
        from assistant.llm.files.installed import MODEL_VARIABLE

        return os.environ.get(MODEL_VARIABLE, "")

    def in_use(self) -> Scores:
        """The model that answers, and its scores, if its manifest has any. Raises ModelFileError."""
        from assistant.llm.files.manifest import ModelFile
        from assistant.training.recipes import Scores

        model = self._read().chosen(Agent.ANSWER)
        if not isinstance(model, ModelFile):
            return Scores(model.name)
        return Scores(model.name, model.scores, model.sha256)

    def choice(self) -> Choice:
        """What each agent was told to use."""
        used = self._read().added.used
        return {agent: used.get(agent) for agent in Agent}

    def choose(self, choice: Choice) -> None:
        """Has each agent use that model, or, for None, what came with the program. Raises InputError."""
        from dataclasses import replace

        installed = self._read()
        for agent, name in choice.items():
            if name is not None:
                installed = installed.using(installed.named(name), (agent,))
            else:
                used = {other: chosen for other, chosen in installed.added.used.items() if other is not agent}
                installed = replace(installed, added=replace(installed.added, used=used))
        installed.save()

    def take_in(self, manifest: Path, name: str) -> tuple[Agent, ...]:
        """Takes in the first model of that manifest, with what is known of it. Raises ModelFileError, NotWritable."""
        from dataclasses import replace

        from assistant.llm.files.manifest import ModelFile, read_manifest, verify

        made = read_manifest(manifest).models[0]
        assert isinstance(made, ModelFile)
        verify(made, checksum=True)
        here = self._paths.models / f"{name}.gguf"
        self._paths.create()
        _copy(made.path, here)
        self._read().with_model(replace(made, name=name, path=here)).save()
        return made.agents

    def _read(self) -> InstalledModels:
        from assistant.llm.files.installed import InstalledModels

        return InstalledModels.read(self._paths)


def _copy(source: Path, target: Path) -> None:
    """Puts the file there whole or not at all; the run's folder may go one day."""
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        try:
            os.link(source, partial)  # Takes no room where the file system can do it.
        except OSError:
            shutil.copyfile(source, partial)
        partial.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(path: Path, error: OSError) -> RecollectError:
    return NotWritable(f"{path} cannot be written ({error.strerror}).", "Make it writable, or free some space.")
