"""The errors a user may meet: what happened, what to do, and the exit code a script sees.

Knows nothing of how they are shown. Anything that is not a `RecollectError` is a bug and may end in a traceback.
"""

from __future__ import annotations

from typing import ClassVar


class RecollectError(Exception):
    """Something a user can be told: `message` says what happened and `hint` what to do, each as whole sentences."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(RecollectError):
    """What was asked for cannot be done as it stands."""

    exit_code = 2


class NotFoundError(RecollectError):
    """There is no memory, message, operation or conversation with that id."""

    exit_code = 3


class StorageError(RecollectError):
    """The database could not be read or written. What was acknowledged before is still there."""

    exit_code = 4


class DatabaseBusy(StorageError):
    """Another process held the database for longer than we wait."""


class DatabaseTooNew(StorageError):
    """The database was written by a later version, and reading it with this one could harm it."""


class DatabaseDamaged(StorageError):
    """The file is no database of ours, or it is damaged."""


class Locked(StorageError):
    """The database is encrypted, and the passphrase is missing or another one."""


class DiskFull(StorageError):
    """There is no room left to write."""


class NotWritable(StorageError):
    """The data folder or a file in it cannot be created or written."""


class EngineError(RecollectError):
    """The model could not be loaded or did not answer."""

    exit_code = 5


class ModelFileError(EngineError):
    """The model's file is missing, cut off or not the one expected."""


class EngineCrashed(EngineError):
    """The model's process ended while it was working. The next request starts a new one."""


class InterruptedByUser(RecollectError):
    """The user stopped it. What was saved until then stays saved."""

    exit_code = 130
