"""Where commands write: data on standard output, words for people on standard error.

Promises that data that could not be written is an error and never lost in silence. Knows nothing of what is written.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from assistant.errors import StorageError


class OutputClosed(Exception):
    """Whoever read standard output has gone, as `head` does: no error, but nobody is left to write for."""


def print_data(text: str, *, end: str = "\n") -> None:
    """Writes `text` to standard output at once. Raises OutputClosed, or StorageError if it cannot be written."""
    try:
        sys.stdout.write(text + end)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosed from error
    except OSError as error:
        raise StorageError(
            f"Standard output cannot be written ({error.strerror}).", "What was asked for has been done all the same."
        ) from error


def print_json(value: Any) -> None:
    """Writes one JSON document. Times become ISO 8601 with their offset."""
    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    print_data(json.dumps(value, ensure_ascii=ascii_only, indent=2, default=_plain))


def print_note(text: str) -> None:
    """Writes a line for people to standard error."""
    print(text, file=sys.stderr, flush=True)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    raise TypeError(f"{type(value).__name__} is not JSON")


def progress_line() -> Callable[[str, bool], None]:
    """A function that shows how far long work is; it takes the line and whether it is the last one.

    On a terminal each line takes the place of the one before; elsewhere, as in a log, only the last one is written.
    """
    width = 0
    interactive = sys.stderr.isatty()

    def show(line: str, last: bool) -> None:
        nonlocal width
        if interactive:
            line = line[: shutil.get_terminal_size().columns - 1]
            print("\r" + line.ljust(width), end="\n" if last else "", file=sys.stderr, flush=True)
            width = len(line)
        elif last:
            print_note(line)

    return show
