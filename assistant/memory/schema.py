"""The tables, and how a database of an earlier version gets them.

Promises that a database is brought up to date in one transaction, with a copy of the file made before, and that one
of a later version is left untouched. Migrations are only ever appended. Knows nothing of what the rows mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assistant import log
from assistant.errors import DatabaseDamaged, DatabaseTooNew
from assistant.memory.database import Database

APPLICATION_ID = 0x5245434F
"""Says in the file's header that it is ours: "RECO"."""

_FIRST = """
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL REFERENCES conversation,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    speaker TEXT,
    text TEXT NOT NULL,
    created_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('complete', 'partial', 'stopped')),
    external_id TEXT UNIQUE
) STRICT;
CREATE INDEX message_by_conversation ON message (conversation_id, id);

-- The journal. Rows are only appended; afterwards only `undone` changes, and a purge wipes texts.
CREATE TABLE operation (
    id INTEGER PRIMARY KEY,
    action TEXT NOT NULL CHECK (action IN ('ADD', 'UPDATE', 'DELETE', 'NOOP')),
    status TEXT NOT NULL CHECK (status IN ('applied', 'held', 'rejected')),
    memory_id INTEGER REFERENCES memory,
    version INTEGER,            -- the version of the memory that it made, if it made one
    text TEXT,
    text_before TEXT,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    source_message_id INTEGER REFERENCES message,
    completion TEXT,
    undone INTEGER NOT NULL DEFAULT 0,
    undoes INTEGER REFERENCES operation
) STRICT;
CREATE INDEX operation_by_source ON operation (source_message_id);
CREATE INDEX operation_by_memory ON operation (memory_id);

CREATE TABLE memory (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL    -- the current one
) STRICT;

-- Each change of a memory is a new row, so that every state stays reachable.
CREATE TABLE memory_version (
    memory_id INTEGER NOT NULL REFERENCES memory,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'retired', 'forgotten', 'purged')),
    observed_at TEXT NOT NULL,
    source_message_id INTEGER REFERENCES message,
    created_at TEXT NOT NULL,
    result_of INTEGER REFERENCES operation,   -- the operation whose result this state is; NULL before the ADD
    PRIMARY KEY (memory_id, version)
) STRICT;
CREATE INDEX memory_version_by_text ON memory_version (text COLLATE NOCASE);

CREATE VIEW current_memory AS
    SELECT memory.id, text, status, observed_at, source_message_id, memory.version, created_at, result_of
    FROM memory JOIN memory_version ON memory_id = memory.id AND memory_version.version = memory.version;

CREATE TABLE citation (
    message_id INTEGER NOT NULL REFERENCES message,
    rank INTEGER NOT NULL,
    memory_id INTEGER NOT NULL REFERENCES memory,
    text TEXT NOT NULL,
    PRIMARY KEY (message_id, rank)
) STRICT;

CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL UNIQUE REFERENCES message,
    state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'held')),
    attempts INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lease_until REAL,           -- seconds since 1970
    error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX job_to_do ON job (id) WHERE state IN ('pending', 'running');

-- What follows can be made anew from the tables above.
CREATE VIRTUAL TABLE memory_text USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE message_text USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2');
-- Without this FTS5 keeps the words of deleted rows until it happens to merge them away.
INSERT INTO memory_text (memory_text, rank) VALUES ('secure-delete', 1);
INSERT INTO message_text (message_text, rank) VALUES ('secure-delete', 1);

CREATE TABLE memory_vector (
    memory_id INTEGER PRIMARY KEY REFERENCES memory,
    embedder TEXT NOT NULL,
    vector BLOB NOT NULL        -- float32, little endian, length 1
) STRICT;
"""

_SETTLING = """
-- The held operation that this one carries out, or, as a NOOP, declines.
ALTER TABLE operation ADD COLUMN settles INTEGER REFERENCES operation;
CREATE INDEX operation_by_settled ON operation (settles) WHERE settles IS NOT NULL;
CREATE INDEX operation_not_applied ON operation (id) WHERE status <> 'applied';
"""

