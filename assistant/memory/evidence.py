"""Looking up what a verdict on a proposal rests on.

Runs inside its caller's transaction. Knows nothing of what the verdict will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import apsw

from assistant.memory import conversations, indexes, memories, settings, tombstones
from assistant.memory.deciding import Evidence
from assistant.memory.operations import Action, MemoryOperation
from assistant.memory.records import MemoryStatus, Message, MessageRole

CONTEXT_MESSAGES = 2
"""What people said just before counts as said: the manager has read it, too."""
MESSAGES_LOOKED_THROUGH = 12
"""How far back those, and what the assistant said, are looked for."""
DEFAULT_SPEAKER = "User"


def of_message(connection: apsw.Connection, message_id: int | None, operations: Sequence[MemoryOperation]) -> Evidence:
    """What all proposals of one reply have in common."""
    evidence = Evidence(
        retirements=sum(operation.action is Action.DELETE for operation in operations), mode=settings.mode(connection)
    )
    if message_id is None:
        return evidence
    message = conversations.message(connection, message_id)
    before = conversations.messages(connection, message.conversation_id, MESSAGES_LOOKED_THROUGH, message.id)
    said = [m for m in before if m.role is MessageRole.USER][-CONTEXT_MESSAGES:]
    return replace(
        evidence,
        message=message.text,
        speaker=message.speaker or DEFAULT_SPEAKER,
        context=tuple(map(_with_speaker, said)),
        recalled=tuple(m.text for m in before if m.role is MessageRole.ASSISTANT),
    )


def of_proposal(
    connection: apsw.Connection, proposal: MemoryOperation, common: Evidence, observed_at: datetime
) -> Evidence:
    """The evidence on one proposal, whose text is tidied."""
    target = memories.find(connection, proposal.memory_id) if proposal.action is not Action.ADD else None
    text = proposal.text or ""
    if proposal.action not in (Action.ADD, Action.UPDATE) or not text:
        return replace(common, target=target)
    own = target.id if target is not None else None
    twins = [i for i, _ in memories.saying(connection, text, MemoryStatus.ACTIVE) if i != own]
    return replace(
        common,
        target=target,
        twin=twins[0] if twins else None,
        rewording=None if twins else indexes.meaning_the_same(connection, text, own),
        forgotten=_forgotten(connection, text, observed_at),
    )


def _forgotten(connection: apsw.Connection, text: str, observed_at: datetime) -> str:
    found = tombstones.find(connection, text)
    if found is None:
        return ""
    # Reading an old message again must not bring back what was forgotten after it was written.
    return "before" if found.whole and observed_at <= found.since else "after" if found.whole else "near"


def _with_speaker(message: Message) -> str:
    return f"{message.speaker or DEFAULT_SPEAKER}: {message.text}"
