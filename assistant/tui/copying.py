"""Putting text where it can be pasted from: the system's clipboard, else the terminal's, else a file.

Promises to say which, because a terminal never says whether it took something. Knows nothing of screens.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

_PROGRAMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)
"""What puts standard input on a Linux clipboard, and the variable without which it cannot."""
_WITHOUT_OSC_52 = frozenset({"linux", "dumb", "vt100", "vt220"})
"""Terminals that are known to have no clipboard."""
OSC_52_AT_MOST = 74_994
"""Bytes that terminals take by OSC 52: xterm's limit of 100,000 base64 characters, less what stands around them."""
SECONDS = 2.0


def copy(text: str, to_terminal: Callable[[str], object], file: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Copies `text` and says where it went, as "to the clipboard". May take `SECONDS`.

    `to_terminal` is given the text if the terminal may have a clipboard; `file` is written if nothing else is left.
    """
    program = _native(environ)
    if program is not None and _run(program, text):
        return "to the clipboard"
    if environ.get("TERM", "") not in _WITHOUT_OSC_52 and len(text.encode()) <= OSC_52_AT_MOST:
        to_terminal(text)
        return "to the terminal's clipboard, if it lets programs use it (OSC 52)"
    file.touch(mode=0o600)
    file.write_text(text, "utf-8")
    return f"into {file}"


def _native(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    if "SSH_CONNECTION" in environ:  # The clipboard of the machine one sits at is the terminal's.
        return None
    if sys.platform == "darwin":
        return ("pbcopy",)
    if sys.platform == "win32":
        return ("clip",)
    for variable, (name, *arguments) in _PROGRAMS:
        if environ.get(variable) and (program := shutil.which(name, path=environ.get("PATH"))):
            return (program, *arguments)
    return None


def _run(program: tuple[str, ...], text: str) -> bool:
    """Whether `program` took the text. It may stay behind to serve it, so its output is not waited for."""
    try:
        process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        process.communicate(text.encode(), timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return process.returncode == 0
