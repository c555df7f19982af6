"""What the Settings mode knows: what is set, how the bank and its copies stand, and what a check has found.

Promises that nothing secret is among it: of a passphrase only whether there is one. Knows nothing of how it is shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assistant import log
from assistant.agents.generation import Agent
from assistant.findings import Finding
from assistant.paths import Paths
from assistant.settings import Fixed, Settings, file_of, fixed, load
from assistant.tui.modeling.shelf import ModelShelf

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank
    from assistant.memory.deciding import Mode

MOST = 200
"""Proposals that are counted."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the bank."""

    path: Path
    made_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What the files say. `logs` is the size of all logs; `models` what each agent uses, where that is known."""

    settings: Settings
    file: Path
    fixed: Mapping[str, Fixed]
    database: Path
    encrypted: bool
    backups: tuple[Backup, ...]
    log_file: Path
    logs: int
    models: Mapping[Agent, str]


@dataclass(frozen=True, slots=True)
class InBank:
    """What the bank says. `left_out` counts the conversations from which nothing is learned."""

    mode: Mode
    proposals: int
    left_out: int
    private_words: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What the last check has found, and when."""

    findings: Sequence[Finding]
    at: datetime


def on_disk(paths: Paths, shelf: ModelShelf | None, environ: Mapping[str, str] = os.environ) -> OnDisk:
    """Reads the files. It may take a moment, so call it in a thread."""
    from assistant.memory.encryption import is_encrypted

    stock = shelf.stock() if shelf is not None else None
    return OnDisk(
        settings=load(paths, environ),
        file=file_of(paths),
        fixed={each.name: each for each in fixed(paths, environ)},
        database=paths.database,
        encrypted=is_encrypted(paths.database),
        backups=_backups(paths.database),
        log_file=log.file_of(paths),
        logs=sum(file.stat().st_size for file in log_files(paths)),
        models={agent: model.name for model in stock.installed for agent in model.used_by} if stock else {},
    )


def in_bank(bank: MemoryBank) -> InBank:
    """Asks the bank. Raises StorageError."""
    return InBank(
        bank.mode,
        len(bank.proposals(MOST)),
        sum(conversation.excluded for conversation in bank.conversations()),
        len(bank.private_words()),
    )


def log_files(paths: Paths) -> list[Path]:
    """All logs, that of the program first."""
    first = log.file_of(paths)
    found = [path for path in paths.logs.glob("*") if path.is_file()]
    return sorted(found, key=lambda path: (path != first, path.name))


def _backups(database: Path) -> tuple[Backup, ...]:
    from assistant.memory import backups

    found = []
    for path in backups.all_of(database):
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # It was let go meanwhile.
            continue
        found.append(Backup(path, backups.made_at(path).astimezone(), size))
    return tuple(found)
