"""Runs of training: a folder each, with a process that goes on without the app and is found again by the next one.

Promises that a run is never taken for another process, that one whose process is gone is known to be, and that what a
stopped run had saved is gone on from. Knows nothing of what trains but the files that it leaves.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import assistant
from assistant.errors import InputError, NotFoundError, NotWritable
from assistant.paths import DATA_DIR_VARIABLE, Paths, make_private_folder
from assistant.training import processes, recipes
from assistant.training.recipes import Kind, Recipe
from assistant.training.results import LOG, Result, log_tail, read_result, scores_from_json

PROGRAM = (sys.executable, "-m", "trainer.cli")
"""What a run is a process of: `recollect-train` of this installation."""
RECIPE = "recipe.json"
STATE = "state.json"
POLITENESS = 10
"""How much a run gives way to other work, as `nice` counts: the chat goes first."""
_REASON_BYTES = 8_000
_ERROR = re.compile(r"[\w.]*(?:Error|Exception|error)\b|--")
"""How the last line of a program begins that says why it gave up."""


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Run:
    """A run, as it stood when it was looked at. `reason` says of a failed one why, as far as it is known."""

    folder: Path
    recipe: Recipe
    state: RunState
    started: datetime
    ended: datetime | None = None
    reason: str = ""
    pid: int | None = None
    result: Result | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_at_work(self) -> bool:
        return self.state in (RunState.RUNNING, RunState.STOPPING)


def runs_folder(paths: Paths) -> Path:
    """Where the runs are."""
    return paths.data / "runs"


def runs(paths: Paths) -> list[Run]:
    """All runs as they stand now, the one begun last first."""
    folders = [file.parent for file in runs_folder(paths).glob(f"*/{RECIPE}")]
    found = [run for folder in folders if (run := _look_at(folder)) is not None]
    return sorted(found, key=lambda run: (run.started, run.name), reverse=True)


def run_named(paths: Paths, name: str) -> Run:
    """The run of that name, as it stands now. Raises NotFoundError."""
    folder = runs_folder(paths) / name
    run = _look_at(folder) if folder.parent == runs_folder(paths) else None
    if run is None:
        raise NotFoundError(f"There is no run named {name}.", "`recollect runs list` shows those there are.")
    return run


def start(paths: Paths, recipe: Recipe, program: Sequence[str] | None = None) -> Run:
    """Begins a run in a folder of its own. Raises InputError if it cannot be, NotWritable.

    One at a time: two would be slower than one after the other. `program` stands in for the trainer, for tests.
    """
    if program is None:
        recipes.check_installed()
    _check_none_at_work(paths)
    now = datetime.now(UTC)
    folder = _new_folder(paths, f"{recipe.kind}-{now.astimezone():%Y-%m-%d}")
    told = {**asdict(replace(recipe, settings={}, base=None)), "settings": dict(recipe.settings)}
    base = recipe.base and {**asdict(replace(recipe.base, shares={})), "shares": dict(recipe.base.shares)}
    _write(folder / RECIPE, {**told, "base": base, "started": now.isoformat()})
    return _launch(paths, folder, recipe, program)


def resume(paths: Paths, run: Run, program: Sequence[str] | None = None) -> Run:
    """Goes on with a run where it last saved, or from its beginning if it had not. Raises InputError, NotWritable."""
    run = run_named(paths, run.name)
    if run.is_at_work:
        raise InputError(f"{run.name} is at work already.", "Stop it first to start it anew.")
    if run.state is RunState.FINISHED:
        raise InputError(f"{run.name} is finished.", "Start a new run to train further.")
    if program is None:
        recipes.check_installed()
    _check_none_at_work(paths)
    return _launch(paths, run.folder, run.recipe, program)


def stop(run: Run) -> Run:
    """Asks the run's process to end in order; asked once more, it is ended at once. Raises InputError if it is over."""
    current = _look_at(run.folder)
    if current is None or not current.is_at_work or current.pid is None:
        raise InputError(f"{run.name} is not running.", "There is nothing to stop.")
    state = _read(run.folder / STATE)
    is_first = current.state is RunState.RUNNING
    _write(run.folder / STATE, {**state, "asked_to_stop": True})
    # As Ctrl-C does in a terminal, which whatever trains has to bear anyway.
    processes.signal_group(current.pid, signal.SIGINT if is_first else signal.SIGKILL)
    return _look_at(run.folder) or current


