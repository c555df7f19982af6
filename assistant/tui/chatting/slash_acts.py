"""What each slash command does. Knows nothing of how one is typed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assistant.agents.generation import Agent
from assistant.errors import InputError
from assistant.memory.records import Message
from assistant.tui.modes import Mode
from assistant.tui.slash import Command, Slash

if TYPE_CHECKING:
    from assistant.tui.screens.chat import ChatScreen


class SlashActs:
    """The commands, on one chat. They run as workers: some ask first."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen

    async def run(self, slash: Slash) -> None:
        """Does what the command asks for. Raises RecollectError."""
        screen = self._screen
        match slash.command:
            case Command.REMEMBER:
                await screen.memory_acts.remember(slash.rest)
            case Command.FORGET:
                await screen.memory_acts.forget(slash.rest)
            case Command.WHY:
                await self._why()
            case Command.TEMP:
                if screen.is_free():
                    screen.session.begin_conversation(temporary=not screen.session.is_temporary)
            case Command.PAUSE:
                screen.action_pause()
            case Command.MODEL:
                await self._model(slash.rest)
            case Command.EXPORT:
                await self._export(slash.rest)
            case Command.NEW:
                screen.action_new_conversation()
            case Command.FIND:
                await screen.conversation_acts.open_panel(slash.rest)
            case Command.TOUR:
                screen.recollect.action_tour()
            case Command.HELP:
                screen.recollect.action_help()

    async def _why(self) -> None:
        newest = next(
            (said.message for said in reversed(self._screen.transcript.said()) if _is_answer(said.message)), None
        )
        if newest is None:
            raise InputError("There is no answer yet.")
        await self._screen.explain(newest)

    async def _model(self, name: str) -> None:
        shelf = self._screen.backstage.shelf
        if not name or shelf is None:
            self._screen.recollect.action_mode(Mode.MODELS.name)
            return
        await self._screen.backstage.away(lambda: shelf.use(name, tuple(Agent)))
        self._screen.backstage.change_models()
        self._screen.say(f"{name} is loading.")

    async def _export(self, name: str) -> None:
        conversation_id = self._screen.session.conversation_id
        if conversation_id is None or self._screen.session.is_temporary:
            raise InputError("There is nothing to write down.", "A temporary conversation is kept nowhere.")
        from assistant.conversation.writing_out import as_markdown

        text = await self._screen.backstage.bank(lambda bank: as_markdown(bank, conversation_id))
        file = Path(name).expanduser() if name else Path.cwd() / f"conversation-{conversation_id}.md"
        written = await self._screen.backstage.away(lambda: _write(file, text))
        self._screen.say(f"Written to {written}.")


def _is_answer(message: Message | None) -> bool:
    return message is not None and message.role == "assistant"


def _write(file: Path, text: str) -> Path:
    """Writes a new file, readable by its owner alone. Raises InputError; nothing is ever overwritten."""
    try:
        with file.open("x", encoding="utf-8") as out:
            file.chmod(0o600)
            out.write(text)
    except FileExistsError as error:
        raise InputError(f"{file} is there already.", "Name another file: /export FILE") from error
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}).", "Name another file: /export FILE") from error
    return file.absolute()
