"""What every part of a bank works on."""

from __future__ import annotations

from assistant.memory import jobs
from assistant.memory.database import Database
from assistant.memory.embedding import Embedding
from assistant.memory.records import Embedder


class OpenedBank:
    """A database that has the tables, what makes its vectors, and a name to take jobs under."""

    def __init__(self, database: Database, embedder: Embedder | None = None) -> None:
        """`MemoryBank.open` is the usual way."""
        self._database = database
        self._embedding = Embedding(database, embedder)
        self._owner = jobs.new_owner()
