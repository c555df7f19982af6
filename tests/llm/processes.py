"""Looking at processes from outside."""

from __future__ import annotations

import time

import psutil


def gone(pid: int, seconds: float = 30.0) -> bool:
    """Whether process `pid` ends; one that nobody has collected yet has ended too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False
