"""`recollect models`: which models there are, what they take, and which of them each agent uses."""

from __future__ import annotations

import argparse
import threading
from typing import Any

from assistant.agents.generation import Agent
from assistant.commands import fetching, output, speeds
from assistant.commands.opening import cancel_on_interrupt, data_folder
from assistant.commands.shelf import Shelf
from assistant.llm.files.download import Progress
from assistant.llm.files.installed import InstalledModels
from assistant.llm.files.manifest import Model, ModelFile, ServerModel
from assistant.paths import Paths
from assistant.quantities import in_words
from assistant.tui.modeling.shelf import Addition, Fit, InstalledModel, Wanted, fit

BAR = 24


def run(args: argparse.Namespace) -> None:
    """Does what the second word says; without one it lists."""
    commands = {
        "list": _list,
        "use": _use,
        "pull": _pull,
        "add": _add,
        "remove": _remove,
        "speed": speeds.run,
        "verify": _verify,
    }
    commands[args.models_command or "list"](args)


def _list(args: argparse.Namespace) -> None:
    """The models, the chosen ones first. Raises ModelFileError if one that is chosen is missing or not whole."""
    if args.available:
        _list_available(args)
        return
    paths = Paths.default()
    shelf = Shelf(paths)
    shelf.check_chosen()
    rows = [_row(model) for model in shelf.installed()]
    embedder = paths.embedder
    size = embedder.stat().st_size if embedder.exists() else None
    if args.json:
        search = {"name": embedder.stem, "use": "search", "path": str(embedder), "size": size}
        output.print_json([*rows, search])
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        output.print_data(_line(row, width))
    found = f"{in_words(size)}  {embedder}" if size is not None else "not set up: python -m assistant.llm.embedder"
    output.print_data(f"{'search':16}  {embedder.stem:{width}}  {found}")


def _row(model: InstalledModel) -> dict[str, Any]:
    row: dict[str, Any] = {"name": model.name, "use": "chat", "used_by": [agent.value for agent in model.used_by]}
    if model.server:
        return row | {"path": None, "size": None, "server": model.server, "model": model.server_model}
    row |= {"path": model.path, "size": model.size, "licence": model.licence or None, "memory_needed": model.memory}
    if model.problem:
        return row | {"problem": model.problem}
    adapters = {agent.value: path for agent, path in model.adapters.items()}
    return row | {"parameters": model.parameters, "context": model.context, "adapters": adapters}


def _line(row: dict[str, Any], width: int) -> str:
    used = ", ".join(row["used_by"])
    if "server" in row:
        told = f"{row['model']} at {row['server']}"
    elif "problem" in row:
        told = str(row["problem"])
    else:
        told = f"{in_words(row['size'])}, needs {in_words(row['memory_needed'])} of memory  {row['path']}"
        told += "".join(f"\n{'':18}{agent} by {path}" for agent, path in row["adapters"].items())
    return f"{used or '-':16}  {row['name']:{width}}  {told}"


def _list_available(args: argparse.Namespace) -> None:
    stock = Shelf(Paths.default()).stock()
    rows: list[dict[str, Any]] = [
        {
            "name": offer.name,
            "family": offer.family,
            "parameters": offer.parameters,
            "size": offer.size,
            "memory_needed": offer.memory,
            "fits": fit(offer.memory, stock.memory) is not Fit.TOO_LARGE,
            "licence": offer.licence,
            "context": offer.context,
            "thinking": offer.thinking,
            "url": offer.url,
        }
        for offer in stock.offered
        if offer.in_catalogue
    ]
    if args.json:
        output.print_json(rows)
        return
    for row in rows:
        note = "" if row["fits"] else "  more memory than is free here"
        output.print_data(
            f"{row['name']:16}  {in_words(row['size']):>9}  needs {in_words(row['memory_needed']):>9}"
            f"  {row['licence']}{note}"
        )
    output.print_note("`recollect models pull NAME` downloads one.")


