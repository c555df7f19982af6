"""What the Settings mode does with the user's data: writing it out and keeping copies.

Promises that the screen never waits, and that no file is overwritten.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import InputError, NotWritable
from assistant.tui.screens.asking import AskLine, Choose
from assistant.tui.screens.reading import Reading
from assistant.tui.widgets.models.text import size
from assistant.tui.widgets.settings.facts import Backup

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank
    from assistant.tui.screens.settings import SettingsScreen

_FORMS = (
    ("recollect", ".jsonl", "JSON lines: all of it, for another Recollect or for keeping"),
    ("markdown", ".md", "Markdown: what is known now, as a list to read and edit"),
)
_NO_RESTORE = "`recollect restore FILE`, while Recollect is closed, puts one in the place of the bank."


class DataActs:
    """Exporting and backing up, on one screen. They run as workers."""

    def __init__(self, screen: SettingsScreen) -> None:
        self._screen = screen
        self._backing_up = False

    async def export(self) -> None:
        """Writes everything into a file that the user names. Raises StorageError."""
        options = [(number, what) for number, (_, _, what) in enumerate(_FORMS)]
        chosen = await self._screen.ask(Choose("Export everything", "In which form?", options, several=False))
        if not chosen:
            return
        name, suffix, _ = _FORMS[chosen[0]]
        about = "Where to? A new file that you alone can read; it is not encrypted."
        given = str(Path.cwd() / f"recollect-{date.today()}{suffix}")
        bank = await self._screen.backstage.bank(lambda bank: bank)
        problem = ""
        while answer := await self._screen.ask(
            AskLine("Export everything", f"{about}{problem}", value=given, verb="writes")
        ):
            given, path = answer, path_of(answer)
            self._screen.rest(f"Writing {path}…")
            try:
                count = await self._screen.backstage.away(lambda path=path: _export(bank, path, name))  # type: ignore[misc]
            except (InputError, NotWritable) as error:
                problem = f"\n\n✗ {error}"
            else:
                self._screen.say(f"✓ {path} holds {count} lines.")
                return
            finally:
                self._screen.rest("")

    async def back_up(self) -> None:
        """Makes a backup. Raises StorageError."""
        if self._backing_up:
            return
        self._backing_up = True
        self._screen.rest("Backing up…")
        try:
            bank = await self._screen.backstage.bank(lambda bank: bank)
            made = await self._screen.backstage.away(bank.back_up)
        finally:
            self._backing_up = False
            self._screen.rest("")
        self._screen.say(f"✓ Backed up: {made}")
        self._screen.look_again()

    def show_backups(self, backups: tuple[Backup, ...]) -> None:
        """Shows all backups, the newest first. Raises InputError."""
        if not backups:
            raise InputError("There is no backup yet.", "b makes one.")
        lines = [f"{_time(each.made_at)}  {size(each.size):>9}  {each.path.name}" for each in backups]
        where = f"They are in {backups[0].path.parent}."
        self._screen.app.push_screen(Reading([("Backups", "\n".join([*lines, "", where, _NO_RESTORE]))]))


def path_of(given: str) -> Path:
    """The path that somebody wrote, quoted or not, as it is dropped into a terminal."""
    bare = given.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        bare = bare[1:-1]
    try:
        return Path(bare).expanduser().absolute()
    except RuntimeError:  # There is no such user.
        return Path(bare).absolute()


def _export(bank: MemoryBank, path: Path, form: str) -> int:
    from assistant.conversation.taking_along import Form, write

    return write(bank, path, Form(form))


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