_TWO_TIMES_AND_TRACES = """
-- From when and until when what it says holds: a day, week, month or year in ISO 8601; NULL where nobody knows.
ALTER TABLE memory_version ADD COLUMN holds_from TEXT;
ALTER TABLE memory_version ADD COLUMN holds_until TEXT;
DROP VIEW current_memory;
CREATE VIEW current_memory AS
    SELECT memory.id, text, status, observed_at, source_message_id, memory.version, created_at, result_of,
        holds_from, holds_until
    FROM memory JOIN memory_version ON memory_id = memory.id AND memory_version.version = memory.version;
-- The model that proposed it, and the characters of the source message that it rests on.
ALTER TABLE operation ADD COLUMN model TEXT;
ALTER TABLE operation ADD COLUMN quote_begin INTEGER;
ALTER TABLE operation ADD COLUMN quote_end INTEGER;
CREATE INDEX operation_by_undone ON operation (undoes) WHERE undoes IS NOT NULL;

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO setting (name, value) VALUES ('key', randomblob(32));

-- What was forgotten, as traces that cannot be read back.
CREATE TABLE tombstone (
    id INTEGER PRIMARY KEY,
    memory_id INTEGER NOT NULL REFERENCES memory,
    operation_id INTEGER NOT NULL REFERENCES operation,
    digest BLOB NOT NULL,
    words INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    lifted_by INTEGER REFERENCES operation      -- by which the user said it again
) STRICT;
CREATE INDEX tombstone_by_digest ON tombstone (digest);
CREATE TABLE tombstone_word (
    trace INTEGER NOT NULL,
    tombstone_id INTEGER NOT NULL REFERENCES tombstone ON DELETE CASCADE,
    PRIMARY KEY (trace, tombstone_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_word_by_tombstone ON tombstone_word (tombstone_id);

-- What follows can be made anew: from the texts, and, vectors, by the embedder.
CREATE TABLE memory_meaning (
    memory_id INTEGER PRIMARY KEY REFERENCES memory,
    digest INTEGER NOT NULL
) STRICT;
CREATE INDEX memory_meaning_by_digest ON memory_meaning (digest);
CREATE TABLE embedder (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    has_left INTEGER NOT NULL DEFAULT 0     -- another has taken its place, and its vectors go
) STRICT;
CREATE UNIQUE INDEX embedder_by_name ON embedder (name) WHERE NOT has_left;
-- `bits` are the signs of the numbers, `vector` the numbers as int8, the largest of them 127.
-- The index holds the bits as well, so that all of them are read without the vectors between them.
DROP TABLE memory_vector;
CREATE TABLE memory_vector (
    item_id INTEGER NOT NULL REFERENCES memory,
    embedder_id INTEGER NOT NULL REFERENCES embedder,
    bits BLOB NOT NULL,
    vector BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX memory_vector_bits ON memory_vector (embedder_id, item_id, bits);
CREATE TABLE message_vector (
    item_id INTEGER NOT NULL REFERENCES message,
    embedder_id INTEGER NOT NULL REFERENCES embedder,
    bits BLOB NOT NULL,
    vector BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_vector_bits ON message_vector (embedder_id, item_id, bits);
CREATE TABLE to_embed (
    embedder_id INTEGER NOT NULL REFERENCES embedder,
    kind TEXT NOT NULL CHECK (kind IN ('memory', 'message')),
    item_id INTEGER NOT NULL,
    PRIMARY KEY (embedder_id, kind, item_id)
) STRICT, WITHOUT ROWID;
"""

_SEEN_FROM = """
-- The oldest message that the model still reads; NULL while it reads all of them.
ALTER TABLE conversation ADD COLUMN seen_from INTEGER REFERENCES message;
"""

