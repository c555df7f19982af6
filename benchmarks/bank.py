"""How fast the MemoryBank is, how much memory and disk it takes and how much it finds, with a peer beside it.

Every store gets the same made-up memories and vectors at each size. This process only starts others, and stays small:
a process inherits the peak of the one that starts it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from benchmarks import table
from benchmarks.stores import KINDS
from benchmarks.workload import WARM_UP

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000, 10_000, 100_000, 1_000_000)
OPENINGS = 5
"""Processes that each open a store once; their median counts."""

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints a table and writes the JSON. Returns the exit status."""
    options = _parser().parse_args(arguments)
    least = 2 * (options.queries + WARM_UP)
    if min(options.sizes) < least:
        sys.exit(f"With {options.queries} queries a size is at least {least}: so many memories are changed.")
    stores = ["bank"] if options.peer == "none" else ["bank", options.peer]
    notes = [note for note in map(_missing, stores) if note]
    stores = [store for store in stores if not _missing(store)]
    # Looked up first: what runs for an hour may outlast the commit that it began with.
    machine = _machine(options)
    results: list[Result] = []
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix=f"recollect-{size}-", dir=options.folder) as folder:
            results += _measured(stores, size, options, Path(folder).resolve())
    report = {"machine": machine, "notes": notes, "results": results}
    print(table.plain(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bank", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="memories, as numbers with commas between them")
    parser.add_argument("--queries", type=int, default=200, help="how many operations of each kind are timed")
    parser.add_argument("--peer", choices=[*(kind for kind in KINDS if kind != "bank"), "none"], default="usearch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the files are made, and deleted again (default: temporary)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _missing(store: str) -> str:
    """Why the store cannot be measured; "" if it can."""
    kind = KINDS[store]
    if kind.package is None or importlib.util.find_spec(kind.package) is not None:
        return ""
    return f"{kind.label} is left out: the package {kind.package} is not installed."


def _measured(stores: Sequence[str], size: int, options: argparse.Namespace, folder: Path) -> list[Result]:
    """A result for each store that is measured at that size."""
    _say(f"{size:,}: making texts and vectors")
    _python("making", str(folder), str(size), str(options.queries), str(options.seed))
    results: list[Result] = []
    for store in stores:
        kind = KINDS[store]
        if kind.most is not None and size > kind.most:
            continue
        _say(f"{size:,}: filling {kind.label}")
        result = {"store": kind.label, "size": size, **_step("fill", store, folder)}
        _say(f"{size:,}: measuring {kind.label}")
        openings = [_step("open", store, folder)["open_s"] for _ in range(OPENINGS)]
        result |= {"open_s": statistics.median(openings), **_step("operations", store, folder)}
        results.append(result)
    return results


def _step(step: str, store: str, folder: Path) -> Result:
    measured: Result = json.loads(_python("measuring", step, store, str(folder)))
    return measured


def _python(module: str, *arguments: str) -> str:
    """What a module of ours prints in a process of its own. Its errors are shown."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    """What the numbers depend on. The command has no files in it: they are this machine's affair."""
    sizes = ",".join(map(str, options.sizes))
    command = f"python -m benchmarks.bank --sizes {sizes} --queries {options.queries} --peer {options.peer}"
    packages = [kind.package for kind in KINDS.values() if kind.package and importlib.util.find_spec(kind.package)]
    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "sqlite-vec": importlib.metadata.version("sqlite-vec"),
        **{package: importlib.metadata.version(package) for package in packages},
        "commit": commit_of_checkout(),
        "seed": options.seed,
        "command": shlex.join([*shlex.split(command), "--seed", str(options.seed)]),
    }


def machine_of(command: Sequence[str]) -> dict[str, Any]:
    """What figures depend on: this machine as it is now, the commit, and the command that measures."""
    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "commit": commit_of_checkout(),
        "command": shlex.join(command),
    }


def processor() -> str:
    """The name of the processor."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def commit_of_checkout() -> str:
    """The commit that is measured, with a + if something was changed since."""
    run = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
