"""What is set for one bank, in the bank: the key of its traces, and what becomes of proposals.

Runs inside its caller's transaction.
"""

from __future__ import annotations

import apsw

from assistant.memory.deciding import Mode


def key(connection: apsw.Connection) -> bytes:
    """The bank's own key, which is made with its tables and never leaves it."""
    value: bytes = connection.execute("SELECT value FROM setting WHERE name = 'key'").get
    return value


def text_index(connection: apsw.Connection) -> int:
    """The form of the text index, as `indexes` numbers them; 0 if it was never written down."""
    value = connection.execute("SELECT value FROM setting WHERE name = 'text_index'").get
    return int(value) if value is not None else 0


def set_text_index(connection: apsw.Connection, form: int) -> None:
    """Writes down in which form the text index is."""
    connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('text_index', ?)", (form,))


def mode(connection: apsw.Connection) -> Mode:
    """What becomes of what a model proposes; automatic unless it was set."""
    value = connection.execute("SELECT value FROM setting WHERE name = 'mode'").get
    return Mode(value) if value is not None else Mode.AUTOMATIC


def set_mode(connection: apsw.Connection, new: Mode) -> None:
    """Sets what becomes of what a model proposes from now on. What it was before it was switched off is kept."""
    before = mode(connection)
    if new is Mode.OFF and before is not Mode.OFF:
        connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('mode_before', ?)", (before,))
    connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('mode', ?)", (new,))


def mode_before(connection: apsw.Connection) -> Mode:
    """The mode that it was before it was last switched off."""
    value = connection.execute("SELECT value FROM setting WHERE name = 'mode_before'").get
    return Mode(value) if value is not None else Mode.AUTOMATIC


def next_id(connection: apsw.Connection, table: str) -> int:
    """The id of the next row of `table`, which is conversation or message: one that none ever had."""
    highest: int = connection.execute(
        f"SELECT max(coalesce((SELECT max(id) FROM {table}), 0),"
        " coalesce((SELECT value FROM setting WHERE name = ?), 0))",
        (f"last_{table}",),
    ).get
    return highest + 1


def keep_ids(connection: apsw.Connection) -> None:
    """Keeps which ids there were, before rows are removed: whoever still has one of theirs must not mean another."""
    for table in ("conversation", "message"):
        connection.execute(
            "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)",
            (f"last_{table}", next_id(connection, table) - 1),
        )


def has_copies_to_wipe(connection: apsw.Connection) -> bool:
    """Whether the log and the copies of the database may hold what was removed for good."""
    return bool(connection.execute("SELECT count(*) FROM setting WHERE name = 'copies_to_wipe'").get)


def set_copies_to_wipe(connection: apsw.Connection, are_there: bool) -> None:
    """Keeps whether they may, until they are wiped."""
    if are_there:
        connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('copies_to_wipe', 1)")
    else:
        connection.execute("DELETE FROM setting WHERE name = 'copies_to_wipe'")
