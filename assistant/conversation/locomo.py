"""Reads the LoCoMo format: conversations of two people, recorded over months.

A file is a JSON list (or one element of it) of `{sample_id, conversation}`. A conversation has `session_1`,
`session_2` and so on, lists of turns `{speaker, dia_id, text}`, each with a `session_1_date_time` such as "1:56 pm on
8 May, 2023".
Pure but for reading the file: knows nothing of banks or models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.conversation.recordings import RecordedConversation, RecordedTurn, read_json, what_is_wrong
from assistant.errors import InputError

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_SESSION = re.compile(r"session_(\d+)")
_DATE = re.compile(r"(0?[1-9]|1[0-2]):(\d{2}) ([ap])m on (\d{1,2}) ([A-Za-z]+),? (\d{4})")
_FORMAT_HINT = "It must be a JSON list of {sample_id, conversation}, as in LoCoMo's own file."


def read_locomo(path: Path) -> list[RecordedConversation]:
    """Every conversation in a file in which something is said. Times are taken as UTC: the format names no zone.

    Raises InputError, saying what is wrong, if the file cannot be read or is not of the format.
    """
    content = read_json(path, _FORMAT_HINT)
    samples = content if isinstance(content, list) else [content]
    try:
        conversations = [c for c in map(_conversation, samples) if c.turns]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not in the LoCoMo format ({what_is_wrong(error)}).", _FORMAT_HINT) from error
    if not conversations:
        raise InputError(f"{path} holds no conversation.", _FORMAT_HINT)
    return conversations


def choose(
    conversations: Sequence[RecordedConversation], name: str | None, speakers: Sequence[str]
) -> RecordedConversation:
    """The conversation called `name`, else the only one in which all of `speakers` speak. Raises InputError."""
    named = [c for c in conversations if name is None or c.name == name]
    fitting = [c for c in named if set(speakers) <= set(c.speakers)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(c.name for c in fitting)
        raise InputError(
            f"The file holds {len(fitting)} conversations that fit: {names}.", "Choose one with --conversation."
        )
    if not named:
        names = ", ".join(c.name for c in conversations)
        raise InputError(f"The file holds no conversation {name}.", f"It holds {names}.")
    present = "; ".join(f"{c.name}: {' and '.join(c.speakers)}" for c in named)
    raise InputError(f"Nobody called {' and '.join(speakers)} speaks there.", f"The speakers are {present}.")


def _conversation(sample: dict[str, Any]) -> RecordedConversation:
    name, content = sample["sample_id"], sample["conversation"]
    numbers = sorted(int(match[1]) for key in content if (match := _SESSION.fullmatch(key)))
    turns = []
    for number in numbers:
        said_at = _date(content[f"session_{number}_date_time"])
        for turn in content[f"session_{number}"]:
            text = _text(turn)
            if text:
                turns.append(RecordedTurn(turn["speaker"].strip(), text, said_at, f"locomo:{name}:{turn['dia_id']}"))
    return RecordedConversation(str(name), tuple(turns))


def _text(turn: dict[str, Any]) -> str:
    """What was said, and what a picture that came with it shows: only its description is in the file."""
    text: str = turn["text"].strip()
    caption = turn.get("blip_caption")
    return f"{text} (shares a picture: {caption})".strip() if caption else text


def _date(written: str) -> datetime:
    match = _DATE.fullmatch(written.strip())
    try:
        if match is None:
            raise ValueError(written)
        hour, minute, half, day, month, year = match.groups()
        return datetime(
            int(year),
            MONTHS.index(month.lower()) + 1,
            int(day),
            int(hour) % 12 + (12 if half == "p" else 0),
            int(minute),
            tzinfo=UTC,
        )
    except ValueError as error:
        raise InputError(
            f"The date {written!r} cannot be read.", "Dates look like '1:56 pm on 8 May, 2023'."
        ) from error
