"""A program on a terminal of its own, and when it shows what.

Promises that whatever is echoed was echoed by the program: the terminal itself echoes nothing, and keeps what is typed
before anybody reads it. Knows nothing of the program.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

ROWS, COLUMNS = 30, 100
_END_SECONDS = 5.0


class Terminal:
    """Starts `command` and notes the second, from `begin` on, at which each piece of its output came."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, rows: int = ROWS, columns: int = COLUMNS
    ) -> None:
        self._master, terminal = pty.openpty()
        _be_silent(terminal)
        self._have(rows, columns)
        self.begin = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
        )
        os.close(terminal)
        self._pieces: list[tuple[float, bytes]] = []
        self._shown = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, keys: str) -> None:
        """Types `keys`."""
        os.write(self._master, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Has another size from now on, of which the program is told as a terminal tells it."""
        self._have(rows, columns)
        # The kernel tells only those whose controlling terminal it is, which takes more than to be started on it.
        self._process.send_signal(signal.SIGWINCH)

    def _have(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def ended(self) -> bool:
        """Whether the program did."""
        return self._process.poll() is not None

    def read(self, seconds: float) -> bool:
        """Waits for the next piece of output; False if none came in that time, or none will come any more."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        # The end of the last process on a terminal is an error on Linux.
        with suppress(OSError):
            if data := os.read(self._master, 1 << 16):
                self.take(time.perf_counter() - self.begin, data)
                return True
        return False

    def take(self, at: float, data: bytes) -> None:
        """Keeps a piece of output that came at the second `at`."""
        self._shown += data
        self._pieces.append((at, data))

    def wait_for(self, text: str, seconds: float) -> float | None:
        """The second at which all of `text` had been shown; None if it is not after `seconds` more."""
        deadline = time.perf_counter() + seconds
        while (at := self.shown_at(text)) is None:
            left = deadline - time.perf_counter()
            if left <= 0 or not (self.read(left) or not self.ended):
                return None
        return at

    def shown_at(self, text: str) -> float | None:
        """The second at which all of `text` had been shown, None if it has not."""
        found = self._shown.find(text.encode())
        if found < 0:
            return None
        end = found + len(text.encode())
        for at, data in self._pieces:
            end -= len(data)
            if end <= 0:
                return at
        raise AssertionError("what was shown came in pieces")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets the program end, which has to be told to before, and kills it if it does not."""
        deadline = time.perf_counter() + _END_SECONDS
        while self._process.poll() is None and time.perf_counter() < deadline:
            self.read(0.05)
        self._process.kill()
        self._process.wait()
        os.close(self._master)


def _be_silent(terminal: int) -> None:
    """Without the echo and the line editing of the kernel, which would pass for the program's."""
    settings = termios.tcgetattr(terminal)
    settings[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
