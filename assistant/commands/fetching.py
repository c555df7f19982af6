"""How models come into the list: from the catalogue or an address, from a file at hand, or as a server.

Promises that what cannot run here is told before hours are spent on it. Prints nothing: the command and the screen each
show what comes of it in their own way.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from assistant.agents.generation import Agent
from assistant.errors import InputError, ModelFileError
from assistant.llm.files.adapters import adapter_fits
from assistant.llm.files.catalogue import CATALOGUE, Offer, memory_needed, read_catalogue
from assistant.llm.files.download import WAITS, Progress, download, token_for
from assistant.llm.files.gguf_header import Header, Kind, read_header
from assistant.llm.files.installed import InstalledModels
from assistant.llm.files.manifest import Adapter, Model, ModelFile, ServerModel, models_folder, sha256_of
from assistant.llm.files.resources import available_memory
from assistant.llm.protocol import USUAL_CONTEXT
from assistant.llm.servers.address import ServerAddress, Structure
from assistant.paths import Paths
from assistant.quantities import in_words
from assistant.tui.modeling.shelf import Addition, Wanted

_NAME = re.compile(r"[\w.-]+")


def pull(
    paths: Paths,
    wanted: Wanted,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
) -> ModelFile:
    """Downloads a model and takes it into the list. Raises what `download` raises, and InputError."""
    offer = offer_named(wanted.what)
    url = offer.url if offer is not None else wanted.what
    file = offer.file if offer is not None else file_of(url)
    name = _checked_name(wanted.name or (offer.name if offer is not None else Path(file).stem))
    if offer is not None and not wanted.force:
        _check_memory(name, memory_needed(offer))
    target = paths.models / file
    done = download(
        url,
        target,
        sha256=wanted.sha256 or (offer.sha256 if offer is not None else None),
        size=offer.exact_size if offer is not None else None,
        on_progress=on_progress,
        cancel=cancel,
        token=token_for(url),
        waits=WAITS,
    )
    header = model_header(target)
    licence = offer.licence if offer is not None else header.licence
    model = ModelFile(name, target, size=done.size, sha256=done.sha256, licence=licence)
    InstalledModels.read(paths).with_model(model).save()
    return model


def add(paths: Paths, addition: Addition, on_read: Callable[[int, int], None] | None = None) -> Model:
    """Takes a file, which stays where it is, or a server into the list.

    `on_read` gets how many bytes of the file were read, and its size; it may raise to end it. Raises InputError,
    EngineError.
    """
    model = _server(addition) if is_address(addition.source) else _file(addition, on_read)
    InstalledModels.read(paths).with_model(model).save()
    return model


def is_address(source: str) -> bool:
    return re.match(r"https?://", source) is not None


def offer_named(name: str) -> Offer | None:
    """The catalogue's offer of that name; None for an address. Raises InputError."""
    if "://" in name:
        return None
    offers = read_catalogue(models_folder() / CATALOGUE)
    found = next((offer for offer in offers if offer.name == name), None)
    if found is None:
        raise InputError(
            f"The catalogue has no model named {name}.",
            f"It has: {', '.join(offer.name for offer in offers)}. An address of a GGUF file will do as well.",
        )
    return found


def file_of(url: str) -> str:
    """What the file at `url` will be called here. Raises InputError."""
    name = urlsplit(url).path.rpartition("/")[2]
    if not re.fullmatch(r"[\w.-]+\.gguf", name):
        raise InputError("The address does not end with the name of a GGUF file.", "Name one that ends with .gguf.")
    return name


def model_header(path: Path) -> Header:
    """The header of a model that can hold a conversation. Raises ModelFileError."""
    header = read_header(path)
    if header.kind is not Kind.MODEL:
        raise ModelFileError(f"{path} is an adapter, not a model.", "Add its base with --adapter AGENT=FILE.")
    if header.chat_template is None:
        raise ModelFileError(
            f"{path} has no chat template: it is no model for a conversation.", "Take an instruct one."
        )
    return header


def memory_shortage(path: Path) -> str:
    """What to say of a model that needs more memory than is free now, "" of one that does not."""
    there, needed = available_memory(), memory_needed(read_header(path))
    if there is None or needed <= there:
        return ""
    return f"It needs about {in_words(needed)} of memory, and {in_words(there)} are free now."


def _file(addition: Addition, on_read: Callable[[int, int], None] | None) -> ModelFile:
    path = Path(addition.source).expanduser().absolute()
    header = model_header(path)
    name = _checked_name(addition.name or path.stem)
    read = 0

    def count(more: int) -> None:
        nonlocal read
        read += more
        if on_read is not None:
            on_read(read, header.size)

    model = ModelFile(
        name,
        path,
        size=header.size,
        sha256=sha256_of(path, count),
        context=addition.context,
        agents=addition.agents,
        thinking=addition.thinking,
        licence=header.licence,
    )
    return replace(model, adapters={agent: _adapter(file, header, model) for agent, file in addition.adapters})


def _adapter(file: str, base: Header, model: ModelFile) -> Adapter:
    path = Path(file).expanduser().absolute()
    header = read_header(path)
    if (reason := adapter_fits(header, base)) is not None:
        raise ModelFileError(
            f"The adapter {path} does not belong to {model.path.name}. {reason}",
            "Take the base that it was made for.",
        )
    return Adapter(path, header.size, sha256_of(path), model.sha256)


def adapter_told(told: str) -> tuple[Agent, str]:
    """The agent and the file in AGENT=FILE. Raises InputError."""
    agent, equals, file = told.partition("=")
    if not equals or agent not in tuple(Agent):
        raise InputError(f"{told!r} does not name an adapter.", "Write --adapter manager=FILE or answer=FILE.")
    return Agent(agent), file


def _server(addition: Addition) -> ServerModel:
    if not addition.model:
        raise InputError("Of a server it must be known what it calls the model.", "Name it with --model.")
    if addition.adapters or addition.thinking:
        raise InputError("A server has adapters and thinking of its own.", "Set them there.")
    name = _checked_name(addition.name or re.sub(r"[^\w.-]+", "-", addition.model))
    address = ServerAddress(
        addition.source.rstrip("/"),
        addition.model,
        addition.key_variable,
        Structure(addition.structure),
        addition.context or USUAL_CONTEXT,
    )
    address.check()
    return ServerModel(name, address, agents=addition.agents)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(f"A model cannot be called {name!r}.", "Use letters, digits, dots and dashes with --name.")
    return name


def _check_memory(name: str, needed: int) -> None:
    there = available_memory()
    if there is not None and needed > there:
        raise InputError(
            f"{name} needs about {in_words(needed)} of memory, and {in_words(there)} are free.",
            "Close other programs, take a smaller model, or say --force.",
        )
