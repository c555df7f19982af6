"""Finding memories and messages for a query, by their words and by their meaning.

Promises that a query with nothing to do with anything finds nothing, and that no query is an error, whatever characters
it holds. Runs inside its caller's transaction. English stop words and stems; other languages match by whole words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import apsw

from assistant.memory import conversations, memories, vectors
from assistant.memory.records import Hit, ItemKind, MatchedBy
from assistant.memory.vectors import Query

MIN_COSINE = 0.25
"""Below this two sentences have nothing to do with each other, to all-MiniLM-L6-v2."""
RANK_CONSTANT = 60
"""Of reciprocal rank fusion (Cormack et al. 2009): how little the first rank counts more than the second."""
CANDIDATES = 50
"""How many each way of searching proposes, at least."""
MAX_WORDS = 64
"""A pasted page has thousands of words; the first few that mean something say what it is about."""
PREFIX_LETTERS = 4
"""A word this long also finds words that begin with it; a shorter one would find half the dictionary."""

_STOP_WORDS = """
    a about after again all also am an and any are aren as at be because been before being both but by can could
    couldn d did didn do does doesn doing don down each few for from further get go going got had hadn has hasn
    have haven having he hello her here hers herself hey hi him himself his how i if in into is isn it its
    itself just know let like ll m many me more most much my myself no nor not now of off on once only or other
    our ours ourselves out over own please re really remember s said same say she should shouldn so some such t
    tell than thank thanks that the their theirs them themselves then there these they this those through to
    told too under until up us user very want was wasn we well were weren what when where which while who whom
    whose why will with won would wouldn yes yet you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def search(
    connection: apsw.Connection,
    words: str,
    query: Query | None,
    *,
    limit: int,
    kinds: Sequence[ItemKind],
    floor: bool,
) -> list[Hit]:
    """The best `limit` hits among `kinds`, best first. `query` is the vector of `words`, if there is one.

    With `floor`, a hit shares a word that means something with the query, or is near to it in meaning; without, there
    are `limit` memories as long as the bank has them, far ones and then the newest. Messages are found by words alone.
    """
    expression = match_expression(words)
    wanted = max(limit, CANDIDATES)
    hits: list[Hit] = []
    if ItemKind.MEMORY in kinds:
        near = vectors.nearest(connection, query, wanted) if query is not None else []
        by_meaning = [memory_id for memory_id, cosine in near if cosine >= MIN_COSINE or not floor]
        by_text = _matching(connection, "memory_text", expression, wanted)
        for memory_id, score, matched_by in _fused(by_text, by_meaning):
            hits.append(Hit(score, matched_by, memory=memories.memory(connection, memory_id)))
        if not floor and len(hits) < limit:
            found = {hit.memory.id for hit in hits if hit.memory is not None}
            newest = [memory for memory in memories.newest(connection, limit) if memory.id not in found]
            hits += [Hit(0.0, MatchedBy.RECENT, memory=memory) for memory in newest]
    if ItemKind.MESSAGE in kinds:
        by_text = _matching(connection, "message_text", expression, wanted)
        for message_id, score, matched_by in _fused(by_text, []):
            hits.append(Hit(score, matched_by, message=conversations.message(connection, message_id)))
    return sorted(hits, key=lambda hit: -hit.score)[:limit]


def match_expression(words: str) -> str:
    """An FTS5 query for any of the words that mean something; "" if none does."""
    meant = (word for word in re.findall(r"\w+", words.lower()) if word not in STOP_WORDS)
    distinct = list(dict.fromkeys(meant))[:MAX_WORDS]
    # Quoted, a word is never an operator of FTS5's; \w has no quotation mark in it.
    return " OR ".join(f'"{word}"*' if len(word) >= PREFIX_LETTERS else f'"{word}"' for word in distinct)


def _matching(connection: apsw.Connection, table: str, expression: str, limit: int) -> list[int]:
    """The rows that match, best first, of equally good ones the newest."""
    if not expression:
        return []
    rows = connection.execute(
        f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY rank, rowid DESC LIMIT ?", (expression, limit)
    )
    return [rowid for (rowid,) in rows]


def _fused(by_text: Sequence[int], by_meaning: Sequence[int]) -> list[tuple[int, float, MatchedBy]]:
    """Both rankings as one, by reciprocal rank fusion: (id, score, what matched), best first."""
    scores: dict[int, float] = {}
    for ranking in (by_text, by_meaning):
        for rank, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (RANK_CONSTANT + rank)
    text, meaning = set(by_text), set(by_meaning)
    fused = [
        (
            item,
            score,
            MatchedBy.BOTH
            if item in text and item in meaning
            else MatchedBy.TEXT
            if item in text
            else MatchedBy.MEANING,
        )
        for item, score in scores.items()
    ]
    return sorted(fused, key=lambda found: (-found[1], -found[0]))
