"""Searching a bank, and making the vectors that it is searched by."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.memory import memories, search
from assistant.memory.bank.opened import OpenedBank
from assistant.memory.records import ANY_TIME, Embedder, Hit, ItemKind, Memory, Times

TEXT_ONLY = "text"
TEXT_AND_MEANING = "text and meaning"


class Finding(OpenedBank):
    """The part of the MemoryBank for finding it again."""

    @property
    def embedder(self) -> Embedder | None:
        """What makes vectors of queries and of what is to be found; without one, search is by text."""
        return self._embedding.embedder

    @embedder.setter
    def embedder(self, embedder: Embedder | None) -> None:
        self._embedding.embedder = embedder

    @property
    def successor(self) -> Embedder | None:
        """The embedder that takes over as soon as all its vectors are made, and that one's go; until then none does."""
        return self._embedding.successor

    @successor.setter
    def successor(self, successor: Embedder | None) -> None:
        self._embedding.successor = successor

    @property
    def search_mode(self) -> str:
        """ "text and meaning", or "text" while there is no working embedder."""
        return TEXT_AND_MEANING if self._embedding.works else TEXT_ONLY

    def search(
        self,
        query: str,
        *,
        limit: int = 8,
        kinds: Sequence[str] = (ItemKind.MEMORY,),
        floor: bool = True,
        when: Times = ANY_TIME,
        for_answer: bool = False,
    ) -> list[Hit]:
        """What has to do with `query`, best first; nothing, if nothing has.

        `floor=False` fills up to `limit`, for a reader that chooses by itself: of the memories that answer a question,
        the floor loses 7 in 100. `for_answer` leaves out the memories that are never to be used.
        """
        wanted = [ItemKind(kind) for kind in kinds]
        vector = self._embedding.query(query)
        with self._database.read() as connection:
            return search.search(
                connection, query, vector, limit=limit, kinds=wanted, floor=floor, when=when, for_answer=for_answer
            )

    def related(self, text: str, limit: int) -> list[Memory]:
        """The memories to offer an agent with `text`: pinned ones first, then the nearest, near or not.

        The newest pinned ones take up to half of the places; none that is never to be used is among them.
        """
        vector = self._embedding.query(text)
        with self._database.read() as connection:
            pinned = memories.pinned(connection, limit // 2)
            hits = search.search(
                connection, text, vector, limit=limit, kinds=[ItemKind.MEMORY], floor=False, for_answer=True
            )
        found = [hit.memory for hit in hits if hit.memory is not None and hit.memory not in pinned]
        return [*pinned, *found][:limit]

    def index_all(self, *, kinds: Sequence[str] = tuple(ItemKind)) -> None:
        """Makes vectors for all of `kinds` that has none. Raises EngineError if the embedder fails."""
        while self.index_pending(kinds=kinds):
            pass

    def index_pending(self, batch: int = 32, *, kinds: Sequence[str] = tuple(ItemKind)) -> int:
        """Makes vectors for up to `batch` of `kinds` that have none, and says for how many; 0 if all do.

        A `successor` is made ready next, and takes over once it has all of every kind. Other threads may use the bank
        meanwhile. Raises EngineError if the embedder fails.
        """
        return self._embedding.make_some(batch, [ItemKind(kind) for kind in kinds])
