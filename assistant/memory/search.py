"""Finding memories and messages for a query, by their words and by their meaning.

Promises that a query with nothing to do with anything finds nothing, that no query is an error, whatever characters it
holds, and that each score can be told apart into what it comes from. Runs inside its caller's transaction. English stop
words and stems; other languages match by whole words, or by characters where they put no spaces between words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import apsw

from assistant.memory import conversations, memories, times, vectors, words
from assistant.memory.indexes import TEXTS
from assistant.memory.periods import Period, Precision
from assistant.memory.records import ANY_TIME, Explanation, Hit, ItemKind, Times
from assistant.memory.vectors import ALL, Query, Selection

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

_WORD = re.compile(r"\w+")


def search(
    connection: apsw.Connection,
    text: str,
    query: Query | None,
    *,
    limit: int,
    kinds: Sequence[ItemKind],
    floor: bool,
    when: Times = ANY_TIME,
    for_answer: bool = False,
) -> list[Hit]:
    """The best `limit` hits among `kinds`, best first. `query` is the vector of `text`, if there is one.

    `for_answer` leaves out the memories that are never to be used.

    With `floor`, a hit shares a word that means something with the query, or is near to it in meaning; without, there
    are `limit` memories as long as the bank has them, far ones and then the newest. Both kinds are ranked by themselves
    and compared by their ranks.
    """
    hits: list[Hit] = []
    for kind in kinds:
        among = _selection(kind, when)
        if for_answer and kind is ItemKind.MEMORY:
            among = _usable(connection, among)
        found = _ranked(connection, text, query, kind, max(limit, CANDIDATES), floor=floor, among=among)
        hits += [_hit(connection, kind, item_id, why, text) for item_id, why in found[:limit]]
        if not floor and kind is ItemKind.MEMORY and len(found) < limit:
            ids = {item_id for item_id, _ in found}
            newest = [memory for memory in memories.newest(connection, limit, among) if memory.id not in ids]
            hits += [Hit(0.0, Explanation(), memory=memory) for memory in newest]
    return sorted(hits, key=lambda hit: -hit.score)[:limit]


def _usable(connection: apsw.Connection, among: Selection) -> Selection:
    """Those of `among` that may be used."""
    if not connection.execute("SELECT EXISTS (SELECT 1 FROM memory WHERE never_use)").get:
        return among
    return Selection(f"SELECT id FROM memory WHERE NOT never_use {among.restrict('id')}", among.values)


def match_expression(text: str) -> str:
    """An FTS5 query for any of the words that mean something; "" if none does."""
    meant = (term for word in _meant(text) for term in _terms(word))
    return " OR ".join(list(dict.fromkeys(meant))[:MAX_WORDS])


def _ranked(
    connection: apsw.Connection,
    text: str,
    query: Query | None,
    kind: ItemKind,
    wanted: int,
    *,
    floor: bool,
    among: Selection,
) -> list[tuple[int, Explanation]]:
    """The items by reciprocal rank fusion of both ways to search, best first."""
    by_text = _matching(connection, kind, match_expression(text), wanted, among)
    near = vectors.nearest(connection, query, kind, wanted, among) if query is not None else []
    # To a reader that chooses by itself memories are offered near or not; a message that is far is only noise.
    near_enough = [found for found in near if found[1] >= MIN_COSINE or (not floor and kind is ItemKind.MEMORY)]
    text_ranks = {item_id: rank for rank, item_id in enumerate(by_text, 1)}
    meanings = {item_id: (rank, cosine) for rank, (item_id, cosine) in enumerate(near_enough, 1)}
    cosines = dict(near)
    explained = [
        (
            item_id,
            Explanation(
                text_rank=text_ranks.get(item_id),
                meaning_rank=meanings[item_id][0] if item_id in meanings else None,
                cosine=cosines.get(item_id),
            ),
        )
        for item_id in {**text_ranks, **meanings}
    ]
    return sorted(explained, key=lambda found: (-_score(found[1]), -found[0]))


def _score(why: Explanation) -> float:
    return sum(1 / (RANK_CONSTANT + rank) for rank in (why.text_rank, why.meaning_rank) if rank is not None)


def _hit(connection: apsw.Connection, kind: ItemKind, item_id: int, why: Explanation, query: str) -> Hit:
    memory = memories.memory(connection, item_id) if kind is ItemKind.MEMORY else None
    message = conversations.message(connection, item_id) if kind is ItemKind.MESSAGE else None
    said = memory.text if memory is not None else message.text if message is not None else ""
    shared = _shared(query, said) if why.text_rank is not None else ()
    return Hit(_score(why), replace(why, words=shared), memory, message)


def _meant(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in words.STOP_WORDS]


def _shared(query: str, said: str) -> tuple[str, ...]:
    """The words of `query` that `said` is found by, in their order."""
    stems = words.stems(said)
    known = frozenset(stems) | frozenset(f"{one} {other}" for one, other in pairwise(stems))

    def is_there(term: str) -> bool:
        word = term.strip('*"')
        if " " in word or len(word) == 1:
            return word in known
        stem = " ".join(words.stems(word))
        return stem in known or (term.endswith("*") and any(s.startswith(stem) for s in stems))

    return tuple(dict.fromkeys(word for word in _meant(query) if any(map(is_there, _terms(word)))))


def _terms(word: str) -> list[str]:
    """What a word is looked for by: by itself and longer words, or each two characters where a script has no spaces."""
    # Quoted, a word is never an operator of FTS5's; \w has no quotation mark in it.
    found: list[str] = []
    for run, is_spaceless in words.runs(word):
        if not is_spaceless:
            found.append(f'"{run}"*' if len(run) >= PREFIX_LETTERS else f'"{run}"')
        elif len(run) == 1:
            found.append(f'"{run}"')
        else:
            found += [f'"{one} {other}"' for one, other in pairwise(run)]
    return found


def _matching(connection: apsw.Connection, kind: ItemKind, expression: str, limit: int, among: Selection) -> list[int]:
    """The rows that match, best first, of equally good ones the newest."""
    if not expression:
        return []
    table = TEXTS[kind]
    # With the plus the words are looked up once, and not once for each item that `among` selects.
    rows = connection.execute(
        f"SELECT rowid FROM {table} WHERE {table} MATCH :expression {among.restrict('+rowid')}"
        " ORDER BY rank, rowid DESC LIMIT :limit",
        {**among.values, "expression": expression, "limit": limit},
    )
    return [rowid for (rowid,) in rows]


_SAID_AT = {
    ItemKind.MEMORY: ("SELECT id FROM current_memory WHERE status = 'active'", "julianday(observed_at)"),
    ItemKind.MESSAGE: ("SELECT id FROM message WHERE state <> 'partial'", "julianday(created_at)"),
}
"""All of a kind, and when each was said."""
_HOLDS = "CASE length({0}) WHEN 4 THEN :year WHEN 7 THEN :month WHEN 8 THEN :week ELSE :day END"
"""The day that is asked about, as precisely as the period it is compared with is written."""


def _selection(kind: ItemKind, when: Times) -> Selection:
    """The items of those times."""
    if when == ANY_TIME:
        return ALL
    values: dict[str, str] = {}
    sql, said_at = _SAID_AT[kind]
    if when.said_from is not None:
        sql += f" AND {said_at} >= julianday(:said_from)"
        values["said_from"] = times.to_text(when.said_from)
    if when.said_before is not None:
        sql += f" AND {said_at} < julianday(:said_before)"
        values["said_before"] = times.to_text(when.said_before)
    if when.holds_on is not None and kind is ItemKind.MEMORY:
        sql += f" AND (holds_from IS NULL OR holds_from <= {_HOLDS.format('holds_from')})"
        sql += f" AND (holds_until IS NULL OR holds_until >= {_HOLDS.format('holds_until')})"
        values |= {precision: str(Period.of(when.holds_on, precision)) for precision in Precision}
    return Selection(sql, values)
