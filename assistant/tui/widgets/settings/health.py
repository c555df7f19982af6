"""What the Settings mode does for the health of it all: checking, mending, and showing what was logged.

Promises that the screen never waits, and that nothing is changed by looking.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import InputError
from assistant.findings import Finding
from assistant.memory import times
from assistant.tui.screens.asking import Confirm
from assistant.tui.screens.reading import Page, Reading
from assistant.tui.widgets.settings.facts import Checked, log_files

if TYPE_CHECKING:
    from assistant.tui.screens.settings import SettingsScreen

Examine = Callable[[bool], list[Finding]]
"""Checks everything, and mends the bank first if it gets True. It may take seconds."""
TAIL_BYTES = 64 * 1024
_MENDING = (
    "The indexes of words are made anew from the texts, and broken vectors are dropped, to be made again when there is"
    " time. No text is touched."
)


class HealthActs:
    """Checking and mending, on one screen. They run as workers."""

    def __init__(self, screen: SettingsScreen) -> None:
        self._screen = screen
        self.checked: Checked | None = None
        self.at_work = ""

    async def check(self, *, mend: bool = False) -> None:
        """Checks everything. Raises InputError, StorageError."""
        examine = self._screen.recollect.examine
        if examine is None:
            raise InputError("There is nothing here that checks.", "`recollect doctor` does.")
        if self.at_work:
            self._screen.say("It is being checked already.")
            return
        self.at_work = "mending…" if mend else "checking…"
        self._screen.show()
        try:
            findings = await self._screen.backstage.away(lambda: examine(mend))
            self.checked = Checked(tuple(findings), times.now())
        finally:
            self.at_work = ""
            self._screen.show()
        self._screen.call_after_refresh(self._screen.settings_list.show_from, "check")
        row = self._screen.row("check")
        self._screen.say(f"{row.mark} Checked: {row.value}" if row is not None else "Checked.")

    async def mend(self) -> None:
        """Makes anew what can be made anew, if the user wants it."""
        if await self._screen.ask(Confirm("Make the indexes anew?", _MENDING, "Make anew")):
            await self.check(mend=True)
            self._screen.backstage.model.index()

    async def show_log(self) -> None:
        """Shows how the logs end. Raises InputError."""
        paths = self._screen.backstage.paths
        pages = await self._screen.backstage.away(lambda: [_page(file) for file in log_files(paths)])
        if not pages:
            raise InputError("Nothing has been logged yet.", f"It will be in {paths.logs}.")
        self._screen.app.push_screen(Reading(pages, at_end=True))


def _page(file: Path) -> Page:
    try:
        with file.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(0, end - TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
    except OSError as error:
        return str(file), f"It cannot be read ({error.strerror})."
    if end > TAIL_BYTES:  # The first line is likely to be cut off.
        text = text.partition("\n")[2]
    return str(file), text.strip() or "It says nothing."
