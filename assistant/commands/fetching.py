"""`recollect models pull` and `add`: models from an address, from a file at hand, or on a server.

Promises that what cannot run here is told before hours are spent on it.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from assistant.agents.generation import Agent
from assistant.commands import output
from assistant.commands.opening import cancel_on_interrupt, data_folder
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

BAR = 24
_NAME = re.compile(r"[\w.-]+")


def pull(args: argparse.Namespace) -> None:
    """Downloads a model of the catalogue, or one at an address, and takes it into the list."""
    offer = _offer(args.model)
    url = offer.url if offer is not None else args.model
    file = offer.file if offer is not None else _file_of(url)
    name = _checked_name(args.name or (offer.name if offer is not None else Path(file).stem))
    if offer is not None and not args.force:
        _check_memory(name, memory_needed(offer))
    target = data_folder().models / file
    show = output.progress_line()
    with cancel_on_interrupt() as cancel:
        done = download(
            url,
            target,
            sha256=args.sha256 or (offer.sha256 if offer is not None else None),
            size=offer.exact_size if offer is not None else None,
            on_progress=lambda progress: show(_bar(progress), False),
            cancel=cancel,
            token=token_for(url),
            waits=WAITS,
        )
    show(_bar(Progress(done.size, done.size, 0.0)), True)
    header = _model_header(target)
    licence = offer.licence if offer is not None else header.licence
    model = ModelFile(name, target, size=done.size, sha256=done.sha256, licence=licence)
    if not args.force:
        _note_memory(header)
    _take_up(args, model)


def add(args: argparse.Namespace) -> None:
    """Takes a file, which stays where it is, or a server into the list."""
    agents = (Agent(args.agent),) if args.agent else tuple(Agent)
    model: Model
    if re.match(r"https?://", args.source):
        model = _server(args, agents)
    else:
        path = Path(args.source).expanduser().absolute()
        header = _model_header(path)
        output.print_note(f"Reading {path} …")
        name = _checked_name(args.name or path.stem)
        model = ModelFile(
            name,
            path,
            size=header.size,
            sha256=sha256_of(path),
            context=args.context or 0,
            agents=agents,
            thinking=args.thinking or 0,
            licence=header.licence,
        )
        model = replace(model, adapters=dict(_adapter(told, header, model) for told in args.adapter))
        _note_memory(header)
    _take_up(args, model)


def _offer(name: str) -> Offer | None:
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


def _file_of(url: str) -> str:
    name = urlsplit(url).path.rpartition("/")[2]
    if not re.fullmatch(r"[\w.-]+\.gguf", name):
        raise InputError("The address does not end with the name of a GGUF file.", "Name one that ends with .gguf.")
    return name


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(f"A model cannot be called {name!r}.", "Use letters, digits, dots and dashes with --name.")
    return name


def _model_header(path: Path) -> Header:
    """The header of a model that can hold a conversation. Raises ModelFileError."""
    header = read_header(path)
    if header.kind is not Kind.MODEL:
        raise ModelFileError(f"{path} is an adapter, not a model.", "Add its base with --adapter AGENT=FILE.")
    if header.chat_template is None:
        raise ModelFileError(
            f"{path} has no chat template: it is no model for a conversation.", "Take an instruct one."
        )
    return header


def _adapter(told: str, base: Header, model: ModelFile) -> tuple[Agent, Adapter]:
    agent, equals, file = told.partition("=")
    if not equals or agent not in tuple(Agent):
        raise InputError(f"{told!r} does not name an adapter.", "Write --adapter manager=FILE or answer=FILE.")
    path = Path(file).expanduser().absolute()
    header = read_header(path)
    if (reason := adapter_fits(header, base)) is not None:
        raise ModelFileError(
            f"The adapter {path} does not belong to {model.path.name}. {reason}",
            "Take the base that it was made for.",
        )
    return Agent(agent), Adapter(path, header.size, sha256_of(path), model.sha256)


def _server(args: argparse.Namespace, agents: tuple[Agent, ...]) -> ServerModel:
    if not args.model:
        raise InputError("Of a server it must be known what it calls the model.", "Name it with --model.")
    if args.adapter or args.thinking:
        raise InputError("A server has adapters and thinking of its own.", "Set them there.")
    name = _checked_name(args.name or re.sub(r"[^\w.-]+", "-", args.model))
    url, key = args.source.rstrip("/"), args.key_variable or ""
    address = ServerAddress(url, args.model, key, Structure(args.structure), args.context or USUAL_CONTEXT)
    address.check()
    return ServerModel(name, address, agents=agents)


def _check_memory(name: str, needed: int) -> None:
    there = available_memory()
    if there is not None and needed > there:
        raise InputError(
            f"{name} needs about {needed / 1e9:.1f} GB of memory, and {there / 1e9:.1f} GB are free.",
            "Close other programs, take a smaller model, or say --force.",
        )


def _note_memory(header: Header) -> None:
    there, needed = available_memory(), memory_needed(header)
    if there is not None and needed > there:
        output.print_note(f"It needs about {needed / 1e9:.1f} GB of memory, and {there / 1e9:.1f} GB are free now.")


def _take_up(args: argparse.Namespace, model: Model) -> None:
    InstalledModels.read(data_folder()).with_model(model).save()
    if args.json:
        path = str(model.path) if isinstance(model, ModelFile) else None
        output.print_json({"name": model.name, "path": path})
        return
    output.print_data(f"{model.name} is in the list; `recollect models use {model.name}` chooses it.")


def _bar(progress: Progress) -> str:
    done = f"{progress.done / 1e6:.1f}"
    if not progress.total:
        return f"{done} MB  {progress.bytes_per_second / 1e6:.1f} MB/s"
    filled = BAR * progress.done // progress.total
    left = progress.total - progress.done
    seconds = f"  {left / progress.bytes_per_second:.0f} s left" if progress.bytes_per_second and left else ""
    speed = f"  {progress.bytes_per_second / 1e6:.1f} MB/s" if left else ""
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {done} of {progress.total / 1e6:.1f} MB{speed}{seconds}"
