"""Whether a process that was started once is still the one at work, also after this one was started anew.

Promises that a number that the system has given to another process, or to one after a restart, is not taken for the
first. Knows nothing of what the process does.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def mark_of(pid: int) -> str | None:
    """What tells this process from every other of that number, ever; None if none runs under it."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        # The name in brackets may hold anything, brackets too.
        state, *fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
        return None if state in "ZX" else f"{boot()} {fields[18]}"
    except (OSError, IndexError, ValueError):
        return None if _BOOT.exists() else _mark_by_ps(pid)


def boot() -> str:
    """What tells this start of the machine from others; "" where the system does not say."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""


def _mark_by_ps(pid: int) -> str | None:
    asked = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    state, _, started = told.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def is_running(pid: int | None, mark: str | None) -> bool:
    """Whether the process with that number and that mark is at work."""
    return pid is not None and mark is not None and mark_of(pid) == mark


def signal_group(pid: int, number: signal.Signals) -> None:
    """Sends a signal to the process and all that it has started; to one that has just ended it does nothing."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return
