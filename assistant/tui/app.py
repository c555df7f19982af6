"""The app: looks, keys that work everywhere, and the order in which things start and end.

Promises that the first paint waits for nothing: what opens the bank and starts the model is called in a thread after
it. Knows nothing of what they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from assistant.tui import events
from assistant.tui.at_hand import MakeEngine, OpenBank
from assistant.tui.screens.chat import ChatScreen
from assistant.tui.screens.help import HelpScreen
from assistant.tui.session import Session
from assistant.tui.themes import DARK, LIGHT


class RecollectApp(App[None]):
    """The assistant in a terminal; `return_code` is then 0, or that of the error that kept the bank shut.

    `make_engine` starts the model without waiting for it and may raise EngineError. `open_bank` gets that engine, or
    None if there is none, and may raise StorageError. Both are called in a thread, and again after a failure.
    """

    TITLE = "Recollect"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help"),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(self, make_engine: MakeEngine, open_bank: OpenBank) -> None:
        super().__init__()
        # Not when it is mounted: to change the looks then would have all styles made anew.
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name
        self._chat = ChatScreen(Session(make_engine, open_bank))
        self._exit_code = 0

    def on_mount(self) -> None:
        self.push_screen(self._chat)

    async def on_unmount(self) -> None:
        await asyncio.to_thread(self._chat.session.close)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers."""
        chat = self._chat
        yield SystemCommand("New conversation", "What is remembered stays", chat.action_new_conversation)
        yield SystemCommand("Undo", "Take back what was remembered last", chat.action_undo)
        yield SystemCommand("Redo", "Take back the last undo", chat.action_redo)
        yield SystemCommand("Memories used", "Show or hide those of the last answer", chat.action_show_memories)
        yield SystemCommand("Light or dark", "Change the look", self.action_change_look)
        yield SystemCommand("Help", "Keys and marks", self.action_help)
        yield SystemCommand("Quit", "Leave; everything is saved", self.action_quit)

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_change_look(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    async def action_quit(self) -> None:
        self.exit(return_code=self._exit_code)

    @on(events.OpenFailed)
    def _remember_exit_code(self, event: events.OpenFailed) -> None:
        self._exit_code = event.error.exit_code

    @on(events.Saved)
    def _forget_exit_code(self) -> None:
        self._exit_code = 0
