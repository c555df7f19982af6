"""Whether everything that Recollect needs is there and whole: one list for the command line and for the app.

Promises to change nothing unless asked to rebuild, to reach for no network, and to look at the bank in a process of its
own, because what is broken may crash SQLite. It may take seconds, so call it in a thread. Knows nothing of how it is
shown.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import assistant
from assistant import log, settings
from assistant.agents.generation import Agent
from assistant.errors import ModelFileError
from assistant.findings import Finding, Part, Status
from assistant.llm.files.catalogue import memory_needed
from assistant.llm.files.gguf_header import read_header
from assistant.llm.files.installed import chosen_models
from assistant.llm.files.manifest import Model, ServerModel, verify
from assistant.llm.files.resources import available_memory, free_disk
from assistant.memory import backups, checking
from assistant.memory.database import Database
from assistant.memory.encryption import Key
from assistant.paths import DATA_DIR_VARIABLE, Paths
from assistant.quantities import in_words

LITTLE_ROOM, NO_ROOM = 1_000_000_000, 50_000_000
"""Bytes of free disk: below the first a model hardly fits, below the second a bank may not be written."""
MUCH_LOGGED = 20_000_000
"""Bytes in the log folder. Our own logs end long before, so somebody else writes there."""
BACKUP_BEHIND = timedelta(days=2)
_WITHOUT = {"llama-cpp-python": "no model runs here", "sqlite-vec": "search is by words alone"}


def check(
    paths: Paths, key: Key | None = None, *, rebuild: bool = False, environ: Mapping[str, str] = os.environ
) -> list[Finding]:
    """How all parts stand. An encrypted bank needs its `key`; `rebuild` mends first what can be made anew."""
    if os.access(paths.data, os.F_OK) and not _can_be_used(paths.data):
        hint = f"Make it a folder that you can write to, or name another with {DATA_DIR_VARIABLE}."
        cannot = Finding(Part.FOLDER, Status.PROBLEM, f"The data folder {paths.data} cannot be used.", hint)
        return [cannot, *_terminal(environ), *_versions()]  # All else is in it.
    return [
        *_folder(paths),
        *_settings(paths, environ),
        *_bank(paths, key, rebuild),
        *_backups(paths),
        *_models(paths, environ),
        _embedder(paths),
        _logs(paths),
        *_terminal(environ),
        *_versions(),
    ]


def _can_be_used(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _folder(paths: Paths) -> Iterator[Finding]:
    folder = paths.data
    if not os.access(folder, os.F_OK):
        yield Finding(Part.FOLDER, Status.WARNING, f"{folder} is not there yet.", "It is made by the first start.")
        return
    if mode := folder.stat().st_mode & 0o077:
        what = f"Others on this machine can get into {folder} (mode {0o700 | mode:o})."
        yield Finding(Part.FOLDER, Status.WARNING, what, f"Close it to them: chmod 700 {shlex.quote(str(folder))}")
    free = free_disk(folder)
    if free is not None and free < LITTLE_ROOM:
        status = Status.PROBLEM if free < NO_ROOM else Status.WARNING
        yield Finding(Part.FOLDER, status, f"The disk of {folder} has {in_words(free)} left.", "Free some space.")
    elif not mode:
        room = f", and its disk has {in_words(free)} left" if free is not None else ""
        yield Finding(Part.FOLDER, Status.GOOD, f"{folder} is yours alone{room}.")


def _settings(paths: Paths, environ: Mapping[str, str]) -> Iterator[Finding]:
    found = settings.load(paths, environ)
    for problem in found.problems:
        hint = "`recollect settings` shows what counts; `recollect settings path` says where the file is."
        yield Finding(Part.SETTINGS, Status.WARNING, problem, hint)
    if not found.problems:
        told = [
            f"{each.name} by the {found.origin(each.name)}"
            for each in settings.SCHEMA
            if found.origin(each.name) is not settings.Origin.DEFAULT
        ]
        yield Finding(Part.SETTINGS, Status.GOOD, f"Set: {', '.join(told)}." if told else "All are as usual.")


def _bank(paths: Paths, key: Key | None, rebuild: bool) -> Iterator[Finding]:
    if not paths.database.exists():
        what = f"There is no bank at {paths.database}."
        yield Finding(Part.BANK, Status.WARNING, what, "It comes with the first message.")
        return
    ailments = _asked_of_a_child(paths.database, key, rebuild)
    for ailment in ailments:
        hint = "`recollect doctor --rebuild` mends it." if ailment["mendable"] else _where_backups_are(paths)
        yield Finding(
            Part.BANK,
            Status.PROBLEM,
            str(ailment["what"]),
            hint,
            ailment=str(ailment["ailment"]),
            mendable=bool(ailment["mendable"]),
        )
    if not ailments:
        sealed = ", encrypted" if key is not None else ""
        size = in_words(paths.database.stat().st_size)
        yield Finding(Part.BANK, Status.GOOD, f"The bank is whole ({size}{sealed}).")


def _where_backups_are(paths: Paths) -> str:
    newest = next(iter(backups.all_of(paths.database)), None)
    if newest is None:
        return "There is no backup to put in its place."
    return f"`recollect restore` puts {newest} in its place."


def _asked_of_a_child(database: Path, key: Key | None, rebuild: bool) -> list[dict[str, Any]]:
    # -P: a folder named "assistant" where the user happens to be must not be taken for this package.
    command = [sys.executable, "-P", "-m", "assistant.health", str(database), *(["rebuild"] if rebuild else [])]
    ours, theirs = str(Path(assistant.__file__).resolve().parent.parent), os.environ.get("PYTHONPATH")
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([ours, theirs]) if theirs else ours}
    # Not as an argument: those can be read by everybody.
    handed = json.dumps({"key": key.key.hex(), "salt": key.salt.hex()} if key is not None else None)
    done = subprocess.run(command, input=handed, capture_output=True, text=True, env=environ)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        why = lines[-1] if lines else f"the check ended with status {done.returncode}"
        return [{"ailment": checking.Ailment.FILE.value, "what": why, "mendable": False}]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _check_bank(path: Path, rebuild: bool, handed: dict[str, str] | None) -> list[dict[str, Any]]:
    """The child's part."""
    key = Key(*map(bytes.fromhex, (handed["key"], handed["salt"]))) if handed is not None else None
    database = Database(path, key=key)
    try:
        if rebuild and all(finding.mendable for finding in checking.check(database)):
            checking.mend(database)
        return [
            {"ailment": finding.ailment, "what": finding.what, "mendable": finding.mendable}
            for finding in checking.check(database)
        ]
    finally:
        database.close()


