"""The queue of messages that the Memory Manager has yet to read.

Promises that each message is read in the order written, by one process at a time, that what a dead process was reading
is read again, and that a message that fails three times is held for review instead of dropped. Runs inside its caller's
transaction. Knows nothing of the manager.
"""

from __future__ import annotations

import os
import secrets
import time
from typing import Any

import apsw

from assistant.memory import journal, settings
from assistant.memory.deciding import Mode
from assistant.memory.journal import Entry, Origin
from assistant.memory.operations import Action, OperationStatus
from assistant.memory.records import Job

MAX_ATTEMPTS = 3
LEASE = 600.0
"""Seconds after which a job is taken from its owner even if that process is alive: it may hang, or be another one
under the same number. A slow machine needs well under a minute for a job."""


def new_owner() -> str:
    """A name for whoever takes jobs, which says which process it lives in."""
    return f"{os.getpid()}:{secrets.token_hex(8)}"


def add(connection: apsw.Connection, message_id: int) -> None:
    """Queues a message, unless remembering is paused, or nothing may be learned from its conversation: then it is never
    read."""
    if (
        settings.mode(connection) is Mode.OFF
        or connection.execute(
            "SELECT excluded FROM conversation WHERE id = (SELECT conversation_id FROM message WHERE id = ?)",
            (message_id,),
        ).get
    ):
        return
    connection.execute("INSERT INTO job (message_id, state) VALUES (?, 'pending')", (message_id,))


def take(connection: apsw.Connection, owner: str) -> Job | None:
    """The oldest job that waits, now `owner`'s; None if none waits, while another job is being done, or in a pause.

    One at a time, because what a message changes depends on what the one before it has changed.
    """
    _take_back_from_the_dead(connection)
    if settings.mode(connection) is Mode.OFF:
        return None
    if connection.execute("SELECT 1 FROM job WHERE state = 'running'").fetchall():
        return None
    row = connection.execute(
        "UPDATE job SET state = 'running', attempts = attempts + 1, owner = ?, lease_until = ?"
        " WHERE id = (SELECT min(id) FROM job WHERE state = 'pending') RETURNING id, message_id, attempts",
        (owner, time.time() + LEASE),
    ).fetchone()
    return Job(*row) if row is not None else None


def finish(connection: apsw.Connection, job_id: int, owner: str) -> bool:
    """Marks the job as done. False if it is no longer `owner`'s: then another has done it, or will."""
    connection.execute(
        "UPDATE job SET state = 'done', owner = NULL, error = '' WHERE id = ? AND owner = ?", (job_id, owner)
    )
    return connection.changes() == 1


def fail(connection: apsw.Connection, job_id: int, owner: str, error: str) -> None:
    """Puts the job back, or holds it for review after the last attempt."""
    row = connection.execute("SELECT attempts FROM job WHERE id = ? AND owner = ?", (job_id, owner)).fetchone()
    if row is not None:
        _put_back(connection, job_id, row[0], error)


def release(connection: apsw.Connection, job_id: int, owner: str) -> None:
    """Puts the job back as if it had not been tried."""
    connection.execute(
        "UPDATE job SET state = 'pending', attempts = attempts - 1, owner = NULL WHERE id = ? AND owner = ?",
        (job_id, owner),
    )


def release_all(connection: apsw.Connection, owner: str) -> None:
    """Puts back whatever `owner` has."""
    connection.execute(
        "UPDATE job SET state = 'pending', attempts = attempts - 1, owner = NULL WHERE owner = ?", (owner,)
    )


def count(connection: apsw.Connection) -> int:
    """How many jobs are not done: those that wait, and the one being done."""
    return int(connection.execute("SELECT count(*) FROM job WHERE state IN ('pending', 'running')").get)


def drop(connection: apsw.Connection, message_id: int) -> None:
    """Takes a message out of the queue that has not been read to the end. Whoever is reading it has read in vain."""
    connection.execute("DELETE FROM job WHERE message_id = ? AND state IN ('pending', 'running')", (message_id,))


def drop_all(connection: apsw.Connection, conversation_id: int) -> None:
    """Takes all messages of a conversation out of the queue."""
    connection.execute(
        "DELETE FROM job WHERE state IN ('pending', 'running')"
        " AND message_id IN (SELECT id FROM message WHERE conversation_id = ?)",
        (conversation_id,),
    )


def waits(connection: apsw.Connection, message_id: int) -> bool:
    """Whether the message is still to be read, or is being read."""
    return bool(
        connection.execute(
            "SELECT count(*) FROM job WHERE message_id = ? AND state IN ('pending', 'running')", (message_id,)
        ).get
    )


def _take_back_from_the_dead(connection: apsw.Connection) -> None:
    rows: list[Any] = connection.execute(
        "SELECT id, attempts, owner, lease_until FROM job WHERE state = 'running'"
    ).fetchall()
    for job_id, attempts, owner, lease_until in rows:
        # One that has far more time left than is ever given was given it by another clock.
        if not 0 <= lease_until - time.time() <= 2 * LEASE or not _is_alive(owner):
            _put_back(connection, job_id, attempts, "the process ended while the message was being read")


def _put_back(connection: apsw.Connection, job_id: int, attempts: int, error: str) -> None:
    state = "pending" if attempts < MAX_ATTEMPTS else "held"
    connection.execute("UPDATE job SET state = ?, owner = NULL, error = ? WHERE id = ?", (state, error, job_id))
    if state == "held":
        message_id = connection.execute("SELECT message_id FROM job WHERE id = ?", (job_id,)).get
        reason = f"the message could not be read in {attempts} attempts: {error}"
        origin = Origin("manager", message_id)
        journal.write(connection, Entry(Action.NOOP, origin, OperationStatus.HELD, reason=reason))


def _is_alive(owner: str) -> bool:
    try:
        os.kill(int(owner.partition(":")[0]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def again(connection: apsw.Connection, message_id: int) -> None:
    """Queues a message to be read once more, as if it had not been; one that waits or is being read stays as it is."""
    connection.execute(
        "INSERT INTO job (message_id, state) VALUES (?, 'pending') ON CONFLICT (message_id) DO UPDATE"
        " SET state = 'pending', attempts = 0, owner = NULL, error = '' WHERE state IN ('done', 'held')",
        (message_id,),
    )
