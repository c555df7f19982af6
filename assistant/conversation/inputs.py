"""What may become a message: text as people paste it in, text that can be saved, shown and read back out.

Pure: knows nothing of where the text came from.
"""

from __future__ import annotations

import unicodedata

from assistant.errors import InputError

MAX_CHARACTERS = 100_000
TITLE_CHARACTERS = 60


def clean_text(text: str, *, max_characters: int = MAX_CHARACTERS) -> str:
    """`text` with newlines as LF, without other control characters (tab stays) and without blanks around it.

    Raises InputError if nothing is left, if it is longer than `max_characters`, or if it is not valid Unicode.
    """
    if len(text) > max_characters:
        raise InputError(
            f"The text is too long: {len(text):,} characters, and {max_characters:,} are the most.",
            "Shorten it or send it in parts.",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("The text is not valid UTF-8.", "Convert it to UTF-8 first.") from error
    unified = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    cleaned = without_controls(unified).strip()
    if not cleaned:
        raise InputError("The text is empty.", "Write something and send it again.")
    return cleaned


def without_controls(text: str) -> str:
    """`text` without the characters that a terminal would act on; newlines and tabs stay."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def title_of(text: str) -> str:
    """The first line of a conversation's first message, cut to fit a list."""
    first = text.strip().partition("\n")[0].strip()
    return first if len(first) <= TITLE_CHARACTERS else first[: TITLE_CHARACTERS - 1].rstrip() + "…"
