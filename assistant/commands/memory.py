"""`recollect memory`: what is remembered, where it came from, and taking it back."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict
from typing import Any

from assistant.commands import output
from assistant.commands.opening import OpenModels, data_folder, open_bank
from assistant.commands.reading import confirm, read_text
from assistant.commands.showing import (
    hit_json,
    hit_line,
    memory_json,
    memory_line,
    operation_json,
    operation_line,
    row_json,
    row_line,
    shortened,
    why_line,
)
from assistant.errors import EngineError, InterruptedByUser
from assistant.memory.bank import ItemKind, MemoryBank, Mode, Operation, Proposal, Times
from assistant.memory.hidden import made_visible
from assistant.memory.operations import Action, OperationStatus

EVERYTHING = 2**31 - 1
INDEXING_SECONDS = 5.0
"""How long a search makes vectors first, of what has none yet."""


def list_(args: argparse.Namespace) -> None:
    """Prints the active memories, or with --all also those that are gone."""
    with open_bank(data_folder()) as bank:
        rows = bank.memory_rows(include_all=args.all, as_of=args.as_of)
    chosen = [row for row in rows if args.kind in (None, row.kind)]
    if args.json:
        output.print_json([row_json(row) for row in chosen])
        return
    for row in chosen:
        output.print_data(row_line(row))
    if not rows:
        output.print_note("Nothing was remembered then." if args.as_of is not None else "Nothing is remembered yet.")
    elif not chosen:
        output.print_note("Nothing of that kind is remembered.")


def history(args: argparse.Namespace) -> None:
    """Prints all that a memory ever said, with when and by which operation."""
    with open_bank(data_folder()) as bank:
        versions = bank.history(args.id)
    if args.json:
        output.print_json(
            [
                {**memory_json(v.memory), "version": v.memory.version, "since": v.since, "operation_id": v.operation_id}
                for v in versions
            ]
        )
        return
    for version in versions:
        output.print_data(f"{version.since.astimezone():%Y-%m-%d %H:%M}  {memory_line(version.memory)}")


def mode(args: argparse.Namespace) -> None:
    """Sets what becomes of what the model proposes, if a mode is named, and prints it."""
    with open_bank(data_folder()) as bank:
        if args.mode is not None:
            bank.mode = Mode(args.mode)
        now = bank.mode
    if args.json:
        output.print_json({"mode": now})
    else:
        output.print_data(now)


def show(args: argparse.Namespace) -> None:
    """Prints one memory, the message it came from and all that was done to it."""
    with open_bank(data_folder()) as bank:
        memory = bank.memory(args.id)
        journal = [o for o in reversed(bank.operations(limit=EVERYTHING)) if o.memory_id == memory.id]
        source = None if memory.source_message_id is None else bank.message(memory.source_message_id)
    if args.json:
        said = source and {"text": source.text, "speaker": source.speaker, "created_at": source.created_at}
        operations = [operation_json(operation) for operation in journal]
        output.print_json({**memory_json(memory), "version": memory.version, "source": said, "operations": operations})
        return
    output.print_data(memory_line(memory))
    if source is not None:
        output.print_data(f"       said {source.created_at:%Y-%m-%d %H:%M}: {shortened(source.text)}")
    for operation in journal:
        who = f"{operation.actor} ({operation.model})" if operation.model is not None else operation.actor
        by = f"{operation.created_at.astimezone():%Y-%m-%d %H:%M} by {who}"
        output.print_data(f"       {by}: {operation_line(operation)}")
        if operation.quote is not None and (source is None or operation.quote != source.text):
            output.print_data(f"         because of: {shortened(operation.quote)}")


def search(args: argparse.Namespace, open_models: OpenModels) -> None:
    """Prints the memories, or with --messages also the messages, that fit a query, best first."""
    query = read_text(args.query)
    kinds = (ItemKind.MEMORY, ItemKind.MESSAGE) if args.messages else (ItemKind.MEMORY,)
    paths = data_folder()
    with open_bank(paths) as bank, ExitStack() as stack:
        if paths.embedder.exists():
            # A model that cannot be started is no reason to find nothing: then search is by text.
            with suppress(EngineError):
                bank.embedder = stack.enter_context(open_models(paths)).embedder
                # The rest is found by its words, until the chat has had the time.
                enough = time.monotonic() + INDEXING_SECONDS
                while bank.index_pending(kinds=kinds) and time.monotonic() < enough:
                    pass
        when = Times(args.said_from, args.said_before, args.on)
        hits = bank.search(query, limit=args.limit, kinds=kinds, when=when)
        mode = bank.search_mode
    if args.json:
        output.print_json([hit_json(hit) for hit in hits])
        return
    for hit in hits:
        output.print_data(hit_line(hit))
        if args.explain:
            output.print_data(why_line(hit))
    if not hits:
        output.print_note(f"No memory fits (searched by {mode}).")


def add(args: argparse.Namespace) -> None:
    """Remembers a text as it stands, and prints its id once it is durable."""
    text = read_text(args.text)
    with open_bank(data_folder()) as bank:
        memory = bank.add(text)
    if args.json:
        output.print_json({"id": memory.id})
    else:
        output.print_data(memory_line(memory))


def forget(args: argparse.Namespace) -> None:
    """Forgets a memory; with --purge its text is wiped, which cannot be undone and so is asked about."""
    with open_bank(data_folder()) as bank:
        memory = bank.memory(args.id)
        question = f"Wipe memory {memory.id} for good: {shortened(memory.text)}?"
        if args.purge and not args.yes and not confirm(question):
            raise InterruptedByUser("Nothing was forgotten.")
        operation = bank.forget(memory.id, purge=args.purge)
    tell(args, operation, f"Memory {memory.id} is wiped." if args.purge else "")


def undo(args: argparse.Namespace) -> None:
    """Takes an operation back, the newest that stands if none is named."""
    with open_bank(data_folder()) as bank:
        operation = bank.undo(args.operation)
    tell(args, operation)


def redo(args: argparse.Namespace) -> None:
    """Does again what was undone, the last one that can be if none is named."""
    with open_bank(data_folder()) as bank:
        operation = bank.redo(args.operation)
    tell(args, operation)


def accept(args: argparse.Namespace) -> None:
    """Carries out an operation that was held, with another text if one is named."""
    text = read_text(args.text) if args.text is not None else None
    with open_bank(data_folder()) as bank:
        operation = bank.accept(args.operation, text)
    tell(args, operation)


def decline(args: argparse.Namespace) -> None:
    """Settles an operation that was held without carrying it out."""
    with open_bank(data_folder()) as bank:
        operation = bank.decline(args.operation)
    tell(args, operation, f"Operation {args.operation} is declined.")


def tell(args: argparse.Namespace, operation: Operation, note: str = "") -> None:
    """Prints what was done: as data for scripts, or as a note for people, which says what became of the operation."""
    if args.json:
        output.print_json(operation_json(operation))
    else:
        output.print_note(note or operation_line(operation))


def timeline(args: argparse.Namespace) -> None:
    """Prints what was changed, newest first."""
    with open_bank(data_folder()) as bank:
        changes = bank.timeline(args.limit, args.before)
    if args.json:
        output.print_json([operation_json(operation) for operation in changes])
        return
    for operation in changes:
        output.print_data(_dated(operation))
    if not changes:
        output.print_note("Nothing was changed before that." if args.before is not None else "Nothing was changed yet.")


def review(args: argparse.Namespace) -> None:
    """Prints what was held or rejected, with the message and the model's own words; with --all the whole journal."""
    with open_bank(data_folder()) as bank:
        rows = [(operation, _said(bank, operation)) for operation in _rows(bank, args.all, args.limit)]
        open_ = {proposal.operation.id: proposal for proposal in bank.proposals(args.limit)}
    if args.json:
        output.print_json([{**_review_json(o, open_.get(o.id)), "message": said} for o, said in rows])
        return
    for operation, said in rows:
        output.print_data(_dated(operation))
        for line in _about(operation, said, open_.get(operation.id)):
            output.print_data(f"       {line}")
    if not rows:
        output.print_note("There is nothing to review.")


