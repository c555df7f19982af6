"""Taking the bank along, keeping copies, locking it, and seeing that all is well: `recollect export`, `backup`, …"""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant import health, log
from assistant.commands import output
from assistant.commands.opening import data_folder, open_bank
from assistant.commands.passphrases import key_of, new_passphrase
from assistant.conversation.taking_along import Form, lines, write
from assistant.errors import DatabaseDamaged, InputError, ModelFileError, NotWritable
from assistant.findings import Finding, Part, Status
from assistant.memory import backups, sealing
from assistant.memory.bank import MemoryBank
from assistant.memory.encryption import Key, is_encrypted
from assistant.paths import Paths

_MARKS = {Status.GOOD: "✓", Status.WARNING: "!", Status.PROBLEM: "✗"}


def export(args: argparse.Namespace) -> None:
    """Writes the bank to a file that did not exist, or to standard output."""
    with open_bank(data_folder()) as bank:
        form = Form(args.format)
        if args.file is None:
            for line in lines(bank, form):
                output.print_data(line)
            return
        count = write(bank, args.file, form)
    if args.json:
        output.print_json({"file": str(args.file), "lines": count})
    else:
        output.print_note(f"{args.file} holds {count} lines.")


def back_up(args: argparse.Namespace) -> None:
    """Makes a backup and prints where it lies."""
    with open_bank(data_folder()) as bank:
        path = bank.back_up()
    if args.json:
        output.print_json({"file": str(path)})
    else:
        output.print_data(str(path))


def restore(args: argparse.Namespace) -> None:
    """Puts a backup in the bank's place, the newest if none is named, and keeps what was there."""
    paths = data_folder()
    backup: Path | None = args.file or next(iter(backups.all_of(paths.database)), None)
    if backup is None:
        raise InputError(f"There is no backup in {backups.folder_of(paths.database)}.")
    aside = backups.restore(paths.database, backup, key_of(paths, backup))
    log.event("a backup was put in the place of the bank", replaced=aside is not None)
    if args.json:
        output.print_json({"restored": str(backup), "replaced": str(aside) if aside is not None else None})
        return
    output.print_note(f"The bank is that of {backup}.")
    if aside is not None:
        output.print_note(f"What was there before is {aside}.")


def encrypt(args: argparse.Namespace) -> None:
    """Encrypts the bank and its backups, or changes their passphrase."""
    paths = data_folder()
    before = key_of(paths)
    MemoryBank.open(paths, key=before).close()  # An empty one, if there was none.
    sealing.change_key(paths.database, before, Key.new(new_passphrase()))
    log.event("the bank was encrypted", again=before is not None)
    _tell_of_encryption(args, paths)


def decrypt(args: argparse.Namespace) -> None:
    """Makes the bank and its backups plain files again."""
    paths = data_folder()
    before = key_of(paths)
    if before is None:
        raise InputError("The bank is not encrypted.")
    sealing.change_key(paths.database, before, None)
    log.event("the bank was decrypted")
    _tell_of_encryption(args, paths)


def _tell_of_encryption(args: argparse.Namespace, paths: Paths) -> None:
    encrypted = is_encrypted(paths.database)
    if args.json:
        output.print_json({"encrypted": encrypted})
    else:
        output.print_note("The bank is encrypted." if encrypted else "The bank is a plain file.")


def doctor(args: argparse.Namespace) -> None:
    """Prints how everything stands, mends the bank if asked to, and fails if something is wrong."""
    paths = Paths.default()
    findings = health.check(paths, key_of(paths), rebuild=args.rebuild)
    if args.json:
        output.print_json([_finding_json(finding) for finding in findings])
    else:
        for finding in findings:
            mark, hint = _MARKS[finding.status], f"\n{'':22}{finding.hint}" if finding.hint else ""
            output.print_data(f"{mark} {finding.name:18}  {finding.message}{hint}")
    _fail_if_wrong(paths, findings)
    if not args.json:
        warnings = sum(finding.status is Status.WARNING for finding in findings)
        told = {0: "All is well.", 1: "Nothing is wrong; one thing is worth a look (!)."}
        output.print_note(told.get(warnings, f"Nothing is wrong; {warnings} things are worth a look (!)."))


def _finding_json(finding: Finding) -> dict[str, object]:
    row: dict[str, object] = {
        "name": finding.name,
        "status": finding.status,
        "message": finding.message,
        "hint": finding.hint,
    }
    if finding.ailment:
        row |= {"ailment": finding.ailment, "what": finding.message, "mendable": finding.mendable}
    return row


def _fail_if_wrong(paths: Paths, findings: list[Finding]) -> None:
    """Raises the error that tells a script what is wrong, first of all of the bank."""
    wrong = {finding.name for finding in findings if finding.status is Status.PROBLEM}
    hint = "What is wrong stands above."
    if Part.BANK in wrong:
        raise DatabaseDamaged(f"The bank at {paths.database} is not whole.", hint)
    if Part.FOLDER in wrong:
        raise NotWritable(f"The data folder {paths.data} cannot be used as it is.", hint)
    if wrong:
        raise ModelFileError("A model cannot be used as it is.", hint)
    if not paths.database.exists():
        raise InputError(f"There is no bank at {paths.database}.", "It comes with the first message.")
