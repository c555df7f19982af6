"""`recollect training` and `recollect runs`: what may be learned from, and the runs, their numbers and their models."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from typing import Any

from assistant.commands import output
from assistant.commands.opening import data_folder, open_bank
from assistant.commands.reading import confirm
from assistant.commands.run_models import InstalledRunModels
from assistant.commands.showing import shortened
from assistant.errors import EngineError
from assistant.quantities import counted
from assistant.training import adopting, recipes, runs
from assistant.training.learnable import Source, learnable
from assistant.training.metrics import Watch
from assistant.training.preview import previewed
from assistant.training.recipes import Kind, Scores
from assistant.training.results import Result, log_tail
from assistant.training.runs import Run

EVERYTHING = 2**31 - 1
_LOG_BYTES = 4_000
_LOG_LINES = 10


def run_training(args: argparse.Namespace) -> None:
    """Does what the second word says; without one it shows what may be learned from."""
    {"data": _data, "preview": _preview, "words": _words}[args.training_command or "data"](args)


def run_runs(args: argparse.Namespace) -> None:
    """Does what the second word says; without one it lists."""
    commands = {
        "list": _list,
        "show": _show,
        "start": _start,
        "stop": _stop,
        "resume": _resume,
        "adopt": _adopt,
        "roll-back": _roll_back,
    }
    commands[args.runs_command or "list"](args)


# What may be learned from


def _data(args: argparse.Namespace) -> None:
    """Prints each conversation with what there is to learn from it, or why nothing is."""
    with open_bank(data_folder()) as bank:
        found = learnable(bank.lessons())
    if args.json:
        output.print_json(
            {
                "conversations": [_source_json(source) for source in found.sources],
                "messages": found.messages,
                "signals": found.signals,
                "questions": found.questions,
                "held_out": found.held_out,
            }
        )
        return
    for source in found.sources:
        output.print_data(_source_line(source))
    if not found.sources:
        output.print_note("Nothing was said yet, so there is nothing to learn from.")
        return
    output.print_note(
        f"{len(found.learned_from)} of {len(found.sources)} conversations may be learned from: "
        f"{counted(found.messages, 'message')} of yours, {counted(found.signals, 'decision')}."
        f" {found.held_out:,} of {found.questions:,} questions are held out."
    )
    output.print_note("`recollect training preview ID` shows what is taken out of one.")


def _source_json(source: Source) -> dict[str, Any]:
    lessons = source.lessons
    return {
        "id": lessons.conversation_id,
        "title": lessons.title,
        "created_at": lessons.created_at,
        "learned_from": source.is_learned_from,
        "excluded": lessons.is_excluded,
        "why_not": source.bar,
        "messages": lessons.user_messages,
        "accepted": lessons.accepted,
        "declined": lessons.declined,
        "edited": lessons.edited,
        "undone": lessons.undone,
        "feedback": lessons.feedback,
        "questions": source.questions,
        "held_out": source.held_out,
    }


def _source_line(source: Source) -> str:
    lessons = source.lessons
    mark = "-" if source.bar is not None else " " if lessons.is_excluded else "x"
    why = source.bar or ("excluded" if lessons.is_excluded else f"{source.held_out} of {source.questions} held out")
    told = f"{counted(lessons.user_messages, 'message')}, {counted(source.signals, 'decision')}, {why}"
    return f"[{mark}] {lessons.conversation_id:>5}  {shortened(lessons.title) or 'untitled'}  ({told})"


def _preview(args: argparse.Namespace) -> None:
    """Prints a conversation with what would be taken out of it in brackets."""
    with open_bank(data_folder()) as bank:
        bank.conversation(args.id)
        shown = previewed(bank.messages(args.id, EVERYTHING), bank.private_words())
    if args.json:
        output.print_json(
            [
                {
                    "message_id": one.message.id,
                    "role": one.message.role,
                    "text": one.redacted.text,
                    "taken_out": [
                        {"kind": span.kind, "begin": span.begin, "end": span.end} for span in one.redacted.spans
                    ],
                    "held_out": one.is_held_out,
                }
                for one in shown
            ]
        )
        return
    for one in shown:
        who = "you" if one.message.role == "user" else "assistant"
        held_out = " (held out)" if one.is_held_out else ""
        output.print_data(f"{who}{held_out}: {shortened(one.bracketed)}")
    counted = Counter(span.kind for one in shown for span in one.redacted.spans)
    told = ", ".join(f"{count} {kind}" for kind, count in counted.items())
    output.print_note(f"Taken out: {told}." if told else "Nothing is taken out.")


def _words(args: argparse.Namespace) -> None:
    """Changes the list of words that are always taken out, if any are named, and prints it."""
    with open_bank(data_folder()) as bank:
        words = bank.private_words()
        shown = {word.casefold() for word in args.show}
        if args.hide or shown:
            words = bank.keep_private([word for word in (*words, *args.hide) if word.casefold() not in shown])
    if args.json:
        output.print_json(list(words))
        return
    for word in words:
        output.print_data(word)
    if not words:
        output.print_note("No words of yours are taken out. `recollect training words --hide NAME` adds one.")


# Runs


def _list(args: argparse.Namespace) -> None:
    found = runs.runs(data_folder())
    if args.json:
        output.print_json([_run_json(run) for run in found])
        return
    for run in found:
        output.print_data(_run_line(run))
    if not found:
        output.print_note("Nothing was trained here yet. `recollect runs start starter` begins a run.")


def _show(args: argparse.Namespace) -> None:
    """Prints how a run stands: its numbers, before and after, and what it said last."""
    run = runs.run_named(data_folder(), args.name)
    watch = Watch(run.folder, of=run.recipe.size)
    watch.look()
    last = {name: curve.last for name, curve in watch.curves.items()}
    if args.json:
        output.print_json({**_run_json(run), "step": watch.step, "last": last, "log": log_tail(run.folder, _LOG_BYTES)})
        return
    output.print_data(_run_line(run))
    if watch.step:
        left = watch.seconds_left
        rest = f", {recipes.spoken(left)} left" if run.is_at_work and left is not None else ""
        told = "  ".join(f"{name} {value:.4g}" for name, value in last.items())
        output.print_data(f"  step {watch.step:,} of {watch.of:,}{rest}  {told}")
    for line in result_lines(run.result) if run.result is not None else ():
        output.print_data(f"  {line}")
    for line in log_tail(run.folder, _LOG_BYTES).splitlines()[-_LOG_LINES:]:
        output.print_data(f"  | {shortened(line)}")


def result_lines(result: Result) -> list[str]:
    """A table of what was right before and after."""
    before = result.before
    lines = [f"{'':14}{'before':>9}{'after':>9}   on {result.measured_on}"]
    for name in result.measures:
        was = f"{before.shares[name]:.1%}" if before is not None and name in before.shares else "not known"
        lines.append(f"{name:14}{was:>9}{result.after.shares[name]:>9.1%}")
    return lines


def _start(args: argparse.Namespace) -> None:
    paths = data_folder()
    usual = recipes.usual(Kind(args.kind))
    recipe = recipes.Recipe(
        usual.kind,
        args.seed,
        usual.size if args.size is None else args.size,
        usual.threads if args.threads is None else args.threads,
        _settings(args.set),
        _base(InstalledRunModels(paths)),
    )
    _print_run(args, runs.start(paths, recipe), "has begun; it goes on by itself. `recollect runs show` follows it.")


def _settings(told: list[str]) -> Mapping[str, str]:
    return {key: value for key, _, value in (setting.partition("=") for setting in told)}


def _base(models: InstalledRunModels) -> Scores | None:
    try:
        return models.in_use()
    except EngineError:
        return None  # Then there is nothing to compare with, which is said where it matters.


def _stop(args: argparse.Namespace) -> None:
    run = runs.stop(runs.run_named(data_folder(), args.name))
    _print_run(args, run, "is stopping; once more ends it at once.")


def _resume(args: argparse.Namespace) -> None:
    paths = data_folder()
    _print_run(args, runs.resume(paths, runs.run_named(paths, args.name)), "goes on from where it last saved.")


def _adopt(args: argparse.Namespace) -> None:
    """Has the agents use a run's model; where something speaks against it, only after asking."""
    paths = data_folder()
    run, models = runs.run_named(paths, args.name), InstalledRunModels(paths)
    adopting.check_adoptable(run, models)
    reason = adopting.objection(run)
    insist = bool(reason) and (args.yes or confirm(f"{reason} Use it all the same?"))
    adoption = adopting.adopt(paths, run, models, insist=insist)
    if args.json:
        output.print_json({"name": adoption.name, "agents": adoption.agents, "former": dict(adoption.former)})
        return
    output.print_data(f"{adoption.name} is used from the next start of the chat. `recollect runs roll-back` goes back.")


