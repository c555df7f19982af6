"""What a right model replies to the prompts of each memory manager, from the prompt itself and the facts that change.

Knows nothing of models. mem0's prompts are read, not written, here: what they hold is what mem0 put into them.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assistant.agents.completions import format_operations
from assistant.agents.generation import ChatMessage, Role
from assistant.memory.operations import Action, MemoryOperation
from trainer.data.lives import Turn

NO_LONGER = "No longer: "
"""How a fact is put that does not hold any more, for a manager that first makes facts of all that is said."""
KNOWN_ALREADY = "known already"
"""The kind of a message that says a known fact again."""

_LINE = re.compile(r"(.*) \[\d+\]")
_EXISTING = re.compile(r"in the following format only:\s*```\s*(\[.*\])\s*```\s*The new retrieved facts")
_EMPTY = "Current memory is empty."
_JSON_EXISTING = re.compile(r"## Existing Memories\n(.*?)\n\n## New Messages", re.DOTALL)


class Call(StrEnum):
    """The calls that mem0 makes for a message."""

    FACTS = "facts"
    """Which facts does it tell? Then, if any: UPDATE."""
    UPDATE = "update"
    """What becomes of the memories near to these facts?"""
    EXTRACTION = "extraction"
    """Which memories are to be added? The only call of mem0 2."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A fact's text as it was and as it is: None where there was none, or is none any more."""

    before: str | None
    after: str | None


def _changes(turn: Turn) -> list[_Change]:
    """What `turn` says, to somebody who knows nothing yet; what is known already is a change to nobody else."""
    if turn.kind == KNOWN_ALREADY:
        said = max(turn.known, key=lambda fact: sum(v in turn.text for v in (*fact.values, *fact.about[1:]) if v))
        return [_Change(None, said.text)]
    return [_Change(c.before.text if c.before else None, c.after.text if c.after else None) for c in turn.changes]


def _said(change: _Change) -> str:
    """What is new, as a fact of its own."""
    return change.after or f"{NO_LONGER}{change.before}"


def manager_reply(prompt: Sequence[ChatMessage], turn: Turn) -> str:
    """The completion for a prompt of the assistant's own.

    A fact that changes and is not on offer is one more; if it ends, there is nothing to end.
    """
    offered = _offered(prompt[-1].text)
    operations = []
    for change in _changes(turn):
        short_id = offered.index(change.before) + 1 if change.before in offered else None
        if change.after is None:
            operations += [MemoryOperation(Action.DELETE, short_id)] if short_id else []
        elif short_id is not None:
            operations.append(MemoryOperation(Action.UPDATE, short_id, change.after))
        elif change.after not in offered:
            operations.append(MemoryOperation(Action.ADD, None, change.after))
    return format_operations(operations, offered)


def _offered(question: str) -> list[str]:
    """The memories in a prompt of ours: the lines after the first one that end with a number."""
    offered = []
    for line in question.split("\n")[1:]:
        if not (match := _LINE.fullmatch(line)):
            break
        offered.append(match[1])
    return offered


def mem0_reply(prompt: Sequence[ChatMessage], turn: Turn) -> tuple[Call, str]:
    """Which call of mem0's `prompt` is, and the reply. Raises ValueError for a prompt that is none of them."""
    question = prompt[-1].text
    if prompt[0].role is Role.SYSTEM and question.startswith("Input:\n"):
        return Call.FACTS, _json({"facts": [_said(change) for change in _changes(turn)]})
    if prompt[0].role is Role.SYSTEM and (found := _JSON_EXISTING.search(question)):
        return Call.EXTRACTION, _json({"memory": _extracted(json.loads(found[1]), turn)})
    if len(prompt) == 1 and (found := _EXISTING.search(question)):
        return Call.UPDATE, _json({"memory": _updated(ast.literal_eval(found[1]), turn)})
    if len(prompt) == 1 and _EMPTY in question:
        return Call.UPDATE, _json({"memory": _updated([], turn)})
    raise ValueError(f"This is no prompt of mem0's that is known here: {question[:200]!r}")


def _updated(existing: Sequence[dict[str, str]], turn: Turn) -> list[dict[str, str]]:
    """Every existing memory with what becomes of it, as mem0 demands, then those to be added."""
    changes = _changes(turn)
    changing = {change.before: change.after for change in changes if change.before is not None}
    shown = {memory["text"] for memory in existing}
    rows: list[dict[str, str]] = []
    for memory in existing:
        row = {"id": memory["id"], "text": memory["text"], "event": "NONE"}
        if memory["text"] in changing:
            after = changing[memory["text"]]
            if after is None:
                row["event"] = "DELETE"
            else:
                row |= {"text": after, "event": "UPDATE", "old_memory": memory["text"]}
        rows.append(row)
    for change in changes:
        if change.after is not None and change.before not in shown and change.after not in shown:
            rows.append({"id": str(len(rows)), "text": change.after, "event": "ADD"})
    return rows


def _extracted(existing: Sequence[dict[str, str]], turn: Turn) -> list[dict[str, Any]]:
    """The memories to be added: mem0 2 changes and deletes none, but links what is about the same."""
    ids = {memory["text"]: memory["id"] for memory in existing}
    rows: list[dict[str, Any]] = []
    for change in _changes(turn):
        text = _said(change)
        if text in ids:
            continue
        row = {"id": str(len(rows)), "text": text, "attributed_to": "user"}
        rows.append(row | ({"linked_memory_ids": [ids[change.before]]} if change.before in ids else {}))
    return rows


def _json(value: dict[str, Any]) -> str:
    """On one line, the least that such a reply can be; mem0's own examples are spread over many."""
    return json.dumps(value, ensure_ascii=False)
