"""Writing all that is in the bank, or what it knows now, into a new file.

Promises that no file is ever overwritten, that the file is its owner's alone, and that it gets its name once it is
whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from assistant.errors import InputError, NotWritable
from assistant.memory import transfer
from assistant.memory.bank import MemoryBank


class Form(StrEnum):
    """All of the bank, to be brought in elsewhere, or what it knows now, to be read."""

    LINES = "recollect"
    MARKDOWN = "markdown"


def lines(bank: MemoryBank, form: Form) -> Iterator[str]:
    """What is written, line by line. Raises StorageError."""
    return transfer.markdown(bank.memories()) if form is Form.MARKDOWN else bank.export_lines()


def write(bank: MemoryBank, path: Path, form: Form) -> int:
    """Returns how many lines were written. Raises InputError if there is such a file, NotWritable, StorageError."""
    if path.exists():
        raise InputError(f"{path} is there already.", "Name another file.")
    partial = path.with_name(path.name + ".partial")
    count = 0
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600, exist_ok=False)
        with partial.open("w", encoding="utf-8") as file:
            for line in lines(bank, form):
                file.write(line + "\n")
                count += 1
        partial.replace(path)
    except OSError as error:
        raise NotWritable(f"{path} cannot be written ({error.strerror}).", "Name another file.") from error
    finally:
        partial.unlink(missing_ok=True)
    return count