def _roll_back(args: argparse.Namespace) -> None:
    paths = data_folder()
    last = adopting.roll_back(paths, InstalledRunModels(paths))
    if args.json:
        output.print_json({"name": last.name, "agents": last.agents, "former": dict(last.former)})
        return
    former = ", ".join(dict.fromkeys(name or "the model that came with Recollect" for name in last.former.values()))
    output.print_data(f"{last.name} is no longer used; {former} is again.")


def _print_run(args: argparse.Namespace, run: Run, told: str) -> None:
    if args.json:
        output.print_json(_run_json(run))
    else:
        output.print_data(f"{run.name} {told}")


def _run_json(run: Run) -> dict[str, Any]:
    result = run.result
    return {
        "name": run.name,
        "kind": run.recipe.kind,
        "state": run.state,
        "reason": run.reason,
        "seed": run.recipe.seed,
        "size": run.recipe.size,
        "threads": run.recipe.threads,
        "started": run.started,
        "ended": run.ended,
        "pid": run.pid,
        "folder": str(run.folder),
        "before": result and result.before and dict(result.before.shares),
        "after": result and dict(result.after.shares),
        "measured_on": result and result.measured_on,
    }


def _run_line(run: Run) -> str:
    reason = f": {shortened(run.reason)}" if run.reason else ""
    return f"{run.name:24}  {run.started.astimezone():%Y-%m-%d %H:%M}  {run.recipe.kind.does}  {run.state}{reason}"
