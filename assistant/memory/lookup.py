"""Looking conversations up by what was said in them, or by their titles, while one types.

Runs inside its caller's transaction. Knows nothing of how messages are found that have to do with a query: the hits are
passed in; those that merely begin with what was typed so far it finds itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from assistant.memory import conversations, excerpts
from assistant.memory.excerpts import Wanted
from assistant.memory.records import Conversation, Found, Hit, Message
from assistant.memory.search import RANK_CONSTANT

CANDIDATES = 100
"""How many messages are looked at, each way."""
_ENDINGS = 3
"""Letters that may be an ending: the index has none, so that half of one finds nothing there."""
_SHORTEST_STEM = 4


@dataclass
class _Best:
    """What is best in one conversation so far."""

    score: float = 0.0
    message: Message | None = None
    title_score: float = 0.0

    @property
    def order(self) -> tuple[float, int]:
        return self.score + self.title_score, self.message.id if self.message is not None else 0


def found(connection: apsw.Connection, query: str, hits: Sequence[Hit], limit: int) -> list[Found]:
    """The conversations in which something fits, best first, of equally good ones the one written in last."""
    wanted = Wanted.of(query)
    if not wanted.words and not wanted.runs:
        return []
    scores = {hit.message.id: hit.score for hit in hits if hit.message is not None}
    said = {hit.message.id: hit.message for hit in hits if hit.message is not None}
    for rank, message in enumerate(_with_all(connection, wanted), 1):
        said[message.id] = message
        scores[message.id] = scores.get(message.id, 0.0) + 1 / (RANK_CONSTANT + rank)
    best: dict[int, _Best] = {}
    for message_id in sorted(said):
        one = best.setdefault(said[message_id].conversation_id, _Best())
        if scores[message_id] >= one.score:
            one.score, one.message = scores[message_id], said[message_id]
    titles: Any = connection.execute("SELECT id, title FROM conversation WHERE title <> ''")
    for conversation_id, title in titles:
        if wanted.are_all_in(title):
            best.setdefault(conversation_id, _Best()).title_score = 1 / (RANK_CONSTANT + 1)
    ranked = sorted(best, key=lambda number: (*best[number].order, number), reverse=True)[:limit]
    return [_found(conversations.conversation(connection, number), best[number], wanted) for number in ranked]


def _found(conversation: Conversation, best: _Best, wanted: Wanted) -> Found:
    text = best.message.text if best.message is not None else conversation.title
    line, spans = excerpts.line_around(text, wanted.spans(text))
    return Found(conversation, best.message, line, spans, best.score + best.title_score)


def _with_all(connection: apsw.Connection, wanted: Wanted) -> list[Message]:
    """The messages that have every word, those typed so far as the beginning of one; best first."""
    expression = _expression(wanted)
    rows = connection.execute(
        "SELECT rowid FROM message_text WHERE message_text MATCH ? ORDER BY rank, rowid DESC LIMIT ?",
        (expression, CANDIDATES),
    )
    messages = (conversations.message(connection, message_id) for (message_id,) in rows)
    if len(wanted.partial) <= _SHORTEST_STEM:
        return list(messages)
    return [message for message in messages if wanted.has_partial(message.text)]


def _expression(wanted: Wanted) -> str:
    """What FTS5 is asked for. Quoted, a word is never one of its operators."""
    whole = wanted.words[:-1] if wanted.partial else wanted.words
    terms = [f'"{word}"' for word in whole]
    terms += [f'"{" ".join(run)}"' for run in wanted.runs]
    if wanted.partial:
        shortest = max(_SHORTEST_STEM, len(wanted.partial) - _ENDINGS)
        beginnings = [wanted.partial[:length] for length in range(len(wanted.partial), shortest - 1, -1)]
        alternatives = " OR ".join(f'"{beginning}"*' for beginning in beginnings or [wanted.partial])
        terms.append(f"({alternatives})")
    return " AND ".join(terms)
