"""The values that count: from the environment, else from config.toml in the data folder, else the default.

Promises that nothing in that file keeps Recollect from starting, and that what is not known there stays there. Knows
nothing of what comes of the values.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import InputError, NotWritable
from assistant.paths import DATA_DIR_VARIABLE, Paths, make_private_folder
from assistant.settings.schema import SCHEMA, Fold, LogLevel, Origin, SendKey, Setting, Theme, Value, named

CONFIG = "config.toml"
MODEL_VARIABLE = "RECOLLECT_MODEL"
PASSPHRASE_VARIABLE = "RECOLLECT_PASSPHRASE"
_HEADING = "# Settings of Recollect; `recollect settings` lists them all.\n"


@dataclass(frozen=True, slots=True)
class Settings:
    """All values, where each comes from, and what is wrong with what was set, as whole sentences."""

    theme: Theme
    send_key: SendKey
    markdown: bool
    show_memories: Fold
    threads: int
    backups_kept: int
    log: LogLevel
    origins: Mapping[str, Origin]
    problems: tuple[str, ...] = ()

    def value(self, name: str) -> Value:
        """The value of the setting of that name."""
        value: Value = getattr(self, name)
        return value

    def origin(self, name: str) -> Origin:
        """Where that value comes from."""
        return self.origins[name]


@dataclass(frozen=True, slots=True)
class Fixed:
    """What can be set in the environment alone, or elsewhere, and is shown beside the settings."""

    name: str
    shown: str
    origin: Origin
    variable: str
    description: str


def file_of(paths: Paths) -> Path:
    """Where the settings are kept; the file need not be there."""
    return paths.data / CONFIG


def load(paths: Paths, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings as they stand; what cannot be used is among their `problems`, and the next best value counts."""
    path, problems = file_of(paths), list[str]()
    try:
        told = _told(path)
    except InputError as error:
        told, problems = {}, [str(error)]
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for setting in SCHEMA:
        given = (
            (Origin.ENVIRONMENT, environ.get(setting.variable) or None, setting.variable),
            (Origin.FILE, told.get(setting.name), f"{setting.name} in {path}"),
        )
        values[setting.name], origins[setting.name] = setting.default, Origin.DEFAULT
        for origin, raw, where in given:
            if raw is None:
                continue
            try:
                values[setting.name] = setting.parse(_word(raw))
            except InputError as error:
                problems.append(f"{where} is not used: {error}")
                continue
            origins[setting.name] = origin
            break
    known = {setting.name for setting in SCHEMA}
    unknown = [key for key in told if key not in known]
    problems += [f"{path} has {key!r}, which this version has no setting for; it was left there." for key in unknown]
    return Settings(**values, origins=origins, problems=tuple(problems))


def change(paths: Paths, name: str, text: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """Sets a value in the file. Raises InputError, also where the environment sets it, or NotWritable."""
    setting = named(name)
    _write(paths, setting, setting.parse(text), environ)
    return load(paths, environ)


def reset(paths: Paths, name: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """Takes a value out of the file, so that the default counts. Raises as `change` does."""
    _write(paths, named(name), None, environ)
    return load(paths, environ)


def fixed(paths: Paths, environ: Mapping[str, str] = os.environ) -> tuple[Fixed, ...]:
    """What is not set in the file, for whoever wants to see all of it. The passphrase itself is never told."""

    def origin(variable: str) -> Origin:
        return Origin.ENVIRONMENT if environ.get(variable) else Origin.DEFAULT

    model, passphrase = environ.get(MODEL_VARIABLE), environ.get(PASSPHRASE_VARIABLE)
    return (
        Fixed("data folder", str(paths.data), origin(DATA_DIR_VARIABLE), DATA_DIR_VARIABLE, "where everything is kept"),
        Fixed(
            "model",
            model or "as chosen",
            origin(MODEL_VARIABLE),
            MODEL_VARIABLE,
            "a model file for both agents, whichever is chosen",
        ),
        Fixed(
            "passphrase",
            "set" if passphrase else "not set",
            origin(PASSPHRASE_VARIABLE),
            PASSPHRASE_VARIABLE,
            "that of an encrypted bank, which is asked for otherwise",
        ),
    )


def _word(raw: object) -> str:
    """A value of the file as one would write it; what is neither a word nor a number is no value of anything."""
    if isinstance(raw, bool):
        return "on" if raw else "off"
    return str(raw) if isinstance(raw, str | int) else repr(raw)


def _told(path: Path) -> dict[str, Any]:
    """What the file says, nothing if there is none. Raises InputError."""
    try:
        text = path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InputError(f"The settings in {path} cannot be read ({error.strerror}).", "Make it readable.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The settings in {path} are not valid UTF-8.", "Correct or delete the file.") from error
    import tomllib  # Late: most have no such file.

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        place = where.partition(",")[0].rstrip(")")
        raise InputError(
            f"The settings in {path} cannot be read, because of {place}: {what[:1].lower()}{what[1:]}.",
            "Correct it, or delete the file; until then the defaults count.",
        ) from error


def _write(paths: Paths, setting: Setting, value: Value | None, environ: Mapping[str, str]) -> None:
    if environ.get(setting.variable):
        raise InputError(
            f"{setting.name} is set by {setting.variable} in the environment, which goes before the file.",
            f"Unset {setting.variable} first; nothing was changed.",
        )
    path = file_of(paths)
    told = _told(path)
    told.pop(setting.name, None)
    if value is not None:
        told[setting.name] = setting.plain(value)
    try:
        make_private_folder(paths.data)
        before = path.read_text(encoding="utf-8") if path.exists() else _HEADING
        _replace(path.resolve(), _edited(before, told, setting.name))  # What a link leads to, not the link.
    except OSError as error:
        raise NotWritable(
            f"The settings in {path} cannot be written ({error.strerror}).",
            "Make the folder writable, or free some space; nothing was changed.",
        ) from error


def _edited(before: str, wanted: Mapping[str, Any], name: str) -> str:
    """`before` with one value changed, and its comments, if that says what is `wanted`; else that without them."""
    import tomllib

    import tomli_w

    line = tomli_w.dumps({name: wanted[name]}).rstrip("\n") if name in wanted else ""
    table = re.search(r"^[ \t]*\[", before, re.MULTILINE)
    top, rest = (before[: table.start()], before[table.start() :]) if table is not None else (before, "")
    said = re.search(rf"^[ \t]*{name}[ \t]*=[^#\n]*(#[^\n]*)?\n?", top, re.MULTILINE)
    if said is not None:
        new = f"{line}  {said[1]}\n" if line and said[1] else line and f"{line}\n"
        top = top[: said.start()] + new + top[said.end() :]
    elif line:
        top = f"{top}\n{line}\n" if top and not top.endswith("\n") else f"{top}{line}\n"
    try:
        is_right = tomllib.loads(top + rest) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    return top + rest if is_right else tomli_w.dumps(wanted)


def _replace(path: Path, text: str) -> None:
    """Writes a private file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
