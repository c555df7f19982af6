"""`recollect-train`: trains the assistant's models and measures them.

Heavy imports wait until a command needs them, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.pretrain import Schedule


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("recollect-train", description="Train Recollect's models, and measure them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    starter = commands.add_parser("starter", help="train the model that ships, from random weights, and publish it")
    starter.add_argument("--run", dest="folder", type=Path, default=Path("runs/starter"), help="folder of the run")
    starter.add_argument("--seed", type=int, default=0)
    starter.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    starter.add_argument("--text", type=Path, help="folder of English texts, for embeddings and idle talk")
    starter.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the schedule")
    starter.add_argument("--models", type=Path, default=Path("models"), help="folder to publish to")
    starter.set_defaults(run=_starter)

    lives = commands.add_parser("lives", help="measure a GGUF file on simulated lives, through the app's own code")
    lives.add_argument("model", type=Path, nargs="?", help="the shipped model unless given")
    lives.add_argument("--split", choices=("train", "dev", "test"), default="test")
    lives.add_argument("--register", choices=("plain", "chatty"), help="how things are said (both)")
    lives.add_argument("--lives", type=int, default=40)
    lives.add_argument("--threads", type=int)
    lives.add_argument("--json", action="store_true", help="print the shares as JSON instead of a table")
    lives.add_argument("--doubts", action="store_true", help="also show what holding unsure proposals would cost")
    lives.add_argument("--mistakes", type=int, default=0, metavar="N", help="also show the first N mistakes")
    lives.set_defaults(run=_lives)
    return parser


def _starter(options: argparse.Namespace) -> int:
    from trainer import publish, starter
    from trainer.data.wordings import Split, Wordings
    from trainer.pretrain import Schedule

    schedule = _changed(Schedule(), options.set)
    provenance = publish.Provenance(
        " ".join(
            [
                "recollect-train starter",
                f"--seed {options.seed}",
                *(["--text TEXT"] if options.text else []),
                *(f"--set {s}" for s in options.set),
            ]
        ),
        options.seed,
        publish.commit_at_start(options.folder),
    )
    model = starter.train(options.folder, options.seed, schedule, options.threads, options.text)
    built = options.folder / f"{publish.NAME}.gguf"
    publish.export(model, built)
    scores = publish.score(publish.unpublished(built), Wordings.load(Split.TEST), publish.TEST_LIVES, _say)
    print(scores.table())
    publish.publish(built, options.models, provenance, scores.totals())
    return 0


def _lives(options: argparse.Namespace) -> int:
    from assistant.agents.generation import Agent
    from assistant.llm.files.installed import InstalledModels
    from assistant.llm.files.manifest import ModelFile
    from assistant.paths import Paths
    from trainer import publish
    from trainer.data.wordings import Register, Split, Wordings

    chosen = InstalledModels.read(Paths.default()).chosen(Agent.ANSWER)
    model = publish.unpublished(options.model) if options.model else chosen
    if not isinstance(model, ModelFile):
        raise SystemExit(f"{model.name} runs on a server; name a file with --model.")
    register = Register(options.register) if options.register else None
    wordings = Wordings.load(Split(options.split), register)
    scores = publish.score(model, wordings, options.lives, _say, threads=options.threads)
    print(json.dumps(scores.totals()) if options.json else scores.table())
    if options.doubts:
        print(scores.doubts())
    for mistake in scores.mistakes[: options.mistakes]:
        print(mistake)
    return 0


def _changed(schedule: Schedule, settings: list[str]) -> Schedule:
    """`schedule` with each "key=value" in its place. Exits with a clear sentence on one that it does not know."""
    known = {f.name: type(getattr(schedule, f.name)) for f in fields(schedule)}
    changes: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or key not in known:
            raise SystemExit(f"--set {setting}: give KEY=VALUE, with a key among {', '.join(known)}.")
        try:
            changes[key] = known[key](value)
        except ValueError:
            raise SystemExit(f"--set {setting}: {key} takes {known[key].__name__}.") from None
    return replace(schedule, **changes)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
