"""The speeds that were measured on this machine, in one small file of the data folder.

Promises that a file that cannot be read counts as none: what was lost can be measured again. Measures nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from assistant.agents.generation import Agent
from assistant.agents.speed import MeasuredSpeed, Speed
from assistant.errors import NotWritable
from assistant.paths import Paths, make_private_folder


def read_speeds(paths: Paths) -> tuple[MeasuredSpeed, ...]:
    """What was measured, the newest last."""
    try:
        return tuple(_measured(entry) for entry in json.loads(_file(paths).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def keep_speed(paths: Paths, measured: MeasuredSpeed) -> None:
    """Writes it down in the place of what was known of that model for those agents. Raises NotWritable."""
    others = [
        known
        for known in read_speeds(paths)
        if known.model != measured.model or not set(known.agents) & set(measured.agents)
    ]
    _write(paths, [*others, measured])


def forget_speeds(paths: Paths, model: str) -> None:
    """Drops what is known of a model. Raises NotWritable."""
    known = read_speeds(paths)
    kept = [each for each in known if each.model != model]
    if len(kept) < len(known):
        _write(paths, kept)


def _file(paths: Paths) -> Path:
    return paths.models / "speeds.json"


def _write(paths: Paths, speeds: Sequence[MeasuredSpeed]) -> None:
    path = _file(paths)
    partial = path.with_name(f"{path.name}.partial")
    told = [asdict(each) | {"at": each.at.isoformat()} for each in speeds]
    try:
        make_private_folder(paths.models)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(told, file, indent=2)
        partial.replace(path)
    except OSError as error:
        raise NotWritable(
            f"The speeds at {path} cannot be written ({error.strerror}).",
            "Make the folder writable, or free some space.",
        ) from error


def _measured(entry: dict[str, Any]) -> MeasuredSpeed:
    agents = tuple(Agent(agent) for agent in entry["agents"])
    at = datetime.fromisoformat(entry["at"])
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return MeasuredSpeed(str(entry["model"]), agents, at, Speed(**entry["speed"]))
