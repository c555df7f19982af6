"""`recollect settings`: what can be set, how it is set and by whom, and changing it."""

from __future__ import annotations

import argparse
from typing import Any

from assistant import settings
from assistant.commands import output
from assistant.paths import Paths
from assistant.settings import Origin, Setting, Settings


def run(args: argparse.Namespace) -> None:
    """Does what the second word says; without one it lists."""
    commands = {"list": _list, "get": _get, "set": _set, "reset": _reset, "path": _path}
    commands[args.settings_command or "list"](args, Paths.default())


def _list(args: argparse.Namespace, paths: Paths) -> None:
    """All settings, then what is set elsewhere; what is wrong with the file goes to standard error."""
    found = settings.load(paths)
    fixed = settings.fixed(paths)
    if args.json:
        output.print_json(
            {
                "file": str(settings.file_of(paths)),
                "settings": [_row(setting, found) for setting in settings.SCHEMA],
                "fixed": [
                    {"name": each.name, "value": each.shown, "origin": each.origin, "variable": each.variable}
                    for each in fixed
                ],
                "problems": list(found.problems),
            }
        )
        return
    for setting in settings.SCHEMA:
        shown, origin = setting.shown(found.value(setting.name)), found.origin(setting.name)
        output.print_data(_line(setting.name, shown, origin, setting.description, setting.variable))
    for each in fixed:
        output.print_data(_line(each.name, each.shown, each.origin, each.description, each.variable))
    _note_problems(found)


def _get(args: argparse.Namespace, paths: Paths) -> None:
    setting, found = settings.named(args.name), settings.load(paths)
    if args.json:
        output.print_json(_row(setting, found))
    else:
        output.print_data(setting.shown(found.value(setting.name)))
        _note_problems(found)


def _set(args: argparse.Namespace, paths: Paths) -> None:
    _tell(args, settings.change(paths, args.name, args.value))


def _reset(args: argparse.Namespace, paths: Paths) -> None:
    _tell(args, settings.reset(paths, args.name))


def _path(args: argparse.Namespace, paths: Paths) -> None:
    path = settings.file_of(paths)
    if args.json:
        output.print_json({"file": str(path), "exists": path.exists()})
    else:
        output.print_data(str(path))


def _tell(args: argparse.Namespace, found: Settings) -> None:
    setting = settings.named(args.name)
    if args.json:
        output.print_json(_row(setting, found))
    else:
        output.print_note(f"{setting.name} is {setting.shown(found.value(setting.name))}.")
        _note_problems(found)


def _note_problems(found: Settings) -> None:
    for problem in found.problems:
        output.print_note(f"! {problem}")


def _row(setting: Setting, found: Settings) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": setting.name,
        "value": setting.plain(found.value(setting.name)),
        "origin": found.origin(setting.name),
        "default": setting.plain(setting.default),
        "variable": setting.variable,
        "description": setting.description,
    }
    if setting.choices:
        return row | {"choices": list(setting.choices)}
    return row | {"least": setting.least, "most": setting.most}


def _line(name: str, shown: str, origin: Origin, description: str, variable: str) -> str:
    by = f"{origin}: {variable}" if origin is Origin.ENVIRONMENT else origin.value
    return f"{name:14}  {shown:10}  ({by})  {description}"
