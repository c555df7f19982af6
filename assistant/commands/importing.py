"""`recollect import`: recorded conversations, replayed through the real manager, and what `export` has written."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict

from assistant.commands import output
from assistant.commands.opening import OpenModels, cancel_on_interrupt, data_folder, open_bank
from assistant.commands.showing import memory_json, operation_json, operation_line
from assistant.conversation.bringing_in import Format, add_listed, read, replay
from assistant.conversation.importing import ImportProgress
from assistant.conversation.locomo import choose, read_locomo
from assistant.conversation.recordings import RecordedConversation, read_utf8
from assistant.errors import InputError, InterruptedByUser
from assistant.memory import transfer
from assistant.memory.operations import OperationStatus

BAR = 16


def run(args: argparse.Namespace, open_models: OpenModels) -> None:
    """Brings in what a file holds and is not in the bank yet, and prints a summary."""
    match args.format:
        case "recollect":
            _restore(args)
        case "markdown":
            _add_listed(args)
        case "locomo":
            recorded = choose(read_locomo(args.file), args.conversation, args.speaker)
            _replay(args, [recorded], args.speaker or recorded.speakers, open_models)
        case _:
            found = read(args.file, Format(args.format))
            wanted = [c for c in found if args.conversation in (None, c.name)]
            if not wanted:
                names = ", ".join(repr(c.name) for c in found)
                raise InputError(f"The file holds no conversation {args.conversation!r}.", f"It holds {names}.")
            _replay(args, wanted, (), open_models)


def _restore(args: argparse.Namespace) -> None:
    """Makes the bank out of an export of a whole one."""
    paths = data_folder()
    try:
        with args.file.open(encoding="utf-8") as lines:
            transfer.restore(lines, paths.database)
    except OSError as error:
        raise InputError(f"{args.file} cannot be read ({error.strerror}).", "Check the name of the file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{args.file} is no export of Recollect.", "Name one that `export` has written.") from error
    with open_bank(paths) as bank:
        known = len(bank.memories())
    if args.json:
        output.print_json({"memories": known})
    else:
        output.print_data(f"The bank is there, with {known} memories.")


def _add_listed(args: argparse.Namespace) -> None:
    """Remembers each item of a list as it stands; what is known already, or was forgotten, is passed over."""
    text = read_utf8(args.file)
    with open_bank(data_folder()) as bank:
        done = add_listed(bank, text)
        added = [bank.memory(o.memory_id) for o in done if o.status is OperationStatus.APPLIED and o.memory_id]
    passed = [operation for operation in done if operation.status is not OperationStatus.APPLIED]
    if args.json:
        left_out = [operation_json(operation) for operation in passed]
        output.print_json({"added": [memory_json(memory) for memory in added], "passed_over": left_out})
        return
    for operation in passed:
        output.print_note(operation_line(operation))
    output.print_data(f"{len(added)} of {len(done)} items are remembered now that were not before.")


def _replay(
    args: argparse.Namespace,
    conversations: Sequence[RecordedConversation],
    speakers: Sequence[str],
    open_models: OpenModels,
) -> None:
    paths = data_folder()
    show = output.progress_line()
    with open_bank(paths) as bank, open_models(paths) as models:
        bank.back_up_if_due()
        bank.embedder = models.embedder
        models.wait_until_ready()
        with cancel_on_interrupt() as cancel:
            done = replay(
                bank,
                models.manager(),
                conversations,
                speakers,
                on_progress=lambda now: show(_bar(now), False),
                cancel=cancel,
            )
    show(_bar(done), True)
    name = conversations[0].name if len(conversations) == 1 else f"{len(conversations)} conversations"
    _print_summary(args.json, name, done)
    if not done.complete:
        raise InterruptedByUser(
            f"The import was stopped after {done.turns} of {done.total} turns.",
            "The same command goes on from there.",
        )


def _bar(progress: ImportProgress) -> str:
    filled = BAR * progress.turns // max(progress.total, 1)
    counts = f"{progress.added} added, {progress.updated} updated, {progress.deleted} deleted"
    speed = f"{progress.turns_per_second:.1f} turns/s"
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {progress.turns}/{progress.total} turns  {speed}  {counts}"


def _print_summary(as_json: bool, name: str, progress: ImportProgress) -> None:
    own, engine = _peak_bytes(resource.RUSAGE_SELF), _peak_bytes(resource.RUSAGE_CHILDREN)
    if as_json:
        speed = progress.turns_per_second
        peaks = {"peak_memory_bytes": own, "engine_peak_memory_bytes": engine}
        output.print_json({"conversation": name, **asdict(progress), "turns_per_second": speed, **peaks})
        return
    output.print_data(
        f"{name}: {progress.turns} of {progress.total} turns are in the bank, {progress.new} of them new, "
        f"{progress.turns_per_second:.1f} turns/s.\n"
        f"Memories: {progress.added} added, {progress.updated} updated, {progress.deleted} deleted; "
        f"{progress.held} held for review, {progress.rejected} operations rejected.\n"
        f"Peak memory: {own / 2**20:.0f} MiB, and {engine / 2**20:.0f} MiB in the model's process."
    )


def _peak_bytes(who: int) -> int:
    """The most memory a process has held; of child processes, the largest of those that have ended."""
    peak = resource.getrusage(who).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
