"""The programs that are measured: ours, elia and oterm, each made ready to talk to the same server.

A peer is in a virtual environment of its own, and has a home of its own with nothing in it but how to reach the server.
Knows nothing of what is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import assistant
from assistant.paths import DATA_DIR_VARIABLE
from benchmarks.starting import COMMAND, LAST_PAINTED, QUIT
from benchmarks.tui_server import MODEL
from benchmarks.tui_window import WAIT_SECONDS, Window

NOWHERE = "http://127.0.0.1:9"
"""A proxy that there is not: whatever asks for another machine is told so at once."""
_NO_HISTORY = "a long conversation: all its messages are on the screen at once"


@dataclass(frozen=True, slots=True)
class App:
    """A program and how it is used; all that it keeps is in `home`, which only `environment` names.

    `painted` stands in its last line, `opened` in the conversation that it opens, and `send` is the key that sends.
    What it does not do is in `lacks`, with the reason: "ahead" is typing before it is there.
    """

    name: str
    version: str
    command: Sequence[str]
    home: Path
    environment: Mapping[str, str]
    painted: str
    send: str
    quit: str
    opened: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)

    def in_copy(self, folder: Path) -> App:
        """The same on a copy of all it keeps, made in `folder`: what it does there is not there the next time."""
        copy = folder / self.home.name
        shutil.copytree(self.home, copy)
        moved = {name: value.replace(str(self.home), str(copy)) for name, value in self.environment.items()}
        return replace(self, home=copy, environment=moved)


def recollect(folder: Path, server: str, opened: str) -> App:
    """Ours, on the bank in `folder`, whose conversation ends with `opened`, with both agents on the server."""
    environment = _terminal(os.environ | {DATA_DIR_VARIABLE: str(folder)})
    for words in (["add", server, "--model", MODEL], ["use", MODEL]):
        subprocess.run([COMMAND, "models", *words], env=environment, check=True, capture_output=True)
    version, command = assistant.__version__, [str(COMMAND)]
    return App("Recollect", version, command, folder, environment, LAST_PAINTED, "\r", QUIT, opened)


def elia(programs: Path, folder: Path, server: str) -> App:
    """elia, from the virtual environment `programs`."""
    home = folder / "elia"
    settings = home / ".config" / "elia" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f'default_model = "{MODEL}"\n\n[[models]]\nid = "{MODEL}"\nname = "openai/{MODEL}"\n'
        f'api_base = "{server}"\napi_key = "none"\n'
    )
    # Else it asks for a list of prices before its first answer.
    environment = _alone(home, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    lacks = {
        "ahead": "what is typed before it is there is lost",
        "look": "another look: no key leads to it",
        "memory": _NO_HISTORY,
    }
    version = _version(programs, "elia-chat")
    return App("elia", version, [str(programs / "bin" / "elia")], home, environment, "Help", "\n", "\x03", lacks=lacks)


def oterm(programs: Path, folder: Path, server: str) -> App:
    """oterm, from the virtual environment `programs`, with one chat, which it cannot make without its dialogue."""
    home = folder / "oterm"
    home.mkdir()
    endpoints = {MODEL: {"base_url": server}}
    (home / "config.json").write_text(json.dumps({"splash-screen": False, "openaiCompatible": endpoints}))
    environment = _alone(home, {"OTERM_DATA_DIR": str(home)})
    command = str(programs / "bin" / "oterm")
    subprocess.run([command, "--upgrade"], env=environment, check=True, capture_output=True)
    with sqlite3.connect(home / "store.db") as database:
        row = ("A chat", MODEL, f"openai-compat/{MODEL}")
        database.execute("INSERT INTO chat (name, model, provider) VALUES (?, ?, ?)", row)
    database.close()
    lacks = {
        "ahead": "a key before it is there can end it with an error",
        "look": "another look: no key leads to it",
        "memory": _NO_HISTORY,
    }
    return App("oterm", _version(programs, "oterm"), [command], home, environment, "palette", "\r", "\x11", lacks=lacks)


@contextmanager
def opened(app: App) -> Iterator[Window]:
    """The program on a terminal, once it shows what it has to and all has been still for a moment."""
    with Window(app.command, app.environment) as window:
        at = window.times_of([app.painted, app.opened], WAIT_SECONDS)
        if None in at.values():
            raise RuntimeError(f"{app.name} does not show all of {[*at]} but:\n{window.screen.text}")
        window.settle(WAIT_SECONDS)
        yield window
        window.send(app.quit)


PEERS = {"elia": elia, "oterm": oterm}


def peer(programs: Path, folder: Path, server: str) -> App:
    """Whichever of the peers is in the virtual environment `programs`. Leaves with a message if none is."""
    for name, make in PEERS.items():
        if (programs / "bin" / name).exists():
            return make(programs.absolute(), folder, server)
    sys.exit(f"Neither {' nor '.join(PEERS)} is installed in {programs}.")


def _terminal(environment: Mapping[str, str]) -> dict[str, str]:
    # With COLUMNS and LINES, which some shells and test runners set, programs do not ask the terminal how large it is.
    usual = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    return {**usual, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def _alone(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """An environment with that home, in which nothing but this machine can be reached."""
    names = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    here = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "LANG": "C.UTF-8", "OPENAI_API_KEY": "none"}
    return _terminal({"PATH": os.environ["PATH"], "HOME": str(home), **names, **here, **more})


def _version(programs: Path, package: str) -> str:
    asked = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    told = subprocess.run([programs / "bin" / "python", "-c", asked], capture_output=True, text=True, check=True)
    return told.stdout.strip()
