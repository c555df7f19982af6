"""What the model's process costs: beside plain llama.cpp, for a second agent, in a long chat, and at a start.

Each part runs in processes of its own; this one only starts them, prints a table with what has to be kept to, and
writes the JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from assistant.llm.files.gguf_header import read_header
from benchmarks.bank import machine_of
from benchmarks.bodies import Body, large, shipped, small
from benchmarks.engine_table import report_text
from benchmarks.random_body import REAL

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("pairs", "stop", "memory", "chat", "start")
MOST_CONTEXT = 8192
SMALL_CONTEXT = 2048
"""One that a chat of 40 turns does not fit into."""
ROUNDS, TURNS, STARTS = 5, 40, 20
MEMORIES, MESSAGES = 10_000, 1_000

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints a table and writes the JSON. Returns the exit status."""
    options = _parser().parse_args(arguments)
    # Looked up first: what is measured is what was there at the beginning.
    machine = _machine(options)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="recollect-engine-") as folder:
        for part in options.only:
            results += _part(part, options, Path(folder))
    report = {"machine": machine, "results": results}
    print(report_text(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument(
        "--model", type=Path, nargs="+", metavar="FILE", help="instead of the shipped model and two of random weights"
    )
    parser.add_argument("--only", type=_parts, default=PARTS, metavar="NAMES", help=f"of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs of each kind that are timed")
    parser.add_argument("--turns", type=int, default=TURNS, help="turns of the long chat")
    parser.add_argument("--starts", type=int, default=STARTS, help="starts of each kind that are timed")
    parser.add_argument("--seed", type=int, default=1, help="decides texts and weights")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    return names


def _part(part: str, options: argparse.Namespace, folder: Path) -> list[Result]:
    """The results of one part, on all models that it is for."""
    seed, given = options.seed, [_given(path) for path in options.model or ()]

    def made() -> list[Body]:
        return given or [shipped(), small(folder, seed), large(folder, seed)]

    match part:
        case "pairs":
            # No more context than is used: the cache of the largest model would be most of what there is in memory.
            bodies = [replace(body, context=min(body.context, SMALL_CONTEXT)) for body in made()]
            return _steps("pairs", bodies, lambda body: [seed, body.times * options.rounds])
        case "stop":
            return _steps("stopping", made(), lambda body: [seed, 2 * options.rounds])
        case "memory":
            shape = None if given else asdict(REAL)
            return _steps("agents_memory", given or [small(folder, seed)], lambda body: [seed, json.dumps(shape)])
        case "chat":
            chats = given or [small(folder, seed), replace(small(folder, seed), context=SMALL_CONTEXT), shipped()]
            return _steps("long_chat", chats, lambda body: [seed, options.turns, MEMORIES])
        case _:
            return _step("starting", "a terminal", [seed, options.starts, MEMORIES, MESSAGES])


def _given(path: Path) -> Body:
    context = read_header(path).context_length or MOST_CONTEXT
    return Body(path.stem, str(path.resolve()), min(context, MOST_CONTEXT))


def _steps(module: str, bodies: Sequence[Body], arguments: Callable[[Body], Sequence[object]]) -> list[Result]:
    results: list[Result] = []
    for body in bodies:
        results += _step(module, body.label, [json.dumps(asdict(body)), *arguments(body)])
    return results


def _step(module: str, label: str, arguments: Sequence[object]) -> list[Result]:
    """What a module of ours measures, in a process of its own. Its errors are shown."""
    print(f"{module}: {label}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("A step of the benchmark failed; what it said is above.")
    measured: list[Result] = json.loads(done.stdout)
    return measured


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    """What the numbers depend on. The command has no folders in it: they are this machine's affair."""
    command = ["python", "-m", "benchmarks.engine", "--seed", str(options.seed)]
    if options.only != PARTS:
        command += ["--only", ",".join(options.only)]
    for name, usual in (("rounds", ROUNDS), ("turns", TURNS), ("starts", STARTS)):
        if (value := getattr(options, name)) != usual:
            command += [f"--{name}", str(value)]
    if options.model:
        command += ["--model", *(path.name for path in options.model)]
    return machine_of(command)


if __name__ == "__main__":
    sys.exit(main())
