"""Reads plain text: each paragraph is one thing that was written down, at the time of the file."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

from assistant.conversation.recordings import RecordedConversation, RecordedTurn, read_utf8
from assistant.errors import InputError

_BETWEEN_PARAGRAPHS = re.compile(r"\n[ \t]*\n")


def read_plain(path: Path) -> list[RecordedConversation]:
    """The text as one conversation. Raises InputError."""
    text = read_utf8(path)
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    paragraphs = [paragraph.strip() for paragraph in _BETWEEN_PARAGRAPHS.split(text) if paragraph.strip()]
    if not paragraphs:
        raise InputError(f"{path} is empty.", "Name a file with some text.")
    turns = (_turn(paragraph, written_at) for paragraph in dict.fromkeys(paragraphs))
    return [RecordedConversation(path.name, tuple(turns))]


def _turn(paragraph: str, written_at: datetime) -> RecordedTurn:
    """The same paragraph has the same id, so that a text that has grown is read on from where it had ended."""
    digest = hashlib.sha256(paragraph.encode()).hexdigest()[:24]
    return RecordedTurn(None, paragraph, written_at, f"text:{digest}")
