"""`recollect import`: a recorded conversation, replayed through the real manager."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict

from assistant.agents.manager import MemoryManager
from assistant.commands import output
from assistant.commands.opening import OpenModels, cancel_on_interrupt, data_folder, open_bank
from assistant.conversation.importing import Importer, ImportProgress
from assistant.conversation.locomo import RecordedConversation, choose, read_locomo
from assistant.conversation.queue import ManagerQueue
from assistant.errors import InterruptedByUser

BAR = 16


def run(args: argparse.Namespace, open_models: OpenModels) -> None:
    """Replays what of the conversation is not in the bank yet, and prints a summary."""
    recorded = choose(read_locomo(args.file), args.conversation, args.speaker)
    progress = _replay(recorded, args.speaker or recorded.speakers, open_models)
    _print_summary(args.json, recorded.name, progress)
    if not progress.complete:
        raise InterruptedByUser(
            f"The import was stopped after {progress.turns} of {progress.total} turns.",
            "The same command goes on from there.",
        )


def _replay(recorded: RecordedConversation, speakers: Sequence[str], open_models: OpenModels) -> ImportProgress:
    paths = data_folder()
    show = output.progress_line()
    with open_bank(paths) as bank, open_models(paths) as models:
        bank.embedder = models.embedder
        models.wait_until_ready()
        queue = ManagerQueue(bank, MemoryManager(models.generator), traits=models.traits)
        with cancel_on_interrupt() as cancel:
            progress = Importer(bank, queue, recorded, speakers).run(lambda p: show(_bar(p), False), cancel)
        show(_bar(progress), True)
        return progress


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
