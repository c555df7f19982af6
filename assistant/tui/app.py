"""The app: its modes, looks, keys that work everywhere, and the order in which things start and end.

Promises that the first paint waits for nothing: what opens the bank and starts the model is called in a thread after
it, and a mode is made when one first goes there. Knows nothing of what the modes do.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.signal import Signal

from assistant import log
from assistant.errors import RecollectError
from assistant.findings import Finding
from assistant.paths import Paths
from assistant.settings import Settings, Theme, change, load, looks
from assistant.tui import events
from assistant.tui.at_hand import MakeEngine, OpenBank
from assistant.tui.backstage import Backstage
from assistant.tui.modes import Mode
from assistant.tui.problems import Problems
from assistant.tui.screens.chat import ChatScreen
from assistant.tui.screens.mode import ModeScreen
from assistant.tui.themes import DARK, LIGHT
from assistant.tui.tour import Tour

if TYPE_CHECKING:
    from assistant.training.adopting import RunModels
    from assistant.tui.modeling.shelf import ModelShelf

_SCREENS = {
    Mode.MEMORY: ("assistant.tui.screens.memory", "MemoryScreen"),
    Mode.MODELS: ("assistant.tui.screens.models", "ModelsScreen"),
    Mode.TRAINING: ("assistant.tui.screens.training", "TrainingScreen"),
    Mode.SETTINGS: ("assistant.tui.screens.settings", "SettingsScreen"),
}
"""Where the modes are that are imported when one first goes there."""

_REST = 0.3
"""Seconds after the conversation is there until what may be needed next is brought in."""
_BREATH = 0.05
"""Seconds between two things that are brought in, so that keys come through."""


class RecollectApp(App[None]):
    """The assistant in a terminal; `return_code` is then 0, or that of the error that kept the bank shut.

    `make_engine` starts the model without waiting for it and may raise EngineError. `open_bank` gets that engine, or
    None if there is none, and may raise StorageError. Both are called in a thread, and again after a failure.
    `settings` are those that count, read anew if none are given; `examine` checks everything, and mends the bank first
    if it gets True.
    """

    TITLE = "Recollect"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [  # The box of the chat has a meaning of its own for some of these keys.
        Binding("f1", "help", "Help"),
        *(Binding(f"{mode.key},alt+{number}", f"mode('{mode.name}')", mode.value, show=False, priority=True)
          for number, mode in enumerate(Mode, 1)),
        Binding("f8", "problems", "Problems", show=False),
        Binding("ctrl+t", "change_look", "Light or dark", show=False),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]  # fmt: skip

    def __init__(
        self,
        make_engine: MakeEngine,
        open_bank: OpenBank,
        paths: Paths,
        *,
        shelf: ModelShelf | None = None,
        run_models: RunModels | None = None,
        settings: Settings | None = None,
        examine: Callable[[bool], list[Finding]] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings if settings is not None else load(paths)
        """What is set; see `take_settings`."""
        self.settings_changed = Signal[None](self, "settings changed")
        """Told whenever something else is set; whoever goes by a setting listens."""
        self.examine = examine
        # Not when it is mounted: to change the looks then would have all styles made anew.
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = _look(self.settings)
        self.backstage = Backstage(make_engine, open_bank, paths, shelf, run_models)
        self.memory_changed = Signal[None](self, "memory changed")
        """Told whenever a memory was changed, by whomever; screens that show memories listen."""
        self.engine: events.EngineLoading | events.EngineReady | events.EngineFailed | None = None
        """What was told last of the models; None while the first ones are being loaded."""
        self.engine_changed = Signal[None](self, "engine changed")
        self.problems = Problems()
        self.chat = ChatScreen(self.backstage)
        self.tour = Tour(self)
        self._exit_code = 0
        self._is_warm = False

    def on_mount(self) -> None:
        self.add_mode(Mode.CHAT.name, lambda: self._of_now(self.chat))
        for mode in _SCREENS:
            self.add_mode(mode.name, self._maker(mode))
        self.switch_mode(Mode.CHAT.name)

    def _maker(self, mode: Mode) -> Callable[[], Screen[None]]:
        def make() -> Screen[None]:
            module, name = _SCREENS[mode]
            screen: type[ModeScreen] = getattr(import_module(module), name)
            return self._of_now(screen(self.backstage))

        return make

    def _of_now(self, screen: Screen[None]) -> Screen[None]:
        # A new screen has the styles of now, but Textual (8.2) takes it for one that missed a change of them, and reads
        # all style sheets anew: a fifth of a second for each mode, and twice that at the start.
        screen._css_update_count = self._css_update_count
        return screen

    async def _warm(self) -> None:
        """Has brought in, once nobody waits for the start any more, what one may need next."""
        await asyncio.sleep(_REST)
        for mode, (module, name) in _SCREENS.items():
            screen: type[ModeScreen] = getattr(await asyncio.to_thread(import_module, module), name)
            looks = Path(sys.modules[module].__file__ or "").with_name(f"{mode.name.lower()}.tcss")
            # Else Textual reads all style sheets anew when the mode is first gone to, and not this one alone.
            if looks.name == screen.CSS_PATH and not self.stylesheet.has_source(str(looks), ""):
                self.stylesheet.read(looks)
                self.stylesheet.parse()
            await self._pause_for_breath()
            if mode is Mode.MEMORY:  # Its table reads all; what kind each is of is then known, and the file in memory.
                await self.backstage.bank(lambda bank: bank.memory_rows())
                await self._pause_for_breath()

    async def _pause_for_breath(self) -> None:
        await asyncio.sleep(_BREATH)
        while self.current_mode != Mode.CHAT.name:  # Whoever has gone on to another mode waits for that one.
            await asyncio.sleep(_REST)

    async def on_unmount(self) -> None:
        try:
            self.chat.leave()
        finally:
            await asyncio.to_thread(self.tour.close)
            await asyncio.to_thread(self.backstage.close)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers."""
        for mode in Mode:
            yield SystemCommand(f"Go to {mode.value}", mode.key.upper(), lambda mode=mode: self.action_mode(mode.name))
        if isinstance(screen, ChatScreen | ModeScreen):
            yield from screen.commands()
        yield from self.tour.commands()
        yield SystemCommand("Light or dark", "Change the look", self.action_change_look)
        yield SystemCommand("Problems", "All that went wrong since the start, and what to do", self.action_problems)
        yield SystemCommand("Help", "Keys and marks", self.action_help)
        yield SystemCommand("Quit", "Leave; everything is saved", self.action_quit)

    def action_mode(self, name: str) -> None:
        """Goes to a mode, unless something lies over the one at hand that has to be answered first."""
        if len(self.screen_stack) > 1:
            return
        if self.tour.is_on:
            self.tour.look(Mode[name])
        elif self.current_mode != name:
            self.switch_mode(name)

    async def action_import_export(self) -> None:
        """To where an export of another assistant is brought in, which is asked for."""
        await self.switch_mode(Mode.SETTINGS.name)
        await self.screen.run_action("do('import')")

    def action_tour(self) -> None:
        """Begins the tour."""
        if len(self.screen_stack) == 1:
            self.tour.begin()

    def action_help(self) -> None:
        from assistant.tui.screens.help import HelpScreen

        if len(self.screen_stack) == 1:
            self.push_screen(HelpScreen(Mode[self.current_mode]))

    def action_problems(self) -> None:
        from assistant.tui.screens.problems import ProblemsScreen

        if not isinstance(self.screen, ProblemsScreen):
            self.push_screen(ProblemsScreen(self.problems))

    def action_change_look(self) -> None:
        """The other look, from now on; only until the end where the environment says which."""
        look = Theme.LIGHT if self.theme == DARK.name else Theme.DARK
        try:
            self.take_settings(change(self.backstage.paths, "theme", look))
        except RecollectError:
            self.theme = f"recollect-{look}"

    def take_settings(self, settings: Settings) -> None:
        """Has what is set take effect, as far as it can without a new start."""
        before, self.settings = self.settings, settings
        if settings.theme is not before.theme:
            self.theme = _look(settings)
        if settings.log is not before.log:
            log.start(self.backstage.paths, settings.log)
        self.settings_changed.publish(None)

    async def action_quit(self) -> None:
        self.exit(return_code=self._exit_code)

    def report(self, error: RecollectError) -> None:
        """Keeps an error where all can be looked up, and says it on the screen that is looked at."""
        self.problems.add(error)
        text = f"{error.message} {error.hint}".strip()
        if isinstance(self.screen, ModeScreen):
            self.screen.say(f"✗ {text}")
        else:
            self.notify(text, severity="error")

    @on(events.EngineLoading)
    @on(events.EngineReady)
    @on(events.EngineFailed)
    def _tell_of_engine(self, event: events.EngineLoading | events.EngineReady | events.EngineFailed) -> None:
        self.engine = event
        self.engine_changed.publish(None)

    @on(events.Opened)
    def _welcome(self, event: events.Opened) -> None:
        self.tour.chat_opened(is_empty=event.conversation_id is None)
        if not self._is_warm:
            self._is_warm = True
            self.run_worker(self._warm())

    @on(events.Answered)
    def _give_a_hint(self) -> None:
        self.tour.give_a_hint()

    @on(events.OpenFailed)
    def _remember_exit_code(self, event: events.OpenFailed) -> None:
        self._exit_code = event.error.exit_code

    @on(events.Saved)
    def _forget_exit_code(self) -> None:
        self._exit_code = 0


def _look(settings: Settings) -> str:
    return f"recollect-{looks(settings.theme)}"
