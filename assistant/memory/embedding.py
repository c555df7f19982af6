"""Giving vectors to what has none, and to queries: the bank's dealings with embedders.

Promises that an embedder that fails stops nothing but itself, that nothing is made twice after an interruption, and
that with a successor named the present embedder serves until the successor's vectors are all there. Knows nothing of
how a vector is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.errors import EngineError
from assistant.memory import vectors
from assistant.memory.database import Database
from assistant.memory.records import Embedder, ItemKind

LONGEST = 2000
"""Characters of a text that are embedded; the embedder reads no more of them."""
DROPPED_AT_ONCE = 1000
"""Vectors of an embedder that left: so few that others can write in between."""


class Embedding:
    """The embedder that serves one bank, and the one that is to take its place. Either may be None."""

    def __init__(self, database: Database, embedder: Embedder | None) -> None:
        self.embedder = embedder
        self.successor: Embedder | None = None
        self._database = database
        self._has_failed = False

    @property
    def works(self) -> bool:
        """Whether queries get vectors, as far as is known."""
        return self.embedder is not None and self._database.has_vectors and not self._has_failed

    def query(self, text: str) -> vectors.Query | None:
        """The query's vector; None if there is no embedder, or it fails: search by text goes on."""
        embedder = self.embedder
        if embedder is None or not self._database.has_vectors or not text.strip():
            return None
        try:
            [vector] = _made(embedder, [text])
        except EngineError:
            self._has_failed = True
            return None
        self._has_failed = False
        return vectors.Query(embedder.name, vector)

    def make_some(self, batch: int, kinds: Sequence[ItemKind]) -> int:
        """Makes up to `batch` vectors of `kinds` that are missing, and says of how many; 0 if there is nothing to do.

        Other threads may use the bank meanwhile. Raises EngineError if an embedder fails.
        """
        if not self._database.has_vectors:
            return 0
        for embedder in (self.embedder, self.successor):
            if embedder is not None and (made := self._make_some(embedder, batch, kinds)):
                return made
        if self.successor is not None and set(kinds) == set(ItemKind):
            self._succeed(self.successor)
        return self._drop_leftovers()

    def _make_some(self, embedder: Embedder, batch: int, kinds: Sequence[ItemKind]) -> int:
        with self._database.read() as connection:
            number = vectors.known(connection, embedder.name, embedder.dimensions)
            missing = vectors.missing(connection, number, batch, kinds) if number is not None else []
        if number is None:
            with self._database.write() as connection:
                number = vectors.register(connection, embedder)
                missing = vectors.missing(connection, number, batch, kinds)
        if not missing:
            return 0
        made = _made(embedder, [item.text for item in missing])
        with self._database.write() as connection:
            vectors.store(connection, number, missing, made)
        return len(missing)

    def _succeed(self, successor: Embedder) -> None:
        with self._database.write() as connection:
            vectors.leave_all_but(connection, successor.name)
        self.embedder, self.successor = successor, None
        self._has_failed = False

    def _drop_leftovers(self) -> int:
        with self._database.read() as connection:
            if not vectors.has_leftovers(connection):
                return 0
        with self._database.write() as connection:
            return vectors.drop_left(connection, DROPPED_AT_ONCE)


def _made(embedder: Embedder, texts: Sequence[str]) -> Sequence[bytes]:
    # An argument of the command line may hold bytes that are no text.
    sound = [text[:LONGEST].encode(errors="ignore").decode() for text in texts]
    return vectors.checked(embedder.embed(sound), len(sound), embedder.dimensions)
