"""The real app on a real terminal: types keys, and waits for what the screen says."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Self

import psutil

PATIENCE_SECONDS = 60.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?<>=]*[A-Za-z]|\x1b[^\[]")


class PtyApp:
    """A program on a pseudo-terminal of 24 lines and 80 columns, killed at the end if it still runs."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._popen = subprocess.Popen(
            list(command), env=dict(environment), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.process = psutil.Process(self._popen.pid)
        self._shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    @property
    def shown(self) -> str:
        """All that was ever drawn, in its order, without colours and places."""
        return _ESCAPES.sub("", self._shown.decode("utf-8", "replace"))

    def wait_for(self, text: str) -> None:
        """Waits until `text` was drawn in one piece."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while text not in self.shown:
            assert time.monotonic() < give_up, f"{text!r} did not appear in: {self.shown[-3000:]}"
            assert self._popen.poll() is None, f"it ended: {self.shown[-3000:]}"
            time.sleep(0.02)

    def _read(self) -> None:
        try:
            while data := os.read(self._ours, 65536):
                self._shown += data
        except OSError:
            pass  # The other end is closed.

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        # Before the terminal is closed: the next one may get its number, and then the reader its output.
        self._reader.join(10)
        os.close(self._ours)
