"""A terminal with a screen that is looked at: how long it takes from a key until something is to be seen.

Promises that a time is that at which the piece of output was read that made it true. Knows nothing of the program.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks.terminal import Terminal
from benchmarks.tui_screen import Screen

ROWS, COLUMNS = 40, 120
WAIT_SECONDS = 60.0
LOST_SECONDS = 10.0
"""After so long, something that is on no screen will not come."""
QUIET_SECONDS = 0.4
"""A screen on which nothing changed for so long is finished."""
_STEP_SECONDS = 0.05


class Window(Terminal):
    """Starts `command` with a screen of 40 lines and 120 columns."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.screen = Screen(ROWS, COLUMNS)
        self.at = 0.0
        """The second, from the beginning on, at which the last piece of output came."""
        self.changed_at = 0.0
        """The second at which the last piece came that changed anything on the screen."""
        self.written = 0
        """Bytes of output."""
        super().__init__(command, environment, rows=ROWS, columns=COLUMNS)

    @property
    def now(self) -> float:
        """The second, from the beginning on, that it is."""
        return time.perf_counter() - self.begin

    def take(self, at: float, data: bytes) -> None:
        before = self.screen.changes
        self.screen.feed(data)
        self.at = at
        self.written += len(data)
        if self.screen.changes != before:
            self.changed_at = at

    def resize(self, rows: int, columns: int) -> None:
        self.screen.resize(rows, columns)
        super().resize(rows, columns)

    def wait_until(self, seen: Callable[[Screen], bool], seconds: float) -> float | None:
        """The second at which `seen` became true; None if it is not after `seconds` more, or the program ended."""
        deadline = self.now + seconds
        while not seen(self.screen):
            left = deadline - self.now
            if left <= 0 or not (self.read(min(left, _STEP_SECONDS)) or not self.ended):
                return None
        return self.at

    def times_of(self, texts: Sequence[str], seconds: float) -> dict[str, float | None]:
        """For each of `texts` the second at which it was there; None if it is not after `seconds` more."""
        at: dict[str, float | None] = dict.fromkeys(texts)

        def all_seen(screen: Screen) -> bool:
            for text in texts:
                if at[text] is None and text in screen.text:
                    at[text] = self.at
            return None not in at.values()

        self.wait_until(all_seen, seconds)
        return at

    def look_on(self, seconds: float) -> None:
        """Takes what comes for so long."""
        deadline = self.now + seconds
        while (left := deadline - self.now) > 0:
            self.read(left)

    def settle(self, seconds: float, quiet: float = QUIET_SECONDS) -> float | None:
        """The second at which the screen changed last before it was quiet; None if it is not quiet within `seconds`."""
        deadline, since = self.now + seconds, self.now
        while (now := self.now) - max(since, self.changed_at) < quiet:
            if now > deadline:
                return None
            self.read(_STEP_SECONDS)
        return self.changed_at

    def click(self, y: int, x: int) -> None:
        """Presses and lets go the left button of the mouse on that cell."""
        self.send(f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m")
