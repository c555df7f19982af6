"""The MemoryBank: all that is remembered, in one SQLite file.

Promises that each method is one transaction, on the disk once it returned and without a trace if it raised; that one
bank may be used from several threads and one file by several processes; and that nothing remembered is changed without
a row in the journal. Every method raises StorageError where the disk or another process is in the way. Knows nothing of
models: whatever makes vectors is passed in.
"""

from assistant.memory.bank.whole import MemoryBank
from assistant.memory.deciding import Mode
from assistant.memory.kinds import MemoryKind
from assistant.memory.records import (
    Citation,
    Conversation,
    Embedder,
    Feedback,
    FeedbackKind,
    Growth,
    Hit,
    ItemKind,
    Job,
    MatchedBy,
    Memory,
    MemoryOrigin,
    MemoryRow,
    MemoryStatus,
    MemoryVersion,
    Message,
    MessageRole,
    MessageState,
    Operation,
    Proposal,
    Times,
)

__all__ = [
    "Citation",
    "Conversation",
    "Embedder",
    "Feedback",
    "FeedbackKind",
    "Growth",
    "Hit",
    "ItemKind",
    "Job",
    "MatchedBy",
    "Memory",
    "MemoryBank",
    "MemoryKind",
    "MemoryOrigin",
    "MemoryRow",
    "MemoryStatus",
    "MemoryVersion",
    "Message",
    "MessageRole",
    "MessageState",
    "Mode",
    "Operation",
    "Proposal",
    "Times",
]
