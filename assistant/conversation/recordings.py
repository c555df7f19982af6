"""What was said elsewhere, as it can be replayed: conversations of turns, each with a time and an id of its own.

Knows nothing of the formats they come in, nor of banks or models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assistant.errors import InputError
from assistant.memory.records import MessageRole


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


def what_is_wrong(error: Exception) -> str:
    """What a reader stumbled over, in plain words."""
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
