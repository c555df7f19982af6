"""What was said elsewhere, as it can be replayed: conversations of turns, each with a time and an id of its own.

Knows nothing of the formats they come in, nor of banks or models.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from assistant.errors import InputError
from assistant.memory.records import MessageRole

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


def read_json(path: Path, hint: str) -> Any:
    """What stands in a JSON file. Raises InputError with `hint` if it is none."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", "Check the name of the file.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}).", hint) from error


def read_conversations(path: Path, hint: str) -> list[Any]:
    """The conversations of an export: of its conversations.json, or of every file of that name, with or without a
    number, in the archive as it was sent. Raises InputError with `hint` if there is none."""
    if not zipfile.is_zipfile(path):
        found = read_json(path, hint)
        return found if isinstance(found, list) else [found]
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if _IN_ARCHIVE.fullmatch(PurePosixPath(name).name))
            files = [json.loads(archive.read(name)) for name in names]
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
