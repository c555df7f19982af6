"""`recollect memory pause` and `resume`: remembering nothing for a while."""

from __future__ import annotations

import argparse

from assistant.commands import output
from assistant.commands.opening import data_folder, open_bank
from assistant.memory.bank import MemoryBank


def pause(args: argparse.Namespace) -> None:
    """Has nothing remembered from now on."""
    with open_bank(data_folder()) as bank:
        bank.pause()
        _tell(args, bank, "Nothing is remembered from now on. What is said meanwhile is never read.")


def resume(args: argparse.Namespace) -> None:
    """Goes back to what became of proposals before the pause."""
    with open_bank(data_folder()) as bank:
        bank.resume()
        _tell(args, bank, f"What is said is remembered again ({bank.mode}).")


def _tell(args: argparse.Namespace, bank: MemoryBank, note: str) -> None:
    if args.json:
        output.print_json({"paused": bank.paused, "mode": bank.mode})
    else:
        output.print_note(note)
