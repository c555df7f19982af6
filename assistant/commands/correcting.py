"""`recollect memory edit`, `merge`, `pin`, `wrong` and their like: what the user does to a memory by hand."""

from __future__ import annotations

import argparse

from assistant.commands import output
from assistant.commands.memory import tell
from assistant.commands.opening import data_folder, open_bank
from assistant.commands.reading import read_text
from assistant.commands.showing import memory_json, operation_json, shortened
from assistant.memory.bank import Memory


def edit(args: argparse.Namespace) -> None:
    """Makes a memory say another text."""
    text = read_text(args.text)
    with open_bank(data_folder()) as bank:
        operation = bank.edit(args.id, text)
    tell(args, operation)


def merge(args: argparse.Namespace) -> None:
    """Makes the first of several memories say a text for all of them."""
    text = read_text(args.text)
    with open_bank(data_folder()) as bank:
        operations = bank.merge(args.ids, text)
        merged = bank.memory(args.ids[0])
    if args.json:
        output.print_json([operation_json(operation) for operation in operations])
        return
    back = f"recollect memory undo {operations[0].id}"
    output.print_note(f"merged into memory {merged.id}: {shortened(merged.text)} ({back})")


def pin(args: argparse.Namespace) -> None:
    """Has a memory always on offer."""
    with open_bank(data_folder()) as bank:
        _tell_mark(
            args, bank.pin(args.id), f"Memory {args.id} is pinned: it is always on offer, and no model changes it."
        )


def unpin(args: argparse.Namespace) -> None:
    """Treats a memory as any other again."""
    with open_bank(data_folder()) as bank:
        _tell_mark(args, bank.pin(args.id, on=False), f"Memory {args.id} is not pinned.")


def never_use(args: argparse.Namespace) -> None:
    """Keeps a memory from being offered to a model."""
    with open_bank(data_folder()) as bank:
        note = f"Memory {args.id} is never used in answers (recollect memory use-again {args.id})."
        _tell_mark(args, bank.never_use(args.id), note)


def use_again(args: argparse.Namespace) -> None:
    """Lets a memory be offered to a model again."""
    with open_bank(data_folder()) as bank:
        _tell_mark(args, bank.never_use(args.id, on=False), f"Memory {args.id} may be used.")


def _tell_mark(args: argparse.Namespace, memory: Memory, note: str) -> None:
    if args.json:
        output.print_json(memory_json(memory))
    else:
        output.print_note(note)


def wrong(args: argparse.Namespace) -> None:
    """Forgets a memory that is wrong."""
    with open_bank(data_folder()) as bank:
        operation = bank.mark_wrong(args.id)
    tell(args, operation)


def outdated(args: argparse.Namespace) -> None:
    """Ends a memory that holds no longer."""
    with open_bank(data_folder()) as bank:
        operation = bank.mark_outdated(args.id)
    tell(args, operation)


def ask_again(args: argparse.Namespace) -> None:
    """Has the message of a held operation read again."""
    with open_bank(data_folder()) as bank:
        operation = bank.revalidate(args.operation)
    tell(args, operation, f"Operation {args.operation} is settled, and its message is read again when there is time.")
