"""`recollect-train`: trains the assistant's models and measures them.

Heavy imports wait until a command needs them, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.errors import TrainingError

if TYPE_CHECKING:
    from trainer.recipe import Recipe
    from trainer.schedule import Schedule


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except TrainingError as error:
        print(f"recollect-train: {error}", file=sys.stderr)
        return 2
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
    starter.add_argument("--width", type=int, default=256, help="of the model, a multiple of 64, at least 128 (256)")
    starter.add_argument(
        "--seconds",
        type=float,
        help="train for so long from now, on a GPU if there is one; the schedule follows the time",
    )
    starter.add_argument(
        "--workers",
        type=int,
        default=max(1, (os.cpu_count() or 1) - 1),
        help="with --seconds: processes that make rows",
    )
    starter.add_argument("--train-only", action="store_true", help="do not publish; `publish` does it later, anywhere")
    starter.add_argument("--models", type=Path, default=Path("models"), help="folder to publish to")
    starter.set_defaults(run=_starter)

    run = commands.add_parser("run", help="train an agent as a recipe says: SFT, GRPO or PPO")
    run.add_argument("recipe", help="a file of YAML, or the name of one that comes along")
    run.add_argument("--run", dest="folder", type=Path, help="folder of the run (runs/RECIPE); it goes on from there")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the recipe")
    run.add_argument("--threads", type=int, help="of the processor (all)")
    run.add_argument("--dry-run", action="store_true", help="say what it takes, and train nothing")
    run.add_argument("--gpus", type=int, default=1, help="for --dry-run: how many there would be (1)")
    run.set_defaults(run=_run)

    turns = commands.add_parser("alternate", help="train both agents in turns: answer, manager, answer …")
    turns.add_argument("answer", help="recipe of the Answer Agent")
    turns.add_argument("manager", help="recipe of the Memory Manager")
    turns.add_argument("--rounds", type=int, default=4, help="runs in all, of both (4)")
    turns.add_argument("--run", dest="folder", type=Path, default=Path("runs/alternate"), help="folder of all runs")
    turns.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of both recipes")
    turns.set_defaults(run=_alternate)

    plot = commands.add_parser("plot", help="draw the curves of runs")
    plot.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    plot.add_argument("--to", type=Path, default=Path("curves.svg"), metavar="FILE", help=".png or .svg (curves.svg)")
    plot.add_argument("--only", action="append", default=[], metavar="NAME", help="a curve; repeatable")
    plot.set_defaults(run=_plot)

    publish = commands.add_parser("publish", help="measure the model of a finished run, and publish it")
    publish.add_argument("folder", type=Path, help="folder of the run")
    publish.add_argument("--models", type=Path, default=Path("models"), help="folder to publish to")
    publish.set_defaults(run=lambda options: _publish(options.folder, options.models))

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


def _run(options: argparse.Namespace) -> int:
    from trainer.recipes import read, written

    recipe = read(options.recipe, options.set)
    folder = options.folder or Path("runs") / Path(options.recipe).stem
    if options.dry_run:
        print(written(recipe))
        return _told_what_it_takes(recipe, folder, options.gpus)
    _quiet()
    import torch

    from trainer.running import run

    if options.threads:
        torch.set_num_threads(options.threads)
    command = " ".join(["recollect-train run", str(options.recipe), *(f"--set {each}" for each in options.set)])
    _say(f"The model is in {run(recipe, folder, command, _say)}.")
    return 0


def _told_what_it_takes(recipe: Recipe, folder: Path, gpus: int) -> int:
    from trainer.estimates import estimate
    from trainer.materials import model_folder
    from trainer.shapes import Shape

    shape = Shape.read(Path(model_folder(recipe.model, folder)))
    print(estimate(recipe, shape, gpus=gpus).table())
    return 0


def _alternate(options: argparse.Namespace) -> int:
    from trainer.alternating import alternate
    from trainer.recipes import read

    answer, manager = (read(each, options.set) for each in (options.answer, options.manager))
    _quiet()
    words = ["recollect-train alternate", str(options.answer), str(options.manager), f"--rounds {options.rounds}"]
    command = " ".join([*words, *(f"--set {each}" for each in options.set)])
    for agent, model in alternate(answer, manager, options.rounds, options.folder, command, _say).items():
        _say(f"The {agent} agent is in {model}.")
    return 0


def _plot(options: argparse.Namespace) -> int:
    from trainer.plotting import plot

    names = plot(options.runs, options.to, options.only)
    _say(f"{', '.join(names)}: {options.to}")
    return 0


def _quiet() -> None:
    """Keeps libraries from drawing bars of their own for what takes a moment."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _starter(options: argparse.Namespace) -> int:
    began = time.perf_counter()
    from trainer.provenance import Provenance
    from trainer.schedule import Schedule
    from trainer.starter import Timing, train

    schedule = _changed(Schedule(), options.set)
    if options.width < 128 or options.width % 64:
        raise SystemExit(f"--width {options.width}: give a multiple of 64, at least 128.")
    timing = Timing(began + options.seconds, options.workers) if options.seconds else None
    Provenance.begin(options.folder, _command(options), options.seed)
    train(options.folder, options.seed, schedule, options.threads, options.text, width=options.width, timing=timing)
    return 0 if options.train_only else _publish(options.folder, options.models)


def _command(options: argparse.Namespace) -> str:
    """What makes the same model again, or with --seconds one like it."""
    parts = ["recollect-train starter", f"--seed {options.seed}"]
    parts += ["--text TEXT"] if options.text else []
    parts += [f"--width {options.width}"] if options.width != 256 else []
    parts += [f"--seconds {options.seconds:g} --workers {options.workers}"] if options.seconds else []
    return " ".join([*parts, *(f"--set {setting}" for setting in options.set)])


def _publish(run: Path, models: Path) -> int:
    from trainer import publish
    from trainer.data.wordings import Split, Wordings
    from trainer.provenance import Provenance

    provenance = Provenance.of(run)
    built = run / f"{publish.NAME}.gguf"
    publish.export(run / "model", built)
    scores = publish.score(publish.unpublished(built), Wordings.load(Split.TEST), publish.TEST_LIVES, _say)
    print(scores.table())
    publish.publish(built, models, provenance, scores.totals())
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
