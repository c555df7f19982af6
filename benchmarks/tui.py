"""How quick the terminal app is on a real terminal, with much to show: keys, streaming, memory, sizes, modes.

Every program runs on a terminal of 120 columns and 40 lines, whose screen is read as a terminal would show it. elia and
oterm run beside ours, in turns, against the same server, which streams a reply that is made up.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Any

from assistant.paths import Paths
from benchmarks.bank import machine_of
from benchmarks.starting import fill_bank
from benchmarks.tui_apps import App, peer, recollect
from benchmarks.tui_measuring import SCROLLED, beginning, keys, memory, start, stream, worded
from benchmarks.tui_server import RATE, Script, ScriptedServer
from benchmarks.tui_showing import MODES, look, resize, table, visit
from benchmarks.tui_table import report_text

PARTS = ("start", "keys", "stream", "memory", "resize", "look", "modes", "table")
USUAL = {"rounds": 3, "starts": 10, "keys": 60, "tokens": 2_000, "memories": 10_000, "messages": 10_000}
"""What is not named in the command of a report."""
RESIZES, LOOKS, VISITS = 6, 4, 3
FILTERED_BY = "sister"
NO_PEER = """\
No peer was named. Each is installed in a virtual environment of its own:
python -m venv elia && elia/bin/pip install elia-chat
python -m venv oterm && oterm/bin/pip install oterm
python -m benchmarks.tui --peer elia --peer oterm"""

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints a table and writes the JSON. Returns the exit status."""
    options = _parser().parse_args(arguments)
    # Looked up first: what is measured is what was there at the beginning.
    machine = _machine(options)
    with tempfile.TemporaryDirectory(prefix="recollect-tui-") as folder, ScriptedServer() as server:
        bench = Bench(options, Path(folder), server)
        results = [result for part in options.only for result in bench.part(part)]
    report = {
        "machine": machine,
        "apps": {app.name: app.version for app in bench.apps},
        "notes": [*notes(bench.apps, results), *([] if options.peer else [NO_PEER])],
        "results": results,
    }
    print(report_text(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


class Bench:
    """The programs, ours first, and what they are measured with."""

    def __init__(self, options: argparse.Namespace, folder: Path, server: ScriptedServer) -> None:
        self._options, self._folder, self._server = options, folder, server
        self._started = 0
        full = folder / "recollect"
        _say("Filling the bank")
        fill_bank(Paths(full), folder / "workload", options.seed, options.memories, options.messages, worded)
        opened = beginning(options.messages - 1)
        self.apps = [recollect(full, server.url, opened), *(peer(each, folder, server.url) for each in options.peer)]

    def part(self, name: str) -> Iterator[Result]:
        """The results of a part, round after round, the programs taking turns."""
        options, server, ours = self._options, self._server, self.apps[:1]
        match name:
            case "start":
                # The first start of each reads all its files from the disk, and does not count.
                yield from islice(self._turns(name, options.starts + 1, self.apps, start), len(self.apps), None)
            case "keys":
                yield from self._turns(
                    name, options.rounds, self.apps, lambda app: keys(app, server, self._script(), options.keys)
                )
            case "stream":
                yield from self._turns(name, options.rounds, self.apps, lambda app: stream(app, server, self._script()))
            case "memory":
                last, back = options.messages - 1, min(SCROLLED, options.messages // 2)
                yield from self._turns(name, 1, ours, lambda app: memory(app, server, self._script(), last, back))
            case "resize":
                yield from self._turns(name, 1, self.apps, lambda app: resize(app, RESIZES))
            case "look":
                yield from self._turns(name, 1, ours, lambda app: look(app, LOOKS))
            case "modes":
                for mode in MODES:
                    yield from self._turns(name, 1, ours, partial(visit, name=mode, times=VISITS))
            case _:
                yield from self._turns(name, options.rounds, ours, lambda app: table(app, FILTERED_BY))

    def _turns(self, part: str, rounds: int, apps: Sequence[App], measure: Callable[[App], Result]) -> Iterator[Result]:
        for number in range(rounds):
            for app in apps:
                _say(f"{part}: {app.name} {number + 1}")
                self._started += 1
                copy = self._folder / f"copy-{self._started}"
                yield {"part": part, "app": app.name, **measure(app.in_copy(copy))}
                rmtree(copy)

    def _script(self) -> Script:
        """A reply that is as long as all others and has marks of its own."""
        return Script(self._started, self._options.tokens, self._options.seed)


def notes(apps: Sequence[App], results: Sequence[Result]) -> list[str]:
    """What could not be measured, each with its reason, once."""
    lacking = [f"{app.name}: {reason}." for app in apps for reason in app.lacks.values()]
    told = [f"{result['part']}, {result['app']}: {result['note']}." for result in results if "note" in result]
    return list(dict.fromkeys([*lacking, *told]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tui", description=__doc__)
    parser.add_argument("--only", type=_parts, default=PARTS, metavar="NAMES", help=f"of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=USUAL["rounds"], help="replies of each kind that are streamed")
    parser.add_argument("--starts", type=int, default=USUAL["starts"], help="starts that are timed")
    parser.add_argument("--keys", type=int, default=USUAL["keys"], help="keys that are typed in a round")
    parser.add_argument("--tokens", type=int, default=USUAL["tokens"], help=f"of a reply, {RATE:.0f} a second")
    parser.add_argument("--memories", type=int, default=USUAL["memories"])
    parser.add_argument("--messages", type=int, default=USUAL["messages"], help="of the one conversation")
    parser.add_argument("--seed", type=int, default=1, help="decides texts and pauses")
    parser.add_argument(
        "--peer", type=Path, action="append", default=[], metavar="FOLDER",
        help="the virtual environment of elia or oterm; repeatable",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    return names


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    """What the numbers depend on. The command has no folders in it: they are this machine's affair."""
    command = ["python", "-m", "benchmarks.tui", "--seed", str(options.seed)]
    if options.only != PARTS:
        command += ["--only", ",".join(options.only)]
    for name, usual in USUAL.items():
        if (value := getattr(options, name)) != usual:
            command += [f"--{name}", str(value)]
    return machine_of(command)


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
