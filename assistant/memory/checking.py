"""Whether a bank is whole, and mending what can be made anew.

Promises that checking changes nothing, and that mending touches no text: only the indexes and the vectors, and which
message follows which, where that cannot be as it stands. A damaged file is never written to. Meant to run in a process
of its own: what is broken may crash SQLite.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from assistant.memory import branches, indexes, vectors
from assistant.memory.database import Database, problems


class Ailment(StrEnum):
    """What may be wrong."""

    FILE = "file"
    """SQLite cannot rely on the file. Only a backup helps."""
    TEXT_INDEX = "text index"
    VECTORS = "vectors"
    BRANCHES = "branches"
    """A message follows one of another conversation, or what is shown of one is not its own."""
    VERSIONS = "versions"
    """A memory has no current version. Only a backup helps."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, in plain words, and whether `mend` makes it right."""

    ailment: Ailment
    what: str
    mendable: bool


def check(database: Database) -> list[Finding]:
    """What is wrong with the bank. Raises StorageError if it cannot be read at all."""
    found = [Finding(Ailment.FILE, problem, False) for problem in problems(database.path, database.key)]
    if found:
        return found
    with database.read() as connection:
        orphaned = connection.execute(
            "SELECT count(*) FROM memory WHERE NOT EXISTS (SELECT 1 FROM memory_version"
            " WHERE memory_id = memory.id AND memory_version.version = memory.version)"
        ).get
        broken = vectors.broken(connection)
        astray = indexes.astray(connection)
        strangers = branches.strangers(connection)
    # FTS5 looks through its index by a statement that counts as writing, though it writes nothing.
    with database.write() as connection:
        astray = list(dict.fromkeys([*astray, *indexes.damaged(connection)]))
    if strangers:
        what = f"{strangers} messages or conversations lead into other conversations, or to nothing"
        found.append(Finding(Ailment.BRANCHES, what, True))
    if orphaned:
        found.append(Finding(Ailment.VERSIONS, f"{orphaned} memories have no current version", False))
    if broken:
        found.append(Finding(Ailment.VECTORS, f"{len(broken)} vectors are broken or missing", True))
    found += [Finding(Ailment.TEXT_INDEX, f"the index {table} does not agree with its texts", True) for table in astray]
    return found


def mend(database: Database) -> None:
    """Makes the indexes of words anew and drops broken vectors, which are made anew when the bank is next indexed.

    What followed a message of another conversation follows the one before it in its own.
    """
    with database.write() as connection:
        indexes.rebuild(connection)
        vectors.mend(connection)
        branches.mend(connection)