def _use(args: argparse.Namespace) -> None:
    paths = data_folder()
    model = InstalledModels.read(paths).named(args.name)
    agents = (Agent(args.agent),) if args.agent else model.agents
    Shelf(paths).use(args.name, agents)
    if args.json:
        output.print_json({"name": model.name, "used_by": [agent.value for agent in agents]})
        return
    who = f"The {agents[0]} agent uses" if len(agents) == 1 else "Both agents use"
    output.print_data(f"{who} {model.name}.")
    if isinstance(model, ServerModel):
        output.print_note(f"What it is asked goes to {model.address.base_url}: messages, and memories on offer.")


def _pull(args: argparse.Namespace) -> None:
    """Downloads a model of the catalogue, or one at an address, and takes it into the list."""
    show = output.progress_line()
    wanted = Wanted(args.model, args.name or "", args.sha256 or "", args.force)
    with cancel_on_interrupt() as cancel:
        model = fetching.pull(data_folder(), wanted, lambda progress: show(_bar(progress), False), cancel)
    show(_bar(Progress(model.size or 0, model.size, 0.0)), True)
    if not args.force and (shortage := fetching.memory_shortage(model.path)):
        output.print_note(shortage)
    _tell_added(args, model)


def _add(args: argparse.Namespace) -> None:
    """Takes a file, which stays where it is, or a server into the list."""
    addition = Addition(
        args.source,
        name=args.name or "",
        agents=(Agent(args.agent),) if args.agent else tuple(Agent),
        adapters=tuple(fetching.adapter_told(told) for told in args.adapter),
        context=args.context or 0,
        thinking=args.thinking or 0,
        model=args.model or "",
        key_variable=args.key_variable or "",
        structure=args.structure,
    )
    if not fetching.is_address(args.source):
        output.print_note(f"Reading {args.source} …")
    model = fetching.add(data_folder(), addition)
    if isinstance(model, ModelFile) and (shortage := fetching.memory_shortage(model.path)):
        output.print_note(shortage)
    _tell_added(args, model)


def _tell_added(args: argparse.Namespace, model: Model) -> None:
    if args.json:
        path = str(model.path) if isinstance(model, ModelFile) else None
        output.print_json({"name": model.name, "path": path})
        return
    output.print_data(f"{model.name} is in the list; `recollect models use {model.name}` chooses it.")


def _remove(args: argparse.Namespace) -> None:
    """Takes a model off the list. Files in our own folder go, files elsewhere stay where they are."""
    ours = Shelf(data_folder()).removed(args.name)
    if args.json:
        output.print_json({"name": args.name, "deleted": [str(path) for path in ours]})
        return
    output.print_data(f"{args.name} is off the list{' and deleted' if ours else ''}.")


def _verify(args: argparse.Namespace) -> None:
    """Reads files whole. Raises ModelFileError at the first that is not what it was."""
    shelf = Shelf(Paths.default())
    if args.name:
        names = [args.name]
    else:
        added_first = [model.name for model in InstalledModels.read(Paths.default()).models]
        files = [model.name for model in shelf.installed() if not model.server]
        names = sorted(files, key=lambda name: added_first.index(name) if name in added_first else len(added_first))
    known = {}
    for name in names:
        known[name] = shelf.verify(name, lambda *_: None, threading.Event())
        if not args.json:
            whole = "whole" if known[name] else "readable (nothing is known of what its checksum should be)"
            output.print_data(f"{name} is {whole}.")
    if args.json:
        output.print_json([{"name": name, "checked": checked} for name, checked in known.items()])


def _bar(progress: Progress) -> str:
    done = f"{progress.done / 1e6:.1f}"
    if not progress.total:
        return f"{done} MB  {progress.bytes_per_second / 1e6:.1f} MB/s"
    filled = BAR * progress.done // progress.total
    left = progress.total - progress.done
    seconds = f"  {left / progress.bytes_per_second:.0f} s left" if progress.bytes_per_second and left else ""
    speed = f"  {progress.bytes_per_second / 1e6:.1f} MB/s" if left else ""
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {done} of {progress.total / 1e6:.1f} MB{speed}{seconds}"
