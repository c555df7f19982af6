"""Short names for what tests of the bank say often."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from assistant.memory.bank import MemoryBank
from assistant.memory.operations import Action, MemoryOperation

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
"""A moment with an offset that is not this machine's."""


def adding(text: str) -> MemoryOperation:
    return MemoryOperation(Action.ADD, None, text)


def updating(memory_id: int, text: str) -> MemoryOperation:
    return MemoryOperation(Action.UPDATE, memory_id, text)


def deleting(memory_id: int) -> MemoryOperation:
    return MemoryOperation(Action.DELETE, memory_id)


def texts(bank: MemoryBank) -> list[str]:
    return [memory.text for memory in bank.memories()]


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Runs a Python script in a process of its own, with pipes for its input and output."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
    )
