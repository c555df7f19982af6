"""What stories of the Memory mode need: a bank with something in it, and the app at that mode."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from textual.message import Message as Event
from textual.pilot import Pilot

from assistant.memory.bank import MemoryBank
from assistant.memory.operations import Action, MemoryOperation
from assistant.memory.records import Operation
from assistant.paths import Paths
from assistant.tui import events
from assistant.tui.screens.memory import MemoryScreen
from tests.memory.shorthand import NOON
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, screen_text, until

if TYPE_CHECKING:
    from assistant.tui.app import RecollectApp

FACTS = ("User has a dog named Buddy.", "User works as a nurse.", "User likes genmaicha tea.")


def bank_in(data: Path) -> MemoryBank:
    """The bank that the app opens in that folder."""
    paths = Paths(data)
    paths.create()
    return MemoryBank.open(paths)


def remember(data: Path, *texts: str) -> None:
    """Writes these memories down, the last one the newest."""
    with bank_in(data) as bank:
        for text in texts:
            bank.add(text)


def said(bank: MemoryBank, text: str, *operations: MemoryOperation, held_for: str = "") -> list[Operation]:
    """The user says `text`, and the model makes these operations of it."""
    latest = bank.latest_conversation() or bank.new_conversation("Talk")
    message = bank.add_message(latest.id, "user", text)
    return bank.apply(
        operations, actor="manager", observed_at=NOON, source_message_id=message.id, model="tiny", held_for=held_for
    )


def adding(text: str) -> MemoryOperation:
    return MemoryOperation(Action.ADD, None, text)


def active(data: Path) -> list[str]:
    """What is remembered now."""
    with bank_in(data) as bank:
        return [memory.text for memory in bank.memories()]


@asynccontextmanager
async def memory_mode(data: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    """The app, gone to the Memory mode."""
    engine = ScriptedEngine(ScriptedGenerator(default_answer="Memories: none\nAnswer: Yes.", default_manager="NOOP"))
    async with app_with(data, engine).run_test(size=size) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(pilot.app.screen, MemoryScreen))
        await until(pilot, lambda: re.search(r"Inbox \d", screen_text(pilot)) is not None)  # Read last.
        yield pilot


def opened_in_chat(pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The messages that the chat is asked to show from now on."""
    chat, opened = cast("RecollectApp", pilot.app).chat, []
    post = chat.post_message

    def listen(event: Event) -> bool:
        if isinstance(event, events.OpenMessage):
            opened.append(event.message_id)
        return post(event)

    monkeypatch.setattr(chat, "post_message", listen)
    return opened
