"""Reads an export of Claude: its archive, or the `conversations.json` in it.

A list of `{uuid, name, created_at, chat_messages}`; a message has `uuid`, `sender` ("human" or "assistant"),
`created_at` in ISO 8601, and its text in `text` or in the parts of `content` of type "text".
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.conversation.recordings import RecordedConversation, RecordedTurn, read_export
from assistant.memory.records import MessageRole

_ROLES = {"human": MessageRole.USER, "assistant": MessageRole.ASSISTANT}


def read_claude(path: Path) -> list[RecordedConversation]:
    """Every conversation in which something is said, the earliest first. Raises InputError, saying what is wrong."""
    return read_export(path, "Claude", _conversation)


def _conversation(item: dict[str, Any]) -> RecordedConversation:
    turns = [
        RecordedTurn(None, text, _time(message["created_at"]), f"claude:{message['uuid']}", _ROLES[message["sender"]])
        for message in item["chat_messages"]
        if (text := _text(message))
    ]
    return RecordedConversation(item.get("name") or "", tuple(turns))


def _text(message: dict[str, Any]) -> str:
    parts = [part["text"] for part in message.get("content") or [] if part.get("type") == "text" and part.get("text")]
    return ("\n".join(parts) or message.get("text") or "").strip()


def _time(written: str) -> datetime:
    time = datetime.fromisoformat(written)
    return time if time.utcoffset() is not None else time.replace(tzinfo=UTC)
