"""Where an answer comes from: the memories it used, what each came from, and how a search for the question finds it.

Pure but for the bank it reads. The search is made anew: it tells how it is found by now.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.memory.bank import MemoryBank
from assistant.memory.records import Citation, Hit, Memory, Message

LOOKED_AT = 8
"""As many memories are on offer to an answer as a rule."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A memory that was used, the message it came from with the words that count, and its place in a search, from 1."""

    citation: Citation
    memory: Memory
    source: Message | None
    quote: str | None
    hit: Hit | None
    rank: int | None


def reasons(bank: MemoryBank, reply: Message) -> tuple[Message | None, list[Reason]]:
    """The message that was answered, and why the reply says what it says, in the order of its naming."""
    asked = bank.message(reply.parent_id) if reply.parent_id is not None else None
    hits = bank.search(asked.text, limit=LOOKED_AT, floor=False, for_answer=True) if asked is not None else []
    ranks = {hit.memory.id: number for number, hit in enumerate(hits, 1) if hit.memory is not None}
    found = []
    for citation in bank.citations(reply.id):
        memory = bank.memory(citation.memory_id)
        source = bank.message(memory.source_message_id) if memory.source_message_id is not None else None
        rows = bank.operations(source_message_id=source.id) if source is not None else []
        quote = next((row.quote for row in rows if row.memory_id == memory.id and row.quote), None)
        rank = ranks.get(memory.id)
        found.append(Reason(citation, memory, source, quote, hits[rank - 1] if rank else None, rank))
    return asked, found


def lines(reason: Reason) -> list[str]:
    """A reason in words, a line each: what the memory said, what it says now, where it came from, how it is found."""
    memory = reason.memory
    told = [f"{reason.citation.rank}. {reason.citation.text}"]
    if memory.text != reason.citation.text:
        told.append(f"   now: {memory.text}")
    if reason.source is None:
        told.append(f"   you wrote it down on {memory.observed_at.astimezone():%Y-%m-%d}")
    else:
        words = (reason.quote or reason.source.text).replace("\n", " ")
        told.append(f"   you said on {reason.source.created_at.astimezone():%Y-%m-%d %H:%M}: “{words}”")
    told.append(f"   {_found(reason)}")
    return told


def _found(reason: Reason) -> str:
    if reason.memory.pinned:
        return "it is pinned, so it is always on offer"
    if reason.hit is None:
        return "a search for the question does not find it any more"
    why = reason.hit.why
    parts = []
    if why.words:
        parts.append("shares the words " + ", ".join(why.words))
    if why.cosine is not None:
        parts.append(f"is near in meaning ({why.cosine:.2f})")
    return f"found as number {reason.rank}: " + (" and ".join(parts) or "it is one of the newest")