def _backups(paths: Paths) -> Iterator[Finding]:
    if not paths.database.exists():
        return
    found = backups.all_of(paths.database)
    if not found:
        hint = "`recollect backup` makes one; the chat makes one a day."
        yield Finding(Part.BACKUPS, Status.WARNING, "There is no backup yet.", hint)
        return
    newest = backups.made_at(found[0])
    log_file = paths.database.with_name(paths.database.name + "-wal")
    files = [file for file in (paths.database, log_file) if file.exists()]
    changed = datetime.fromtimestamp(max(file.stat().st_mtime for file in files), UTC)
    when = f"{newest.astimezone():%Y-%m-%d %H:%M}"
    if changed - newest > BACKUP_BEHIND:
        what = f"The bank has changed since the newest backup, which is of {when}."
        yield Finding(Part.BACKUPS, Status.WARNING, what, "`recollect backup` makes one; the chat makes one a day.")
    else:
        yield Finding(Part.BACKUPS, Status.GOOD, f"There are {len(found)}, the newest of {when}.")


def _models(paths: Paths, environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        chosen = chosen_models(paths)
    except ModelFileError as error:
        yield Finding(Part.MODELS, Status.PROBLEM, error.message, error.hint)
        return
    for name in dict.fromkeys(model.name for model in chosen.values()):
        agents = [agent for agent in Agent if chosen[agent].name == name]
        yield from _model(chosen[agents[0]], agents, environ)


def _model(model: Model, agents: list[Agent], environ: Mapping[str, str]) -> Iterator[Finding]:
    users = "both agents" if len(agents) > 1 else f"the {agents[0]} agent"
    if isinstance(model, ServerModel):
        if (variable := model.address.key_variable) and not environ.get(variable):
            what = f"{model.name}, for {users}, needs a key, and {variable} is not set."
            yield Finding(Part.MODELS, Status.WARNING, what, f"Put the key into {variable}, or choose another model.")
        else:
            what = f"{model.name}, for {users}, runs at {model.address.base_url}, which was not asked."
            yield Finding(Part.MODELS, Status.GOOD, what)
        return
    try:
        verify(model)
        header = read_header(model.path)
    except ModelFileError as error:
        yield Finding(Part.MODELS, Status.PROBLEM, error.message, error.hint)
        return
    needed, there = memory_needed(header), available_memory()
    if there is not None and needed > there:
        what = f"{model.name}, for {users}, needs about {in_words(needed)} of memory, and {in_words(there)} are free."
        yield Finding(Part.MODELS, Status.WARNING, what, "Close other programs, or choose a smaller model.")
        return
    right = f"has its right size ({in_words(header.size)}) and needs {in_words(needed)} of memory"
    what = f"{model.name}, for {users}, {right}."
    yield Finding(Part.MODELS, Status.GOOD, what)


def _embedder(paths: Paths) -> Finding:
    hint = "Set it up with: python -m assistant.llm.embedder"
    if not paths.embedder.exists():
        what = "The sentence model is not there, so memories are looked for by their words alone."
        return Finding(Part.EMBEDDER, Status.WARNING, what, hint)
    try:
        read_header(paths.embedder)
    except ModelFileError as error:
        return Finding(Part.EMBEDDER, Status.PROBLEM, error.message, hint)
    return Finding(Part.EMBEDDER, Status.GOOD, f"{paths.embedder.stem} is there.")


def _logs(paths: Paths) -> Finding:
    found = [path for path in paths.logs.glob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in found)
    if size > MUCH_LOGGED:
        what = f"The logs in {paths.logs} take {in_words(size)}."
        return Finding(Part.LOGS, Status.WARNING, what, "They can be deleted while Recollect is closed.")
    what = f"{in_words(size)}: what happened is in {log.file_of(paths)}, what llama.cpp said in engine.log beside it."
    return Finding(Part.LOGS, Status.GOOD, what)


def _terminal(environ: Mapping[str, str]) -> Iterator[Finding]:
    kind = environ.get("TERM", "")
    if kind in ("", "dumb"):
        what = f"TERM is {kind or 'not set'}: the chat cannot be drawn on such a terminal."
        yield Finding(Part.TERMINAL, Status.WARNING, what, "Use another one, or `recollect ask`.")
        return
    spoken = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    if not spoken.lower().replace("-", "").endswith("utf8"):
        what = f"The locale ({spoken or 'none is set'}) is not of UTF-8, so some letters and marks may come out wrong."
        yield Finding(Part.TERMINAL, Status.WARNING, what, "Set one that is, as LANG=C.UTF-8.")
        return
    if environ.get("NO_COLOR"):
        colours = "no colours, as NO_COLOR asks"
    elif environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        colours = "all colours"
    else:
        colours = "256 colours" if "256" in kind else "few colours"
    yield Finding(Part.TERMINAL, Status.GOOD, f"{kind}: {colours}; UTF-8.")


def _versions() -> Iterator[Finding]:
    names = {"llama-cpp-python": "llama-cpp-python", "apsw-sqlite3mc": "SQLite", "sqlite-vec": "sqlite-vec"}
    told = [f"Recollect {assistant.__version__}", f"Python {sys.version.split()[0]}"]
    for package, name in names.items():
        try:
            told.append(f"{name} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            if package in _WITHOUT:
                what = f"{package} is not installed: {_WITHOUT[package]}."
                yield Finding(Part.VERSIONS, Status.WARNING, what, "Install Recollect again: make run.")
    yield Finding(Part.VERSIONS, Status.GOOD, f"{', '.join(told)}.")


if __name__ == "__main__":
    print(json.dumps(_check_bank(Path(sys.argv[1]), "rebuild" in sys.argv[2:], json.load(sys.stdin))))
