"""What every mode but the chat has around it: the modes above, one line to say things, and the keys below.

Knows nothing of what a mode shows. A mode is composed by `compose_body` and brought up to date by `arrive`, each time
one comes to it and whenever memory changes while it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult, SystemCommand
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import Worker

from assistant.errors import RecollectError
from assistant.tui.backstage import Backstage
from assistant.tui.modes import Mode
from assistant.tui.shown import content
from assistant.tui.widgets.key_line import KeyLine
from assistant.tui.widgets.mode_tabs import ModeTabs

if TYPE_CHECKING:
    from assistant.tui.app import RecollectApp

SAY_SECONDS = 6.0


class SaidLine(Static):
    """One line that says what was just done, for a few seconds; else what `rest` says."""

    DEFAULT_CSS = """
    SaidLine { height: 1; padding: 0 2; color: $foreground 80%; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._rest = ""
        self._timer: Timer | None = None

    def rest(self, text: str) -> None:
        """What stands here while nothing else is said."""
        self._rest = text
        if self._timer is None:
            self.update(content(text))

    def say(self, text: str) -> None:
        """Says `text` for a few seconds."""
        if self._timer is not None:
            self._timer.stop()
        if self.is_attached:
            self._timer = self.set_timer(SAY_SECONDS, self._end)
            self.update(content(text))

    def _end(self) -> None:
        self._timer = None
        self.update(content(self._rest))


class ModeScreen(Screen[None]):
    """One mode. Subclasses set `MODE` and say what is between the lines."""

    MODE: ClassVar[Mode]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__()
        self.backstage = backstage
        # Held on to, as a worker may end when the app has taken the widgets away.
        self._said = SaidLine()

    @property
    def recollect(self) -> RecollectApp:
        """The app."""
        return cast("RecollectApp", self.app)

    def compose(self) -> ComposeResult:
        yield ModeTabs(self.MODE)
        yield from self.compose_body()
        yield self._said
        yield KeyLine()

    def compose_body(self) -> ComposeResult:
        """What the mode shows."""
        raise NotImplementedError

    def commands(self) -> Iterable[SystemCommand]:
        """What the palette offers here."""
        return ()

    async def arrive(self) -> None:
        """Reads anew what is shown; it may raise RecollectError. It runs as a worker, of which the last one counts."""

    def on_mount(self) -> None:
        self.recollect.memory_changed.subscribe(self, lambda _: self.look_again())

    def on_screen_resume(self) -> None:
        self.look_again()

    def look_again(self) -> None:
        """Has `arrive` run, if somebody looks."""
        if self.is_current:
            _: Worker[None] = self.run_worker(self._arrive, group="arrive", exclusive=True)

    async def _arrive(self) -> None:
        try:
            await self.arrive()
        except RecollectError as error:
            self.report(error)

    def say(self, text: str) -> None:
        """Says in one line what was done."""
        self._said.say(text)

    def rest(self, text: str) -> None:
        """What the line says while nothing was just done."""
        self._said.rest(text)

    def report(self, error: RecollectError) -> None:
        """Says what went wrong; it is kept where all errors can be looked up."""
        self.recollect.report(error)
