"""The values every layer speaks in: what may be done to a memory, and what became of it.

Knows nothing of databases, models or screens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a Memory Manager may do to the bank (Memory-R1, arXiv 2508.19828)."""

    ADD = "ADD"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    NOOP = "NOOP"


class OperationStatus(StrEnum):
    """What became of a proposed operation."""

    APPLIED = "applied"
    HELD = "held"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class MemoryOperation:
    """One operation as proposed to the bank.

    `memory_id` names the memory that UPDATE and DELETE mean and is None for ADD and NOOP.
    `text` is the whole new text of an ADD or UPDATE, else None.
    """

    action: Action
    memory_id: int | None = None
    text: str | None = None
