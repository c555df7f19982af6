"""A database that only its passphrase opens: how it is told, and how its key is made.

SQLite3 Multiple Ciphers encrypts the pages of the whole file and of its log (ChaCha20, each page with a Poly1305 tag).
Its key is scrypt's of the passphrase and of a salt, the first 16 bytes of the file: so every copy of the file can be
opened by the passphrase alone. Protects what lies on the disk, not a running process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from assistant.errors import Locked, StorageError

if TYPE_CHECKING:  # Whether there is a passphrase to ask for must be known before SQLite is loaded.
    import apsw

_PLAIN = b"SQLite format 3\0"
_FRACTIONS = b"\x40\x20\x20"
"""Bytes 21 to 23 are these in every database, and are left as they are when it is encrypted."""
_CIPHER = "chacha20"
_SALT_BYTES = 16
_KEY_BYTES = 32
_COST = {"n": 2**16, "r": 8, "p": 1}
"""64 MiB and a quarter of a second for each guess (RFC 7914)."""


@dataclass(frozen=True, slots=True)
class Key:
    """The key of one database, and the salt it was made with."""

    key: bytes = field(repr=False)
    salt: bytes

    @classmethod
    def new(cls, passphrase: str) -> Key:
        """A key for a file that is yet to be encrypted."""
        return cls._made(passphrase, os.urandom(_SALT_BYTES))

    @classmethod
    def of(cls, path: Path, passphrase: str) -> Key:
        """The key of the encrypted file at `path`."""
        with path.open("rb") as file:
            return cls._made(passphrase, file.read(_SALT_BYTES))

    @classmethod
    def checked(cls, path: Path, passphrase: str) -> Key:
        """As `of`, once it is known to be the right one. Raises Locked."""
        import apsw

        key = cls.of(path, passphrase)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            unlock(connection, key, path)
        finally:
            connection.close()
        return key

    @classmethod
    def _made(cls, passphrase: str, salt: bytes) -> Key:
        import hashlib  # Late: OpenSSL takes its time, and most banks are plain.

        key = hashlib.scrypt(passphrase.encode(), salt=salt, dklen=_KEY_BYTES, maxmem=2**27, **_COST)
        return cls(key, salt)

    def __str__(self) -> str:
        """As SQLite3 Multiple Ciphers takes it. A string of another length would be taken for a passphrase."""
        return f"raw:{(self.key + self.salt).hex()}"


def is_encrypted(path: Path) -> bool:
    """Whether there is an encrypted database at `path`; whether it is whole, only its key can tell."""
    try:
        with path.open("rb") as file:
            head = file.read(_SALT_BYTES + 8)
    except OSError:  # There is none yet, or opening it will say what is wrong.
        return False
    return not head.startswith(_PLAIN) and head.endswith(_FRACTIONS) and len(head) == _SALT_BYTES + 8


def unlock(connection: apsw.Connection, key: Key, path: Path) -> None:
    """Lets an opened connection read the encrypted file at `path`, before it does anything else. Raises Locked."""
    import apsw

    ensure_available()
    connection.pragma("cipher", _CIPHER)
    connection.pragma("key", str(key))
    try:
        connection.pragma("user_version")
    except apsw.NotADBError as error:
        raise wrong_passphrase(path) from error


def ensure_available() -> None:
    """Raises StorageError if SQLite would silently write a plain file, as it does without ciphers."""
    import apsw

    if getattr(apsw, "mc_version", None) is None:
        raise StorageError(
            "The SQLite that is installed cannot encrypt.", "pip install --force-reinstall apsw-sqlite3mc"
        )


def locked(path: Path) -> Locked:
    """Says that a passphrase is needed."""
    return Locked(
        f"{path} is encrypted.", "Give its passphrase in a terminal, or in the environment as RECOLLECT_PASSPHRASE."
    )


def wrong_passphrase(path: Path) -> Locked:
    """Says that the passphrase opens nothing; with the right one, the file is damaged."""
    return Locked(
        f"This passphrase does not open {path}.", "Try again. If it is the right one, put a backup in the file's place."
    )


def address(path: Path, key: Key | None) -> str:
    """The file at `path` under `key`, or as a plain one, as SQLite takes it for what it is to write."""
    return f"file:{quote(str(path))}?cipher={_CIPHER}&key={key or ''}"
