"""Everything that can be set in one list, what can be done with the user's data, and how healthy it all is.

Promises that a change is written down before it is shown, that it is said when it takes effect, and that nothing slow
keeps the screen waiting. Knows nothing of how files are written or checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.timer import Timer

from assistant import settings
from assistant.errors import InputError, RecollectError
from assistant.memory import times
from assistant.memory.deciding import Mode as BankMode
from assistant.settings import Setting
from assistant.tui.backstage import Backstage
from assistant.tui.modes import Mode
from assistant.tui.screens.asking import AskLine
from assistant.tui.screens.mode import ModeScreen, SaidLine
from assistant.tui.widgets.settings import rows
from assistant.tui.widgets.settings.data import DataActs
from assistant.tui.widgets.settings.facts import InBank, OnDisk, in_bank, on_disk
from assistant.tui.widgets.settings.health import HealthActs
from assistant.tui.widgets.settings.importing import ImportActs
from assistant.tui.widgets.settings.list import SettingsList
from assistant.tui.widgets.settings.panel import SettingsPanel
from assistant.tui.widgets.settings.rows import Does, Row, Working

Answer = TypeVar("Answer")

FRAME_SECONDS = 0.2
"""How often it is drawn how far an import is."""
_PLACES = {"inbox": Mode.MEMORY, "learning": Mode.TRAINING, "model": Mode.MODELS}


class SettingsScreen(ModeScreen):
    """The list, and what there is to know of the row at hand."""

    MODE = Mode.SETTINGS
    CSS_PATH = "settings.tcss"
    AUTO_FOCUS = "SettingsList"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as the base class has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d,backspace", "reset", "Default"),
        Binding("h", "do('check')", "Check"),
        Binding("m", "do('mend')", "Mend", show=False),
        Binding("l", "do('log_file')", "Log", show=False),
        Binding("i", "do('import')", "Import"),
        Binding("e", "do('export')", "Export"),
        Binding("b", "do('backup')", "Backup"),
        Binding("escape", "stop", "Stop"),
    ]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage)
        self._disk: OnDisk | None = None
        self._in_bank: InBank | None = None
        self._health = HealthActs(self)
        self._data = DataActs(self)
        self._import = ImportActs(self)
        self._changing = asyncio.Lock()
        self._frames: Timer

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="halves"):
            yield SettingsList()
            yield SettingsPanel()

    def on_mount(self) -> None:
        self._frames = self.set_interval(FRAME_SECONDS, self._draw_frame, pause=True)

    def on_unmount(self) -> None:
        self._import.stop()

    async def arrive(self) -> None:
        """Looks anew: first at the files, then at the bank, which may still be opening or be out of order."""
        paths, shelf = self.backstage.paths, self.backstage.shelf
        self._disk = await self.backstage.away(lambda: on_disk(paths, shelf))
        self.show()
        try:
            self._in_bank = await self.backstage.bank(in_bank)
        except RecollectError:
            self._in_bank = None
            raise
        finally:
            self.show()

    def show(self) -> None:
        """Shows what is known, without looking anew."""
        if self._disk is None or not self.query(SettingsList):  # What was at work may end after the screen.
            return
        working = Working(self._health.at_work, self._import.at_work)
        now = times.now()
        if not working.bringing_in:
            self.rest("")
        self.settings_list.show(rows.sections(self._disk, self._in_bank, self._health.checked, working, now))

    @property
    def settings_list(self) -> SettingsList:
        return self.query_one(SettingsList)

    def row(self, key: str) -> Row | None:
        """The row of that key, as it is shown."""
        return self.settings_list.row_of(key)

    async def ask(self, question: Screen[Answer]) -> Answer | None:
        """What is answered; None if it is not."""
        return await self.app.push_screen_wait(question)

    def say(self, text: str) -> None:
        """Says what was done, here or wherever one is by now."""
        if self.is_current and self.query(SaidLine):
            super().say(text)
        else:
            self.app.notify(text, markup=False)

    def rest(self, text: str) -> None:
        odd = self._disk is not None and self._disk.settings.problems
        if self.query(SaidLine):
            super().rest(text or ("! Something that was set is not used: see Settings file, below." if odd else ""))

    def commands(self) -> Iterable[SystemCommand]:
        """What the palette offers of this mode."""
        for key, title, about in (
            ("check", "Check everything", "Whether all is there and whole"),
            ("mend", "Make indexes anew", "From the texts, which stay as they are"),
            ("log_file", "Show the log", "How it ends"),
            ("import", "Import a file", "From ChatGPT or Claude, a text, a list"),
            ("export", "Export everything", "Into a new file"),
            ("backup", "Back up now", "A checked copy of the bank"),
            ("backups", "Show the backups", "All that there are"),
        ):
            yield SystemCommand(title, about, lambda key=key: self.action_do(key))

    # The row at hand

    @on(SettingsList.PointedAt)
    def _show_panel(self) -> None:
        self.refresh_bindings()
        self.query_one(SettingsPanel).show(self.settings_list.row)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers only the keys that mean something now."""
        if action == "stop":
            return bool(self._import.at_work)
        if action == "reset" and self.is_mounted:
            row = self.settings_list.row
            return row is not None and row.resets
        return True

    @on(SettingsList.Chosen)
    def _choose(self, event: SettingsList.Chosen) -> None:
        row = self.settings_list.row
        if row is None or (event.step and row.does is not Does.CHANGE):
            return
        if row.does is Does.NOTHING:
            setting = _setting(row.key)
            self.say(f"{row.label}: {rows.fixed_by_environment(setting)}" if setting is not None else row.about)
        elif row.does is Does.CHANGE:
            self._begin(self._change(row.key, event.step))
        elif row.key == "import" and self._import.at_work:
            self.action_stop()
        else:
            self.action_do(row.key)

    def action_do(self, key: str) -> None:
        """Does what stands in the row of that key."""
        self.settings_list.point_at(key)
        match key:
            case "check":
                self._begin(self._health.check())
            case "mend":
                self._begin(self._health.mend())
            case "log_file":
                self._begin(self._health.show_log())
            case "import":
                self._begin(self._import.bring_in())
            case "export":
                self._begin(self._data.export())
            case "backup":
                self._begin(self._data.back_up())
            case "backups":
                self._begin(self._show_backups())
            case _:
                self._begin(self._go(key))

    def action_stop(self) -> None:
        if self._import.at_work:
            self._import.stop()
            self._draw_frame()

    def action_reset(self) -> None:
        row = self.settings_list.row
        if row is not None and row.resets:
            self._begin(self._reset(row.key))

    def _begin(self, act: Coroutine[Any, Any, None]) -> None:
        """Has `act` run beside the screen; what goes wrong is told."""

        async def told() -> None:
            try:
                await act
            except RecollectError as error:
                self.report(error)

        self.run_worker(told(), group="acts")

    # Changing

    async def _change(self, key: str, step: int) -> None:
        if key == "mode":
            await self._change_mode(step or 1)
            return
        setting = settings.named(key)
        if setting.choices:
            async with self._changing:  # Who presses twice wants the one after the next.
                current = setting.shown(self.recollect.settings.value(key))
                choices = setting.choices
                await self._set(setting, choices[(choices.index(current) + (step or 1)) % len(choices)])
        elif not step:
            await self._ask_for(setting)

    async def _ask_for(self, setting: Setting) -> None:
        """A small line, again and again until what is written can be used."""
        told, problem = f"{rows.label_of(setting)}: {setting.allowed}. Usually {setting.shown(setting.default)}.", ""
        given = setting.shown(self.recollect.settings.value(setting.name))
        while answer := await self.ask(AskLine(rows.label_of(setting), f"{told}{problem}", value=given)):
            given = answer
            try:
                await self._set(setting, given)
            except InputError as error:
                problem = f"\n\n✗ {error.message}"
            else:
                return

    async def _set(self, setting: Setting, text: str) -> None:
        paths = self.backstage.paths
        found = await self.backstage.away(lambda: settings.change(paths, setting.name, text))
        await self._took(setting, found)

    async def _reset(self, key: str) -> None:
        if key == "mode":
            await self._set_mode(BankMode.AUTOMATIC)
            return
        setting, paths = settings.named(key), self.backstage.paths
        async with self._changing:
            await self._took(setting, await self.backstage.away(lambda: settings.reset(paths, key)))

    async def _took(self, setting: Setting, found: settings.Settings) -> None:
        self.recollect.take_settings(found)
        if setting.name == "backups_kept":
            await self.backstage.bank(lambda bank: setattr(bank, "backups_kept", found.backups_kept))
        self.say(f"✓ {rows.label_of(setting)}: {setting.shown(found.value(setting.name))}.")
        await self.arrive()

    async def _change_mode(self, step: int) -> None:
        async with self._changing:
            modes = list(BankMode)
            before = await self.backstage.bank(lambda bank: bank.mode)
            await self._set_mode(modes[(modes.index(before) + step) % len(modes)])

    async def _set_mode(self, mode: BankMode) -> None:
        def set_mode(bank: Any) -> InBank:
            bank.mode = mode
            self.backstage.at_hand.post_standing()  # The chat says whether there is a pause.
            return in_bank(bank)

        self._in_bank = await self.backstage.bank(set_mode)
        self.say(f"✓ What is proposed: {rows.MODES[mode]}.")
        self.show()

    # Going elsewhere, and what else there is to see

    async def _go(self, key: str) -> None:
        mode = _PLACES[key.partition(":")[0]]
        await self.app.switch_mode(mode.name)
        if key == "inbox":
            from assistant.tui.screens.memory import MemoryScreen
            from assistant.tui.widgets.memory.places import Place

            screen = self.app.screen
            if isinstance(screen, MemoryScreen):
                await screen.action_part(Place.INBOX)

    async def _show_backups(self) -> None:
        self._data.show_backups(self._disk.backups if self._disk is not None else ())

    # How far things are

    def draw_frames(self) -> None:
        """Draws how far an import is from now on, until it has ended."""
        self._draw_frame()
        self._frames.resume()

    def _draw_frame(self) -> None:
        how_far = self._import.at_work
        self.rest(f"↓ {how_far} · Esc stops" if how_far else "")
        self.show()
        if not how_far:
            self._frames.pause()


def _setting(key: str) -> Setting | None:
    return next((setting for setting in settings.SCHEMA if setting.name == key), None)
