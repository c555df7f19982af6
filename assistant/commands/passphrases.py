"""Passphrases of encrypted banks: from the environment, or asked for in the terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from assistant.errors import InputError, Locked
from assistant.memory import encryption
from assistant.memory.encryption import Key
from assistant.paths import Paths

PASSPHRASE_VARIABLE = "RECOLLECT_PASSPHRASE"
ATTEMPTS = 3


def key_of(paths: Paths, backup: Path | None = None) -> Key | None:
    """The key of the bank in the data folder, or of a backup; None if that is a plain file, or none. Raises Locked."""
    path = backup or paths.database
    if not encryption.is_encrypted(path):
        return None
    if passphrase := os.environ.get(PASSPHRASE_VARIABLE):
        return Key.checked(path, passphrase)
    if not sys.stdin.isatty():
        raise encryption.locked(path)
    import getpass

    for _ in range(ATTEMPTS - 1):
        try:
            return Key.checked(path, getpass.getpass("Passphrase: "))
        except Locked as error:
            print(error.message, file=sys.stderr)
    return Key.checked(path, getpass.getpass("Passphrase: "))


def new_passphrase() -> str:
    """One that the user gives twice, or a script in the first line of standard input. Raises InputError."""
    if sys.stdin.isatty():
        import getpass

        passphrase = getpass.getpass("New passphrase: ")
        if passphrase != getpass.getpass("Once more: "):
            raise InputError("The two are not the same.", "Nothing was changed; try again.")
    else:
        passphrase = sys.stdin.readline().rstrip("\n")
    if not passphrase:
        raise InputError("An empty passphrase protects nothing.", "Nothing was changed; give another one.")
    return passphrase
