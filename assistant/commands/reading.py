"""Texts that come with a command: as an argument, or on standard input."""

from __future__ import annotations

import sys

from assistant.conversation.inputs import MAX_CHARACTERS, clean_text
from assistant.errors import InputError

_MOST_BYTES = 4 * MAX_CHARACTERS + 4
"""Enough for the longest text that is allowed, a character being at most four bytes, and a byte order mark."""


def read_text(argument: str | None) -> str:
    """The argument, or what standard input says if there is none or it is "-", cleaned. Raises InputError."""
    if argument is not None and argument != "-":
        return clean_text(argument)
    if sys.stdin is None or (argument is None and sys.stdin.isatty()):
        raise InputError("No text was given.", "Write it after the command, in quotes, or pipe it in.")
    # One byte more than is allowed is enough to know; what a script pipes in by mistake may never end.
    data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise InputError(
            f"The text on standard input is too long: {MAX_CHARACTERS:,} characters are the most.",
            "Shorten it or send it in parts.",
        )
    try:
        return clean_text(data.decode())
    except UnicodeDecodeError as error:
        raise InputError("The text on standard input is not valid UTF-8.", "Convert it to UTF-8 first.") from error


def confirm(question: str) -> bool:
    """Whether the user answers `question` with yes. Raises InputError where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise InputError("This has to be confirmed, and there is no terminal to ask on.", "Add --yes to the command.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
