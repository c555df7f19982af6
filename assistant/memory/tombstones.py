"""What was forgotten, known again without being kept: traces of its words that cannot be read back.

Promises that a forgotten text is recognised when it is said in other forms of its words, and suspected in a longer text
or where most of its words come again, and that a trace holds nothing of it. A trace is a hash under this
bank's own key: of the whole text, and of each word that means something, cut to 12 bits. So few bits fit a dozen words
of any dictionary, which keeps a word from being guessed, while three words together fit another text by chance once in
billions. Runs inside its caller's transaction.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from assistant.memory import settings, words

TRACE_BITS = 12
NEAR = 0.8
"""Of the words of a forgotten text, how many another one shares that says about the same."""
LEAST_WORDS = 2
"""A single word stands in too many texts to be known by."""
LEAST_WORDS_FOR_NEAR = 4


@dataclass(frozen=True, slots=True)
class Forgotten:
    """That a text was forgotten, and when; not `whole` if another one merely shares its words, or most of them."""

    memory_id: int
    since: datetime
    whole: bool


def lay(connection: apsw.Connection, memory_id: int, operation_id: int, text: str) -> None:
    """Leaves a trace of `text`, which `operation_id` forgets."""
    key = settings.key(connection)
    traces = _traces(text, key)
    connection.execute(
        "INSERT INTO tombstone (memory_id, operation_id, digest, words, created_at)"
        " SELECT ?, id, ?, ?, created_at FROM operation WHERE id = ?",
        (memory_id, _digest(text, key), len(traces), operation_id),
    )
    tombstone_id = connection.last_insert_rowid()
    connection.executemany(
        "INSERT INTO tombstone_word (trace, tombstone_id) VALUES (?, ?)",
        ((trace, tombstone_id) for trace in sorted(traces)),
    )


def renew(connection: apsw.Connection) -> None:
    """Lays the traces of what is forgotten anew, where its text is still known: from before there were traces, or when
    the words of a text have come to be others."""
    forgotten: list[Any] = connection.execute(
        "SELECT id, text, (SELECT max(operation.id) FROM operation WHERE memory_id = memory.id AND version ="
        " memory.version) FROM current_memory AS memory WHERE status = 'forgotten'"
    ).fetchall()
    for memory_id, text, operation_id in forgotten:
        lift(connection, memory_id)
        lay(connection, memory_id, operation_id, text)


def lift(connection: apsw.Connection, memory_id: int) -> None:
    """Takes back the traces of a memory, when it is forgotten no longer."""
    connection.execute("DELETE FROM tombstone WHERE memory_id = ?", (memory_id,))


def lift_for(connection: apsw.Connection, text: str, operation_id: int) -> None:
    """Lifts the traces of `text` for as long as `operation_id` stands, by which the user says it again."""
    connection.execute(
        "UPDATE tombstone SET lifted_by = ? WHERE digest = ? AND lifted_by IS NULL",
        (operation_id, _digest(text, settings.key(connection))),
    )


def put_back(connection: apsw.Connection, operation_id: int) -> None:
    """Lays what an operation lifted, when that is undone."""
    connection.execute("UPDATE tombstone SET lifted_by = NULL WHERE lifted_by = ?", (operation_id,))


def find(connection: apsw.Connection, text: str) -> Forgotten | None:
    """The forgotten text that `text` says, or one whose words it shares, the youngest; None if there is none."""
    key = settings.key(connection)
    traces = _traces(text, key)
    marks = ",".join("?" * len(traces))
    row = connection.execute(
        # The journal's times never run backwards, and a text cannot be compared with one of another zone.
        "SELECT memory_id, created_at, whole FROM ("
        " SELECT memory_id, operation_id, created_at, 1 AS whole FROM tombstone"
        " WHERE digest = ? AND lifted_by IS NULL"
        " UNION ALL"
        " SELECT memory_id, operation_id, created_at, 0 FROM tombstone_word"
        f" JOIN tombstone ON tombstone.id = tombstone_id WHERE trace IN ({marks}) AND words >= ? AND lifted_by IS NULL"
        " GROUP BY tombstone_id HAVING count(*) = words OR (words >= ? AND count(*) >= ? * words)"
        ") ORDER BY whole DESC, operation_id DESC LIMIT 1",
        (_digest(text, key), *traces, LEAST_WORDS, LEAST_WORDS_FOR_NEAR, NEAR),
    ).fetchone()
    if row is None:
        return None
    memory_id, created_at, whole = row
    return Forgotten(memory_id, datetime.fromisoformat(created_at), bool(whole))


def _digest(text: str, key: bytes) -> bytes:
    # A text without a word that means something is known by its characters.
    return _hash(" ".join(words.meaning(text)) or text.lower(), key)


def _traces(text: str, key: bytes) -> set[int]:
    return {int.from_bytes(_hash(word, key)[:2], "big") >> (16 - TRACE_BITS) for word in words.content(text)}


def _hash(text: str, key: bytes) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")[:16]
