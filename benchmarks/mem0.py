"""What it costs to remember a message: one call of our Memory Manager beside mem0's own calls, on the same model.

Every manager is told the same life. mem0 runs by itself, against a server here that speaks OpenAI's protocol. The
replies are those of a model that makes no mistake, forced token by token, each of them computed: what is measured is
what they cost, not how good they are.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.paths import Paths
from benchmarks.bank import commit_of_checkout, processor
from benchmarks.mem0_table import report_text
from benchmarks.random_body import REAL, write_body
from benchmarks.telling import OURS, PEER

ROOT = Path(__file__).resolve().parent.parent
STARTER = ROOT / "models" / "recollect-starter.gguf"
SLOTS = 2
"""As many prompts as mem0 asks alternately: each stays in the cache."""
TRAITS: dict[str, dict[str, Any]] = {"Recollect": {"trained": False}, "Recollect, trained": {"trained": True}}
"""Ours is asked both ways, as `ModelTraits` say: any model has to be told its task, one trained for it has not."""

NO_PEER = """\
mem0 is left out: it is not installed. Its last version with two calls for a message, and the newest one:
pip install --target mem0-1 mem0ai==1.0.11
pip install --target mem0-2 mem0ai==2.2.1
python -m benchmarks.mem0 --peer mem0-1 --peer mem0-2"""

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints a table and writes the JSON. Returns the exit status."""
    options = _parser().parse_args(arguments)
    if not options.sentences.is_file():
        sys.exit(f"The sentence model is not at {options.sentences}. Set it up: python -m assistant.llm.embedder")
    peers = options.peer or ([""] if importlib.util.find_spec("mem0") else [])
    # Looked up first: what is measured is what was there at the beginning.
    machine = _machine(options)
    results = []
    with tempfile.TemporaryDirectory(prefix="recollect-mem0-") as folder:
        model = Path(folder) / "random.gguf"
        _say("Making the model")
        write_body(model, options.tokenizer, seed=options.seed)
        for label, traits in TRAITS.items():
            _say(f"Telling {label}")
            results.append({"manager": label, **_step(options, model, {"who": OURS, "traits": traits})})
        for packages in peers:
            _say(f"Telling mem0 {packages}".strip())
            result = _step(options, model, {"who": PEER, "peer": packages and str(Path(packages).resolve())})
            results.append({"manager": f"mem0 {result['version']}", **result})
    report = {"machine": machine, "notes": [] if peers else [NO_PEER], "ours": len(TRAITS), "results": results}
    print(report_text(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mem0", description=__doc__)
    parser.add_argument("--messages", type=int, default=40, help="how many messages are told")
    parser.add_argument("--seed", type=int, default=1, help="decides what is told, and the weights")
    parser.add_argument(
        "--peer", action="append", metavar="FOLDER", help="where mem0 was installed (pip install --target); repeatable"
    )
    parser.add_argument("--slots", type=int, default=SLOTS, help="prompts that stay in the cache at once")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--tokenizer", type=Path, default=STARTER, metavar="GGUF", help="whose tokenizer is used")
    parser.add_argument("--sentences", type=Path, default=Paths.default().embedder, metavar="GGUF")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


def _step(options: argparse.Namespace, model: Path, who: dict[str, Any]) -> Result:
    """What the step measures, in a process of its own. Its errors are shown."""
    told = {name: getattr(options, name) for name in ("messages", "seed", "slots", "threads")}
    what = json.dumps({**told, "model": str(model), "sentences": str(options.sentences), **who})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.telling", what], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit("A step of the benchmark failed; what it said is above.")
    measured: Result = json.loads(done.stdout)
    return measured


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    """What the numbers depend on. The command has no files in it: they are this machine's affair."""
    command = f"python -m benchmarks.mem0 --messages {options.messages} --seed {options.seed}"
    if options.slots != SLOTS:
        command += f" --slots {options.slots}"
    return {
        "cores": os.cpu_count(),
        "threads": options.threads,
        "processor": processor(),
        "tokenizer": options.tokenizer.stem,
        "body": f"{REAL.layers} layers of {REAL.hidden}, Q8_0, random weights",
        "commit": commit_of_checkout(),
        "command": shlex.join(shlex.split(command)),
    }


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
