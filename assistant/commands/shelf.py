"""The models that are here and those that can be had, as one thing to ask: for the command and for the screen alike.

Promises that nothing is asked of the network but by `pull`. Knows nothing of how anything is shown.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from assistant.agents.generation import Agent
from assistant.errors import InputError, InterruptedByUser, ModelFileError, RecollectError
from assistant.paths import Paths

if TYPE_CHECKING:  # What follows is imported when it is needed: the chat makes a shelf before its first paint.
    from pathlib import Path

    from assistant.agents.speed import MeasuredSpeed
    from assistant.llm.files.download import Progress
    from assistant.llm.files.installed import InstalledModels
    from assistant.llm.files.manifest import Model, ModelFile, ServerModel
    from assistant.tui.modeling.shelf import Addition, InstalledModel, OfferedModel, OnProgress, Stock, Wanted


class Shelf:
    """What is in the data folder `paths`, and what the catalogue offers (`tui.modeling.shelf.ModelShelf`)."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def stock(self) -> Stock:
        """Reads all of it anew. Raises ModelFileError if a list cannot be read or nothing can be chosen."""
        import os

        from assistant.llm.files.installed import MODEL_VARIABLE
        from assistant.llm.files.resources import available_memory, free_disk
        from assistant.llm.files.speeds import read_speeds
        from assistant.tui.modeling.shelf import Stock

        return Stock(
            self.installed(),
            self.offered(),
            available_memory(),
            free_disk(self._paths.models),
            read_speeds(self._paths),
            os.environ.get(MODEL_VARIABLE, ""),
        )

    def installed(self) -> tuple[InstalledModel, ...]:
        """The models, the chosen ones first. One that cannot be used says so."""
        from assistant.llm.files.installed import InstalledModels

        installed = InstalledModels.read(self._paths)
        chosen: dict[Agent, Model] = {}
        problem = ""
        for agent in Agent:
            try:
                chosen[agent] = installed.chosen(agent)
            except ModelFileError as error:
                problem = str(error)
        by_name = {model.name: model for model in (*installed.models, *chosen.values())}
        if not by_name:
            raise ModelFileError(problem)
        names = dict.fromkeys([*(model.name for model in chosen.values()), *by_name])
        return tuple(_described(by_name[name], chosen, installed) for name in names)

    def offered(self) -> tuple[OfferedModel, ...]:
        """What the catalogue offers, and what else is here in part."""
        from assistant.llm.files.catalogue import CATALOGUE, memory_needed, read_catalogue
        from assistant.llm.files.manifest import models_folder
        from assistant.llm.files.partial import unfinished_in
        from assistant.tui.modeling.shelf import OfferedModel

        begun = {each.name: each for each in unfinished_in(self._paths.models)}
        found = []
        for offer in read_catalogue(models_folder() / CATALOGUE):
            part = begun.pop(offer.file, None)
            done = part.done if part is not None else None
            found.append(
                OfferedModel(
                    name=offer.name,
                    url=offer.url,
                    host=_host(offer.url),
                    size=offer.size,
                    disk=_disk(offer.size, done),
                    memory=memory_needed(offer),
                    family=offer.family,
                    parameters=offer.parameters,
                    context=offer.context,
                    licence=offer.licence,
                    thinking=offer.thinking,
                    begun=done,
                )
            )
        others = (
            OfferedModel(
                part.name.removesuffix(".gguf"),
                part.address,
                _host(part.address),
                part.total,
                _disk(part.total, part.done),
                in_catalogue=False,
                begun=part.done,
            )
            for part in begun.values()
        )
        return (*others, *found)

    def check_chosen(self) -> None:
        """Raises ModelFileError if a model that is chosen is missing or not whole."""
        from assistant.llm.files.installed import chosen_models
        from assistant.llm.files.manifest import ModelFile, verify

        for model in chosen_models(self._paths).values():
            if isinstance(model, ModelFile):
                verify(model)

    def use(self, name: str, agents: tuple[Agent, ...]) -> None:
        """Has `agents` use the model. Raises InputError, ModelFileError if it cannot run."""
        installed = self._read()
        installed.using(installed.named(name), agents).save()

    def pull(self, wanted: Wanted, on_progress: OnProgress, cancel: threading.Event) -> str:
        """Downloads a model and takes it into the list; returns its name. See `download` for what it raises."""
        from assistant.commands import fetching
        from assistant.llm.files.partial import GOES_ON

        def told(progress: Progress) -> None:
            on_progress(progress.done, progress.total, progress.bytes_per_second)

        try:
            return fetching.pull(self._paths, wanted, told, cancel).name
        except RecollectError as error:
            if GOES_ON not in error.hint:
                raise
            # That is said of a command, and here there is a key.
            raise type(error)(error.message, error.hint.replace(GOES_ON, "r goes on where it stopped.")) from error

    def discard(self, url: str) -> None:
        """Drops what is here of an unfinished download. Raises InputError while it is under way."""
        from assistant.commands.fetching import file_of
        from assistant.llm.files.partial import locked_partial

        with locked_partial(self._paths.models / file_of(url)) as partial:
            partial.discard()

    def add(self, addition: Addition, on_progress: OnProgress, cancel: threading.Event) -> str:
        """Takes a file or a server into the list; returns its name. Raises InputError, EngineError."""
        from assistant.commands import fetching

        meter = _Meter(on_progress, cancel)
        return fetching.add(self._paths, addition, meter.tell).name

    def remove(self, name: str) -> bool:
        """Takes a model off the list, and says whether files went: those in our own folder. Raises InputError."""
        return bool(self.removed(name))

    def removed(self, name: str) -> list[Path]:
        """As `remove`; returns the files that are deleted."""
        from assistant.llm.files.manifest import ModelFile
        from assistant.llm.files.speeds import forget_speeds

        installed = self._read()
        model = installed.named(name)
        installed = installed.without(model)
        installed.save()
        kept = {file.path for other in installed.models if isinstance(other, ModelFile) for file in other.files}
        files = [file.path for file in model.files] if isinstance(model, ModelFile) else []
        ours = [path for path in files if path.parent == self._paths.models and path not in kept]
        for path in ours:
            path.unlink(missing_ok=True)
        forget_speeds(self._paths, name)
        return ours

    def verify(self, name: str, on_progress: OnProgress, cancel: threading.Event) -> bool:
        """Reads a model's files whole; says whether their checksum is known. Raises InputError, ModelFileError."""
        from assistant.llm.files.gguf_header import read_header
        from assistant.llm.files.manifest import ServerModel, verify

        model = self._named(name)
        if isinstance(model, ServerModel):
            raise InputError(f"{name} runs on a server; there is no file to read.", "Verify another one.")
        meter = _Meter(on_progress, cancel)
        total = sum(file.size or 0 for file in model.files if file.sha256 is not None) or None
        verify(model, checksum=True, on_read=lambda count: meter.tell(meter.done + count, total))
        read_header(model.path)
        return model.sha256 is not None

    def keep_speed(self, measured: MeasuredSpeed) -> None:
        """Writes it down. Raises NotWritable."""
        from assistant.llm.files.speeds import keep_speed

        keep_speed(self._paths, measured)

    def _read(self) -> InstalledModels:
        from assistant.llm.files.installed import InstalledModels

        return InstalledModels.read(self._paths)

    def _named(self, name: str) -> Model:
        """Also one that the environment names, which is on no list."""
        installed = self._read()
        if all(model.name != name for model in installed.models):
            for agent in Agent:
                if (chosen := installed.chosen(agent)).name == name:
                    return chosen
        return installed.named(name)


