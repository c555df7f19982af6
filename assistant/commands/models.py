"""`recollect models`: which models there are, what they take, and which of them each agent uses."""

from __future__ import annotations

import argparse
from typing import Any

from assistant.agents.generation import Agent
from assistant.commands import fetching, output
from assistant.commands.opening import data_folder
from assistant.errors import InputError, ModelFileError
from assistant.llm.files.catalogue import CATALOGUE, memory_needed, read_catalogue
from assistant.llm.files.gguf_header import read_header
from assistant.llm.files.installed import InstalledModels
from assistant.llm.files.manifest import Model, ModelFile, ServerModel, models_folder, verify
from assistant.llm.files.resources import available_memory
from assistant.paths import Paths


def run(args: argparse.Namespace) -> None:
    """Does what the second word says; without one it lists."""
    commands = {
        "list": _list,
        "use": _use,
        "pull": fetching.pull,
        "add": fetching.add,
        "remove": _remove,
        "verify": _verify,
    }
    commands[args.models_command or "list"](args)


def _list(args: argparse.Namespace) -> None:
    """The models, the chosen ones first. Raises ModelFileError if one that is chosen is missing or not whole."""
    if args.available:
        _list_available(args)
        return
    paths = Paths.default()
    installed = InstalledModels.read(paths)
    chosen = {agent: installed.chosen(agent) for agent in Agent}
    for model in chosen.values():
        if isinstance(model, ModelFile):
            verify(model)
    models = [*dict.fromkeys([*(model.name for model in chosen.values()), *(m.name for m in installed.models)])]
    by_name = {model.name: model for model in (*installed.models, *chosen.values())}
    rows = [_row(by_name[name], [agent for agent in Agent if chosen[agent].name == name]) for name in models]
    embedder = paths.embedder
    size = embedder.stat().st_size if embedder.exists() else None
    if args.json:
        search = {"name": embedder.stem, "use": "search", "path": str(embedder), "size": size}
        output.print_json([*rows, search])
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        output.print_data(_line(row, width))
    found = f"{_megabytes(size)}  {embedder}" if size is not None else "not set up: python -m assistant.llm.embedder"
    output.print_data(f"{'search':16}  {embedder.stem:{width}}  {found}")


def _row(model: Model, used_by: list[Agent]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": model.name, "use": "chat", "used_by": [agent.value for agent in used_by]}
    if isinstance(model, ServerModel):
        return row | {"path": None, "size": None, "server": model.address.base_url, "model": model.address.model}
    size = model.path.stat().st_size if model.path.is_file() else None
    row |= {"path": str(model.path), "size": size, "licence": model.licence or None, "memory_needed": None}
    try:
        header = read_header(model.path)
    except ModelFileError as error:
        return row | {"problem": error.message}
    adapters = {agent.value: str(adapter.path) for agent, adapter in model.adapters.items()}
    row |= {"memory_needed": memory_needed(header), "parameters": header.parameters}
    return row | {"context": model.context or header.context_length, "adapters": adapters}


def _line(row: dict[str, Any], width: int) -> str:
    used = ", ".join(row["used_by"])
    if "server" in row:
        told = f"{row['model']} at {row['server']}"
    elif "problem" in row:
        told = str(row["problem"])
    else:
        told = f"{_megabytes(row['size'])}, needs {_megabytes(row['memory_needed'])} of memory  {row['path']}"
        told += "".join(f"\n{'':18}{agent} by {path}" for agent, path in row["adapters"].items())
    return f"{used or '-':16}  {row['name']:{width}}  {told}"


def _list_available(args: argparse.Namespace) -> None:
    offers = read_catalogue(models_folder() / CATALOGUE)
    there = available_memory()
    rows: list[dict[str, Any]] = [
        {
            "name": offer.name,
            "family": offer.family,
            "parameters": offer.parameters,
            "size": offer.size,
            "memory_needed": memory_needed(offer),
            "fits": there is None or memory_needed(offer) <= there,
            "licence": offer.licence,
            "context": offer.context,
            "thinking": offer.thinking,
            "url": offer.url,
        }
        for offer in offers
    ]
    if args.json:
        output.print_json(rows)
        return
    for row in rows:
        note = "" if row["fits"] else "  more memory than is free here"
        output.print_data(
            f"{row['name']:16}  {_megabytes(row['size']):>9}  needs {_megabytes(row['memory_needed']):>9}"
            f"  {row['licence']}{note}"
        )
    output.print_note("`recollect models pull NAME` downloads one.")


def _use(args: argparse.Namespace) -> None:
    installed = InstalledModels.read(data_folder())
    agents = (Agent(args.agent),) if args.agent else tuple(Agent)
    model = installed.named(args.name)
    if not args.agent and len(model.agents) < len(agents):
        agents = model.agents
    installed.using(model, agents).save()
    if args.json:
        output.print_json({"name": model.name, "used_by": [agent.value for agent in agents]})
        return
    who = f"The {agents[0]} agent uses" if len(agents) == 1 else "Both agents use"
    output.print_data(f"{who} {model.name}.")
    if isinstance(model, ServerModel):
        output.print_note(f"What it is asked goes to {model.address.base_url}: messages, and memories on offer.")


def _remove(args: argparse.Namespace) -> None:
    """Takes a model off the list. Files in our own folder go, files elsewhere stay where they are."""
    paths = data_folder()
    installed = InstalledModels.read(paths)
    model = installed.named(args.name)
    installed = installed.without(model)
    installed.save()
    kept = {file.path for other in installed.models if isinstance(other, ModelFile) for file in other.files}
    files = [file.path for file in model.files] if isinstance(model, ModelFile) else []
    ours = [path for path in files if path.parent == paths.models and path not in kept]
    for path in ours:
        path.unlink(missing_ok=True)
    if args.json:
        output.print_json({"name": model.name, "deleted": [str(path) for path in ours]})
        return
    output.print_data(f"{model.name} is off the list{' and deleted' if ours else ''}.")


def _verify(args: argparse.Namespace) -> None:
    """Reads files whole. Raises ModelFileError at the first that is not what it was."""
    installed = InstalledModels.read(Paths.default())
    models = [installed.named(args.name)] if args.name else [*installed.models]
    for agent in () if args.name else Agent:
        if (chosen := installed.chosen(agent)) not in models:
            models.append(chosen)  # One that the environment names is on no list.
    files = [model for model in models if isinstance(model, ModelFile)]
    if args.name and not files:
        raise InputError(f"{args.name} runs on a server; there is no file to read.", "Verify another one.")
    for model in files:
        verify(model, checksum=True)
        read_header(model.path)
        if not args.json:
            known = "whole" if model.sha256 else "readable (nothing is known of what its checksum should be)"
            output.print_data(f"{model.name} is {known}.")
    if args.json:
        output.print_json([{"name": model.name, "checked": model.sha256 is not None} for model in files])


def _megabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
