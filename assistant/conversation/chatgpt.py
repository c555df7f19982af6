"""Reads an export of ChatGPT: its archive, or the `conversations.json` in it.

A list of `{title, create_time, current_node, mapping}`; `mapping` is a tree of `{id, parent, message}`, of which the
branch that ends in `current_node` is the one last seen. A message has `author.role`, `create_time` in seconds since
1970, and `content.parts`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.conversation.recordings import RecordedConversation, RecordedTurn, read_export
from assistant.memory.records import MessageRole

_ROLES = {"user": MessageRole.USER, "assistant": MessageRole.ASSISTANT}


def read_chatgpt(path: Path) -> list[RecordedConversation]:
    """Every conversation in which something is said, the earliest first. Raises InputError, saying what is wrong."""
    return read_export(path, "ChatGPT", _conversation)


def _conversation(item: dict[str, Any]) -> RecordedConversation:
    begun = item["create_time"] or 0
    turns = []
    for node_id, message in _branch(item["mapping"], item["current_node"]):
        role, text = _ROLES.get(message["author"]["role"]), _text(message["content"])
        if role is None or not text:
            continue
        said_at = datetime.fromtimestamp(message.get("create_time") or begun, UTC)
        turns.append(RecordedTurn(None, text, said_at, f"chatgpt:{node_id}", role))
    return RecordedConversation(item.get("title") or "", tuple(turns))


def _branch(mapping: dict[str, Any], leaf: str | None) -> list[tuple[str, dict[str, Any]]]:
    """The messages on the way to `leaf`, the first one first."""
    found: list[tuple[str, dict[str, Any]]] = []
    seen: set[str] = set()
    node_id = leaf
    while node_id is not None and node_id not in seen:
        seen.add(node_id)
        node = mapping[node_id]
        if node.get("message"):
            found.append((node_id, node["message"]))
        node_id = node.get("parent")
    return found[::-1]


def _text(content: dict[str, Any]) -> str:
    """The text of a message; pictures and what tools returned have none."""
    return "\n".join(part for part in content.get("parts", []) if isinstance(part, str)).strip()