class _Meter:
    """Tells how far reading is, and ends it once it is cancelled."""

    def __init__(self, on_progress: OnProgress, cancel: threading.Event) -> None:
        self.done = 0
        self._on_progress = on_progress
        self._cancel = cancel
        self._begun = time.monotonic()

    def tell(self, done: int, total: int | None) -> None:
        if self._cancel.is_set():
            raise InterruptedByUser("Reading was stopped.", "Nothing was changed.")
        self.done = done
        self._on_progress(done, total, done / max(time.monotonic() - self._begun, 1e-3))


def _described(model: Model, chosen: dict[Agent, Model], installed: InstalledModels) -> InstalledModel:
    from assistant.llm.files.manifest import ModelFile

    used_by = tuple(agent for agent in Agent if agent in chosen and chosen[agent].name == model.name)
    if isinstance(model, ModelFile):
        return _file(model, used_by, came_along=not installed.is_added(model) and model in installed.shipped.models)
    return _server(model, used_by)


def _server(model: ServerModel, used_by: tuple[Agent, ...]) -> InstalledModel:
    from assistant.tui.modeling.shelf import InstalledModel

    address, is_private, problem = model.address, False, ""
    try:
        is_private = address.check()
    except RecollectError as error:
        problem = str(error)
    return InstalledModel(
        name=model.name,
        agents=model.agents,
        used_by=used_by,
        trained=model.traits.trained,
        context=address.context,
        server=address.base_url,
        server_model=address.model,
        is_private=is_private,
        key_variable=address.key_variable,
        problem=problem,
    )


def _file(model: ModelFile, used_by: tuple[Agent, ...], *, came_along: bool) -> InstalledModel:
    from assistant.llm.files.catalogue import memory_needed
    from assistant.llm.files.gguf_header import read_header
    from assistant.llm.files.manifest import verify
    from assistant.llm.files.quantisation import quantisation
    from assistant.tui.modeling.shelf import InstalledModel

    header, problem = None, ""
    try:
        header = read_header(model.path)
        verify(model)
    except ModelFileError as error:
        problem = error.message
    return InstalledModel(
        name=model.name,
        agents=model.agents,
        used_by=used_by,
        came_along=came_along,
        trained=model.traits.trained,
        path=str(model.path),
        size=model.path.stat().st_size if model.path.is_file() else None,
        memory=memory_needed(header) if header is not None else None,
        parameters=header.parameters if header is not None else 0,
        quantisation=quantisation(header.file_type) if header is not None else "",
        context=model.context or (header.context_length if header is not None else 0),
        thinking=model.thinking,
        licence=model.licence,
        adapters={agent: str(adapter.path) for agent, adapter in model.adapters.items()},
        checksum_known=model.sha256 is not None,
        problem=problem,
    )


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or ""


def _disk(size: int | None, done: int | None) -> int:
    from assistant.llm.files.download import RESERVE

    return (size or 0) - (done or 0) + RESERVE
