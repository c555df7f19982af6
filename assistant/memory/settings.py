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


def set_mode(connection: apsw.Connection, mode: Mode) -> None:
    """Sets what becomes of what a model proposes from now on."""
    connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('mode', ?)", (mode,))
