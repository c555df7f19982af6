"""What a check of the whole installation has found: good, worth a look, or wrong, and what to do.

Knows nothing of how anything is checked or shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How something stands. A warning keeps nothing from working; a problem does."""

    GOOD = "good"
    WARNING = "warning"
    PROBLEM = "problem"


class Part(StrEnum):
    """What is looked at, in the order in which it is told."""

    FOLDER = "data folder"
    SETTINGS = "settings"
    BANK = "bank"
    BACKUPS = "backups"
    MODELS = "models"
    EMBEDDER = "search by meaning"
    LOGS = "logs"
    TERMINAL = "terminal"
    VERSIONS = "versions"


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part stands, in a sentence, and what to do about it, if anything.

    `ailment` is what ails the bank, in a word; `mendable` says that making its indexes anew helps.
    """

    name: Part
    status: Status
    message: str
    hint: str = ""
    ailment: str = ""
    mendable: bool = False
