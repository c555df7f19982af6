"""Forgetting a memory, and wiping its text for good.

A forgotten memory keeps its text, and forgetting can be undone. A purged one's text is gone from every memory,
version, journal row, citation and index, and struck out are the sentences that it came from or that were answered from
it; what else was said stays. Runs inside its caller's transaction.
"""

from __future__ import annotations

from typing import Any

import apsw

from assistant.errors import InputError
from assistant.memory import applying, conversations, indexes, journal, memories, tombstones
from assistant.memory.journal import Entry, Origin
from assistant.memory.operations import Action
from assistant.memory.records import ItemKind, MemoryStatus, Operation

PURGED_TEXT = "(purged)"
"""Stands where a purged text stood."""

_USER = Origin(applying.BY_USER)


def forget(connection: apsw.Connection, memory_id: int) -> Operation:
    """Closes the memory as forgotten. Raises NotFoundError, or InputError if it is so already."""
    memory = memories.memory(connection, memory_id)
    if memory.status in (MemoryStatus.FORGOTTEN, MemoryStatus.PURGED):
        raise InputError(f"Memory {memory_id} is {memory.status} already.")
    operation = applying.close(connection, memory, MemoryStatus.FORGOTTEN, _USER)
    tombstones.lay(connection, memory_id, operation.id, memory.text)
    return operation


def purge(connection: apsw.Connection, memory_id: int) -> Operation:
    """Wipes every text that the memory ever had, whatever its status. Raises NotFoundError."""
    memories.memory(connection, memory_id)
    texts = _own_texts(connection, memory_id)
    _wipe_replies(connection, memory_id, texts)
    for text in texts:
        _wipe_text(connection, text)
    _strike_messages(connection, memory_id, texts)
    _wipe_memory(connection, memory_id)
    purged: list[Any] = connection.execute("SELECT id FROM current_memory WHERE status = 'purged'").fetchall()
    for (purged_id,) in purged:
        indexes.drop(connection, ItemKind.MEMORY, purged_id)
    operation = journal.write(connection, Entry(Action.DELETE, _USER, memory_id=memory_id, text_before=PURGED_TEXT))
    for text in texts:
        tombstones.lay(connection, memory_id, operation.id, text)
    return operation


def _own_texts(connection: apsw.Connection, memory_id: int) -> list[str]:
    """Every text the memory ever had, less those that another active memory says: the user keeps that one."""
    rows = connection.execute(
        "SELECT DISTINCT text FROM memory_version WHERE memory_id = ?1 AND status <> 'purged' AND NOT EXISTS ("
        " SELECT 1 FROM current_memory WHERE id <> ?1 AND status = 'active'"
        " AND current_memory.text = memory_version.text COLLATE NOCASE)",
        (memory_id,),
    )
    return [text for (text,) in rows]


def _wipe_replies(connection: apsw.Connection, memory_id: int, texts: list[str]) -> None:
    """Wipes raw replies that wrote of the memory: those of its own operations, and those that contain its text."""
    connection.execute(
        "UPDATE operation SET completion = ?1 WHERE completion IN"
        " (SELECT completion FROM operation WHERE completion IS NOT NULL AND (memory_id = ?2 AND action <> 'DELETE'"
        " OR id IN (SELECT settles FROM operation WHERE memory_id = ?2)))",
        (PURGED_TEXT, memory_id),
    )
    for text in texts:
        for column in ("completion", "reason"):
            connection.execute(
                f"UPDATE operation SET {column} = ?1 WHERE instr(lower({column}), lower(?2))", (PURGED_TEXT, text)
            )


def _wipe_text(connection: apsw.Connection, text: str) -> None:
    """Wipes `text` wherever it stands as a whole, also in rejected proposals and in other memories' pasts."""
    values = (PURGED_TEXT, text)
    connection.execute(
        "UPDATE operation SET status = 'rejected', reason = ?1 WHERE status = 'held' AND text = ?2 COLLATE NOCASE",
        values,
    )
    for column in ("text", "text_before"):
        connection.execute(f"UPDATE operation SET {column} = ?1 WHERE {column} = ?2 COLLATE NOCASE", values)
    connection.execute("UPDATE citation SET text = ?1 WHERE text = ?2 COLLATE NOCASE", values)
    connection.execute("UPDATE memory_version SET text = ?1, status = 'purged' WHERE text = ?2 COLLATE NOCASE", values)


def _strike_messages(connection: apsw.Connection, memory_id: int, texts: list[str]) -> None:
    """Strikes what was said of it out of the messages that it came from, out of replies that used it, and wherever its
    text stands word for word."""
    of_it: list[Any] = connection.execute(
        "SELECT source_message_id FROM operation WHERE memory_id = ?1 AND source_message_id IS NOT NULL"
        " UNION SELECT message_id FROM citation WHERE memory_id = ?1",
        (memory_id,),
    ).fetchall()
    for text in texts:
        of_it += connection.execute("SELECT id FROM message WHERE instr(lower(text), lower(?))", (text,)).fetchall()
    for message_id in sorted({message_id for (message_id,) in of_it}):
        conversations.strike(connection, message_id, texts)


def _wipe_memory(connection: apsw.Connection, memory_id: int) -> None:
    values = (PURGED_TEXT, memory_id)
    connection.execute("UPDATE memory_version SET text = ?1, status = 'purged' WHERE memory_id = ?2", values)
    connection.execute("UPDATE citation SET text = ?1 WHERE memory_id = ?2", values)
    for column in ("text", "text_before"):
        connection.execute(f"UPDATE operation SET {column} = ?1 WHERE memory_id = ?2 AND {column} IS NOT NULL", values)