def _dated(operation: Operation) -> str:
    return f"{operation.id:>5}  {operation.created_at.astimezone():%Y-%m-%d %H:%M}  {operation_line(operation)}"


def _review_json(operation: Operation, proposal: Proposal | None) -> dict[str, Any]:
    stale, hidden = (proposal.stale, proposal.hidden) if proposal is not None else ("", ())
    return {
        **operation_json(operation),
        "completion": operation.completion,
        "stale": stale,
        "hidden": [asdict(found) for found in hidden],
    }


def _about(operation: Operation, said: str | None, proposal: Proposal | None) -> Iterator[str]:
    """What a reviewer has to know of an operation besides itself."""
    if said is not None:
        yield f"message: {shortened(made_visible(said))}"
    if operation.status is OperationStatus.HELD and operation.completion is not None:
        yield f"reply: {shortened(operation.completion)}"
    if proposal is None:
        return
    if proposal.stale and operation.action is not Action.NOOP:
        yield f"cannot be done any more: {proposal.stale} (recollect memory ask-again {operation.id})"
    if proposal.hidden:
        names = dict.fromkeys(f"U+{found.code_point:04X} {found.name}" for found in proposal.hidden)
        yield f"nobody can see: {', '.join(names)}"


def _rows(bank: MemoryBank, everything: bool, limit: int) -> list[Operation]:
    return bank.operations(limit=limit) if everything else bank.to_review(limit)


def _said(bank: MemoryBank, operation: Operation) -> str | None:
    return None if operation.source_message_id is None else bank.message(operation.source_message_id).text