def _check_none_at_work(paths: Paths) -> None:
    at_work = next((run for run in runs(paths) if run.is_at_work), None)
    if at_work is not None:
        raise InputError(f"{at_work.name} is at work.", "Wait until it is done, or stop it: one run at a time.")


def _new_folder(paths: Paths, name: str) -> Path:
    make_private_folder(runs_folder(paths))
    for number in range(1, 10_000):
        folder = runs_folder(paths) / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise _not_writable(folder, error) from error
        return folder
    raise InputError(f"There are too many runs named {name}.", f"Remove some from {runs_folder(paths)}.")


def _launch(paths: Paths, folder: Path, recipe: Recipe, program: Sequence[str] | None) -> Run:
    environment = os.environ | {DATA_DIR_VARIABLE: str(paths.data), "PYTHONUNBUFFERED": "1"}
    try:
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(
                [*(program or PROGRAM), *recipe.arguments(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=Path(assistant.__file__).parent.parent,  # Where the trainer of this very version is.
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise _not_writable(folder, error) from error
    mark = processes.mark_of(process.pid)
    _give_way(process.pid)
    _write(folder / STATE, {"pid": process.pid, "mark": mark, "boot": processes.boot(), "asked_to_stop": False})
    # Somebody has to take note of its end, or the system keeps it as a process that has not ended.
    threading.Thread(target=process.wait, name=f"recollect-{folder.name}", daemon=True).start()
    run = _look_at(folder)
    assert run is not None
    return run


def _give_way(pid: int) -> None:
    try:
        os.setpriority(os.PRIO_PROCESS, pid, POLITENESS)
    except OSError:
        return  # It has ended already, which will be told.


def _look_at(folder: Path) -> Run | None:
    """The run in `folder`, as it stands now; None if there is none."""
    told, state = _read(folder / RECIPE), _read(folder / STATE)
    recipe = _recipe(told)
    if recipe is None:
        return None
    started = datetime.fromisoformat(told["started"])
    pid = state.get("pid")
    asked = bool(state.get("asked_to_stop"))
    if processes.is_running(pid, state.get("mark")):
        return Run(folder, recipe, RunState.STOPPING if asked else RunState.RUNNING, started, pid=pid)
    ended = _last_written(folder)
    result = read_result(folder, recipe)
    if result is not None:
        return Run(folder, recipe, RunState.FINISHED, started, ended, result=result)
    if asked:
        return Run(folder, recipe, RunState.STOPPED, started, ended)
    return Run(folder, recipe, RunState.FAILED, started, ended, _why_ended(folder, state))


def _why_ended(folder: Path, state: Mapping[str, Any]) -> str:
    if not state:
        return "it never began"
    if state.get("boot") != processes.boot():
        return "the machine was restarted"
    lines = [line.strip() for line in log_tail(folder, _REASON_BYTES).splitlines() if line.strip()]
    if not lines:
        return "its process ended before it said anything"
    # Of an error the last line says most; of what is killed from outside there is none.
    is_error = any(line.startswith("Traceback") for line in lines) or _ERROR.match(lines[-1]) is not None
    return lines[-1] if is_error else f"its process was ended; it said last: {lines[-1]}"


def _recipe(told: Mapping[str, Any]) -> Recipe | None:
    try:
        datetime.fromisoformat(told["started"])
        return Recipe(
            Kind(told["kind"]),
            int(told["seed"]),
            int(told["size"]),
            int(told["threads"]),
            {str(key): str(value) for key, value in told["settings"].items()},
            scores_from_json(told.get("base")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InputError):
        return None


def _last_written(folder: Path) -> datetime | None:
    times = [path.stat().st_mtime for path in (folder / LOG, folder / STATE) if path.exists()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _write(path: Path, told: Mapping[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    try:
        partial.write_text(json.dumps(told, indent=2), "utf-8")
        partial.replace(path)
    except OSError as error:
        raise _not_writable(path, error) from error


def _not_writable(path: Path, error: OSError) -> NotWritable:
    return NotWritable(f"{path} cannot be written ({error.strerror}).", "Make it writable, or free some space.")
