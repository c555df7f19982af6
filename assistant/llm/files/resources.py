"""What this machine has left: memory and disk.

Promises numbers of bytes, or None where the system does not tell. Knows nothing of what they are needed for.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")


def available_memory(meminfo: Path = _MEMINFO) -> int | None:
    """Bytes that a new process could take without swapping (Linux), else all the memory that is built in."""
    try:
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return max(0, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) or None
    except (AttributeError, OSError, ValueError):
        return None


def free_disk(folder: Path) -> int | None:
    """Bytes that can be written to `folder`, or to the nearest folder above it while it is not made yet."""
    place = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None
