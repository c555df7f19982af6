"""Taking the bank along, keeping copies, locking it and seeing that it is whole: `recollect export`, `backup`, …"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from assistant.commands import output
from assistant.commands.opening import data_folder, open_bank
from assistant.commands.passphrases import key_of, new_passphrase
from assistant.errors import DatabaseDamaged, InputError, NotWritable
from assistant.memory import backups, checking, sealing, transfer
from assistant.memory.bank import MemoryBank
from assistant.memory.database import Database
from assistant.memory.encryption import Key, is_encrypted
from assistant.paths import Paths


def export(args: argparse.Namespace) -> None:
    """Writes the bank to a file that did not exist, or to standard output."""
    with open_bank(data_folder()) as bank:
        lines = transfer.markdown(bank.memories()) if args.format == "markdown" else bank.export_lines()
        if args.file is None:
            for line in lines:
                output.print_data(line)
            return
        count = _write(args.file, lines)
    if args.json:
        output.print_json({"file": str(args.file), "lines": count})
    else:
        output.print_note(f"{args.file} holds {count} lines.")


def _write(path: Path, lines: Iterator[str]) -> int:
    """Writes a new file that its owner alone can read; it gets its name once it is whole."""
    if path.exists():
        raise InputError(f"{path} is there already.", "Name another file.")
    partial = path.with_name(path.name + ".partial")
    count = 0
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600, exist_ok=False)
        with partial.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
        partial.replace(path)
    except OSError as error:
        raise NotWritable(f"{path} cannot be written ({error.strerror}).", "Name another file.") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


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
    _tell_of_encryption(args, paths)


def decrypt(args: argparse.Namespace) -> None:
    """Makes the bank and its backups plain files again."""
    paths = data_folder()
    before = key_of(paths)
    if before is None:
        raise InputError("The bank is not encrypted.")
    sealing.change_key(paths.database, before, None)
    _tell_of_encryption(args, paths)


def _tell_of_encryption(args: argparse.Namespace, paths: Paths) -> None:
    encrypted = is_encrypted(paths.database)
    if args.json:
        output.print_json({"encrypted": encrypted})
    else:
        output.print_note("The bank is encrypted." if encrypted else "The bank is a plain file.")


def doctor(args: argparse.Namespace) -> None:
    """Prints what is wrong with the bank, mends it if asked to, and fails if something wrong is left."""
    paths = Paths.default()
    if not paths.database.exists():
        raise InputError(f"There is no bank at {paths.database}.", "It comes with the first message.")
    findings = _asked_of_a_child(paths, args.rebuild)
    if args.json:
        output.print_json(findings)
    else:
        for finding in findings:
            how = "`recollect doctor --rebuild` mends it" if finding["mendable"] else _where_backups_are(paths)
            output.print_data(f"{finding['ailment']}: {finding['what']} ({how})")
        if not findings:
            output.print_note("The bank is whole.")
    if findings:
        raise DatabaseDamaged(f"The bank at {paths.database} is not whole.", "What is wrong stands above.")


def _where_backups_are(paths: Paths) -> str:
    newest = next(iter(backups.all_of(paths.database)), None)
    if newest is None:
        return "there is no backup to put in its place"
    return f"`recollect restore` puts {newest} in its place"


def _asked_of_a_child(paths: Paths, rebuild: bool) -> list[dict[str, object]]:
    """What a process of its own finds: what is broken may crash SQLite."""
    key = key_of(paths)
    command = [sys.executable, "-m", "assistant.commands.keeping", str(paths.database)]
    command += ["rebuild"] if rebuild else []
    # Not as an argument: those can be read by everybody.
    handed = json.dumps({"key": key.key.hex(), "salt": key.salt.hex()} if key is not None else None)
    done = subprocess.run(command, input=handed, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        why = lines[-1] if lines else f"the check ended with status {done.returncode}"
        return [{"ailment": checking.Ailment.FILE, "what": why, "mendable": False}]
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def _check(path: Path, rebuild: bool, handed: dict[str, str] | None) -> list[dict[str, object]]:
    key = Key(*map(bytes.fromhex, (handed["key"], handed["salt"]))) if handed is not None else None
    database = Database(path, key=key)
    try:
        if rebuild and all(finding.mendable for finding in checking.check(database)):
            checking.mend(database)
        return [
            {"ailment": finding.ailment, "what": finding.what, "mendable": finding.mendable}
            for finding in checking.check(database)
        ]
    finally:
        database.close()


if __name__ == "__main__":
    print(json.dumps(_check(Path(sys.argv[1]), "rebuild" in sys.argv[2:], json.load(sys.stdin))))
