"""What was said elsewhere, as it can be replayed: conversations of turns, each with a time and an id of its own.

Knows nothing of the formats they come in, nor of banks or models.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from assistant.errors import InputError
from assistant.memory.records import MessageRole

ASKED_ABOUT = "it comes from an imported file"
_OWN = ("chatgpt:", "claude:", "text:")
"""How the ids of turns begin that come from a user's own files."""
_IN_ARCHIVE = re.compile(r"conversations(-\d+)?\.json")


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """One thing said. `speaker` is None for the one user of the assistant, and for an assistant."""

    speaker: str | None
    text: str
    said_at: datetime
    external_id: str
    role: MessageRole = MessageRole.USER


@dataclass(frozen=True, slots=True)
class RecordedConversation:
    """A whole conversation, its turns in the order in which they were said."""

    name: str
    turns: tuple[RecordedTurn, ...]

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks in it under a name, in the order of their first turns."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns if turn.speaker is not None))


def asked_about(external_id: str | None) -> str:
    """Why what is proposed from the turn of that id is held for review, whoever reads it when; "" if it need not be."""
    return ASKED_ABOUT if external_id is not None and external_id.startswith(_OWN) else ""


def read_json(path: Path, hint: str) -> Any:
    """What stands in a JSON file. Raises InputError with `hint` if it is none."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", "Check the name of the file.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}).", hint) from error


def read_utf8(path: Path) -> str:
    """What stands in a text file. Raises InputError."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", "Check the name of the file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8.", "Convert it to UTF-8 first.") from error


def read_export(
    path: Path, product: str, conversation: Callable[[dict[str, Any]], RecordedConversation]
) -> list[RecordedConversation]:
    """Every conversation in an export of `product` in which something is said, the earliest first.

    `conversation` makes one out of its item. Raises InputError, saying what is wrong.
    """
    hint = f"It must be an export of {product}, or the conversations.json in it."
    items = _items(path, hint)
    try:
        found = [conversation(item) for item in items]
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is not an export of {product} ({what_is_wrong(error)}).", hint) from error
    spoken = sorted((c for c in found if c.turns), key=lambda c: c.turns[0].said_at)
    if not spoken:
        raise InputError(f"{path} holds no conversation.", hint)
    return spoken


def _items(path: Path, hint: str) -> list[Any]:
    """What is in a conversations.json, or in every file of that name, with or without a number, in an archive."""
    if not zipfile.is_zipfile(path):
        found = read_json(path, hint)
        return found if isinstance(found, list) else [found]
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if _IN_ARCHIVE.fullmatch(PurePosixPath(name).name))
            files = [json.loads(archive.read(name)) for name in names]
    # The last two are what zipfile raises for a compression it does not know, and for a password.
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path} cannot be unpacked ({error}).", hint) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} holds something that is not JSON ({error}).", hint) from error
    if not files:
        raise InputError(f"{path} holds no conversations.json.", hint)
    return [item for file in files for item in (file if isinstance(file, list) else [file])]


def what_is_wrong(error: Exception) -> str:
    """What a reader stumbled over, in plain words."""
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
