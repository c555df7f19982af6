"""How long a start takes: to the first key, to the first paint, to the model; and what the app's process then takes.

`python -m benchmarks.starting SEED STARTS MEMORIES MESSAGES` starts the installed command on a terminal and prints as
JSON what each start took; `benchmarks.engine` runs it. Beside it: what the import of the library for screens takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.memory.bank import MemoryBank, MessageRole
from assistant.paths import DATA_DIR_VARIABLE, Paths
from benchmarks import making
from benchmarks.filling import fill
from benchmarks.processes import cpu_seconds, first_child_s, memory_of
from benchmarks.sentences import facts
from benchmarks.stores import LookupEmbedder
from benchmarks.terminal import Terminal
from benchmarks.workload import content

Result = dict[str, Any]
Say = Callable[[int, str], str]

COMMAND = Path(sys.executable).parent / "recollect"
KEY = "ж"
"""A letter that nothing else on the screen has."""
LAST_PAINTED = "help"
"""What stands at the end of the last line, whatever comes before it."""
READY = " ready\x1b"
"""As the line says it that says how things stand, in a colour of its own."""
WAIT_SECONDS = 60.0
IDLE_SECONDS = 2.0
QUIT = "\x11"


def measure(seed: int, starts: int, memories: int, messages: int) -> list[Result]:
    """A result for a new folder at each start, one for a full bank, and one for the bare import, taking turns."""
    warm_up = 1
    with tempfile.TemporaryDirectory(prefix="recollect-starting-") as folder:
        place = Path(folder)
        full = place / "full"
        fill_bank(Paths(full), place / "workload", seed, memories, messages)
        fresh_starts, full_starts, imports = [], [], []
        for number in range(starts + warm_up):
            imports.append(_import_seconds())
            fresh_starts.append(start(place / f"fresh-{number}"))
            full_starts.append(start(full))
    return [
        {"part": "start", "bank": "new", "starts": fresh_starts[warm_up:]},
        {"part": "start", "bank": f"{memories:,} memories, {messages:,} messages", "starts": full_starts[warm_up:]},
        {"part": "import", "seconds": imports[warm_up:]},
    ]


def fill_bank(
    paths: Paths, workload: Path, seed: int, memories: int, messages: int, say: Say = lambda _, text: text
) -> None:
    """A bank of made-up memories, and one conversation of `messages`, each worded by `say` from its number and text."""
    paths.create()
    # Of each kind of operation a few are made as well, which nobody asks for here.
    making.make(workload, memories, 1, seed)
    with MemoryBank.open(paths.database) as bank:
        fill(bank, LookupEmbedder({}), content(workload))
        conversation = bank.new_conversation("A long one")
        for number, fact in enumerate(islice(facts(seed + 1), messages)):
            role = MessageRole.ASSISTANT if number % 2 else MessageRole.USER
            bank.add_message(conversation.id, role, say(number, fact.text))


def start(folder: Path) -> Result:
    """Seconds to what is seen of one start, when the model's process was begun, and MB of the app's own process."""
    environment = os.environ | {DATA_DIR_VARIABLE: str(folder), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with Terminal([str(COMMAND)], environment) as terminal:
        terminal.send(KEY)
        taken: Result = {
            "key_s": terminal.wait_for(KEY, WAIT_SECONDS),
            "key_cpu_s": cpu_seconds(terminal.pid),
            "paint_s": terminal.wait_for(LAST_PAINTED, WAIT_SECONDS),
            "ready_s": terminal.wait_for(READY, WAIT_SECONDS),
        }
        taken["model_s"] = first_child_s(terminal.pid)
        taken["started_mb"] = memory_of(terminal.pid).resident
        idle_from = time.perf_counter()
        while time.perf_counter() - idle_from < IDLE_SECONDS:
            terminal.read(IDLE_SECONDS)
        taken["idle_mb"] = memory_of(terminal.pid).resident
        terminal.send(QUIT)
    return taken


def _import_seconds() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:5]))))