_BRANCHES_AND_MARKS = """
-- The message that each one follows. Those that follow the same one are siblings: other wordings, or other replies.
ALTER TABLE message ADD COLUMN parent_id INTEGER REFERENCES message CHECK (parent_id < id);
UPDATE message SET parent_id = (SELECT max(before.id) FROM message AS before
    WHERE before.conversation_id = message.conversation_id AND before.id < message.id);
CREATE INDEX message_by_parent ON message (parent_id, conversation_id, role);
-- The last message of the branch that is shown; NULL while nothing was said.
ALTER TABLE conversation ADD COLUMN head_id INTEGER REFERENCES message;
UPDATE conversation SET head_id = (SELECT max(message.id) FROM message WHERE conversation_id = conversation.id);
CREATE INDEX conversation_by_head ON conversation (head_id);
-- Whether it came with the program, to be looked at and removed, and whether nothing may be learned from it.
ALTER TABLE conversation ADD COLUMN is_sample INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN excluded INTEGER NOT NULL DEFAULT 0;
-- What was typed and not sent; NULL is the conversation that has not begun.
CREATE TABLE draft (
    conversation_id INTEGER UNIQUE REFERENCES conversation,
    text TEXT NOT NULL
) STRICT;
-- Without these, all rows are looked through for each message that is removed.
CREATE INDEX conversation_by_seen_from ON conversation (seen_from) WHERE seen_from IS NOT NULL;
CREATE INDEX memory_version_by_source ON memory_version (source_message_id) WHERE source_message_id IS NOT NULL;
CREATE INDEX message_vector_by_item ON message_vector (item_id);

-- A pinned memory is always on offer and never changed unasked; one never to be used is never on offer.
ALTER TABLE memory ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE memory ADD COLUMN never_use INTEGER NOT NULL DEFAULT 0;
-- What the user said of memories, in the order it was said; `message_id` is the reply that used it.
CREATE TABLE feedback (
    id INTEGER PRIMARY KEY,
    memory_id INTEGER NOT NULL REFERENCES memory,
    message_id INTEGER REFERENCES message,
    operation_id INTEGER REFERENCES operation,
    kind TEXT NOT NULL
        CHECK (kind IN ('wrong', 'outdated', 'never use', 'use again', 'pinned', 'unpinned', 'edited', 'merged')),
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX feedback_by_memory ON feedback (memory_id);
CREATE INDEX feedback_by_message ON feedback (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX citation_by_memory ON citation (memory_id, message_id);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SETTLING, _TWO_TIMES_AND_TRACES, _SEEN_FROM, _BRANCHES_AND_MARKS)
"""The statement list that leads from each version to the next; the database's version is how many have run."""


def migrate(database: Database, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Brings the database up to date. Raises DatabaseTooNew, DatabaseDamaged or another StorageError."""
    version = _checked_version(database, len(migrations))
    database.prepare_to_write()
    if version == len(migrations):
        return
    with database.write() as connection:
        # Read again: another process may have migrated it since.
        version = connection.pragma("user_version")
        if 0 < version < len(migrations):
            before = database.another()  # SQLite copies nothing by a connection that is writing.
            try:
                before.copy_to(_copy_path(database.path, version))
            finally:
                before.close()
        for script in migrations[version:]:
            connection.execute(script)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", max(version, len(migrations)))
    log.event("the bank was brought up to date", before=version, now=len(migrations))


def earlier_copies(path: Path) -> list[Path]:
    """The copies that migrations have left beside the database at `path`."""
    return sorted(path.parent.glob(f"{path.name}.version-*"))


def _copy_path(path: Path, version: int) -> Path:
    return path.with_name(f"{path.name}.version-{version}")


def _checked_version(database: Database, latest: int) -> int:
    """The database's version, once it is known to be ours and not newer than `latest`."""
    with database.read() as connection:
        version = int(connection.pragma("user_version"))
        application = connection.pragma("application_id")
        is_empty = not connection.execute("SELECT count(*) FROM sqlite_schema").get
    if application != APPLICATION_ID and not is_empty:
        raise DatabaseDamaged(
            f"{database.path} is a database of another program.", "Move it away, or name another data folder."
        )
    if version > latest:
        raise DatabaseTooNew(
            f"{database.path} was written by a later version of Recollect "
            f"(its format is {version}, this version knows {latest}).",
            "Update Recollect; nothing was changed.",
        )
    return version
