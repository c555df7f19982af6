"""Bringing in a file from the Settings mode: which file, of which form, what is in it, and how far it is.

Promises that nothing is brought in before it was said what it is, that it can be stopped and goes on where it stopped,
and that the chat can be used meanwhile: an answer goes before it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.agents.generation import Agent
from assistant.errors import InputError, RecollectError
from assistant.tui import events
from assistant.tui.screens.asking import AskLine, Choose, Confirm
from assistant.tui.widgets.models.text import bar
from assistant.tui.widgets.settings.data import path_of

if TYPE_CHECKING:
    from assistant.conversation.importing import ImportProgress
    from assistant.conversation.queue import Receipt
    from assistant.conversation.recordings import RecordedConversation
    from assistant.memory.bank import MemoryBank, Operation
    from assistant.tui.screens.settings import SettingsScreen

_LIST = "markdown"
_FORMS = (
    ("chatgpt", "ChatGPT: its export, or the conversations.json in it"),
    ("claude", "Claude: its export, or the conversations.json in it"),
    ("text", "a text: each paragraph is something you wrote down"),
    (_LIST, "a list in Markdown, as Recollect exports it"),
)
_LOOKED_AT = 64 * 1024
"""Bytes at the beginning of a file that tell what it is likely to be."""
_WAITS = "What the model proposes from it waits in the inbox; nothing of it is remembered by itself."


class ImportActs:
    """One import at a time, on one screen. It runs as a worker."""

    def __init__(self, screen: SettingsScreen) -> None:
        self._screen = screen
        self._cancel = threading.Event()
        self._busy = False
        self._progress: ImportProgress | None = None

    @property
    def at_work(self) -> str:
        """How far it is, as "12/340 messages ███░░░ · 5 proposals"; "" if nothing is brought in."""
        if not self._busy:
            return ""
        if self._cancel.is_set():
            return "stopping…"
        now = self._progress
        if now is None:
            return "reading the file…"
        far = f"{now.turns}/{now.total} messages {bar(now.turns, now.total)}"
        return f"{far} · {_proposals(now.held)}"

    def stop(self) -> None:
        """Ends it within a token; what was brought in stays."""
        self._cancel.set()

    async def bring_in(self) -> None:
        """Asks for a file and brings it in. Raises RecollectError."""
        if self._busy:
            self._screen.say("Something is being brought in already. Esc stops it.")
            return
        if (path := await self._ask_path()) is None or (form := await self._ask_form(path)) is None:
            return
        self._cancel, self._busy, self._progress = threading.Event(), True, None
        self._screen.draw_frames()
        try:
            await (self._add_list(path) if form == _LIST else self._replay(path, form))
        finally:
            self._busy = False
            self._screen.draw_frames()
            self._screen.recollect.memory_changed.publish(None)
            self._screen.look_again()

    async def _ask_path(self) -> Path | None:
        about, problem, given = "Which file? An export of ChatGPT or Claude, a text, or a list.", "", ""
        while answer := await self._screen.ask(
            AskLine(
                "Import a file", f"{about}{problem}", value=given, placeholder="~/Downloads/export.zip", verb="goes on"
            )
        ):
            given, path = answer, path_of(answer)
            if await self._screen.backstage.away(path.is_file):
                return path
            problem = f"\n\n✗ {path} is {'a folder' if path.is_dir() else 'not there'}. Check the name."
        return None

    async def _ask_form(self, path: Path) -> str | None:
        likely = await self._screen.backstage.away(lambda: guess(path))
        forms = sorted(_FORMS, key=lambda form: form[0] != likely)
        options = [
            (number, f"{what}{' (likely)' if name == likely else ''}") for number, (name, what) in enumerate(forms)
        ]
        chosen = await self._screen.ask(Choose("Import a file", f"What is in {path.name}?", options, several=False))
        return forms[chosen[0]][0] if chosen else None

    async def _add_list(self, path: Path) -> None:
        bank = await self._screen.backstage.bank(lambda bank: bank)
        done = await self._screen.backstage.away(lambda: _add_list(bank, path))
        if not done:
            raise InputError(f"{path} holds no list.", "Items begin with a dash: - I live in Oslo.")
        kept = sum(operation.status == "applied" for operation in done)
        held = sum(operation.status == "held" for operation in done)
        waiting = f", {held} wait in the inbox (F3, i)" if held else ""
        self._screen.backstage.model.index()
        self._screen.say(f"✓ {kept} of {len(done)} items are remembered that were not before{waiting}.")

    async def _replay(self, path: Path, form: str) -> None:
        self._check_model()
        bank = await self._screen.backstage.bank(lambda bank: bank)
        recorded = await self._screen.backstage.away(lambda: _read(path, form))
        self._busy = False  # While it is asked, nothing is at work.
        if not await self._screen.ask(Confirm(f"Import {path.name}?", described(recorded), "Import")):
            return
        self._busy = True
        self._screen.draw_frames()
        try:
            done = await self._screen.backstage.away(lambda: self._bring_in(bank, recorded))
        except RecollectError as error:
            raise type(error)(error.message, f"{error.hint} Importing the file again goes on from there.") from error
        finally:
            self._screen.backstage.model.load()  # What was said in the chat meanwhile may still wait to be read.
        if done.complete:
            self._screen.say(f"✓ All {done.total} messages are here; {_proposals(done.held)} in the inbox (F3, i).")
        else:
            how_far = f"Stopped after {done.turns} of {done.total} messages"
            self._screen.say(f"{how_far}; importing the file again goes on from there.")

    def _check_model(self) -> None:
        engine = self._screen.recollect.engine
        if isinstance(engine, events.EngineFailed):
            raise engine.error
        if not self._screen.backstage.at_hand.loaded:
            raise InputError("The model is still loading.", "It reads what is imported; try again when it is ready.")

    # In a thread

    def _bring_in(self, bank: MemoryBank, recorded: Sequence[RecordedConversation]) -> ImportProgress:
        from assistant.agents.manager import MemoryManager
        from assistant.agents.reconsidering import Reconsidering
        from assistant.conversation.bringing_in import replay

        bank.back_up_if_due()
        engine = self._screen.backstage.at_hand.ready_engine()
        manager = MemoryManager(Reconsidering(engine, engine.traits), engine.traits[Agent.MANAGER])
        return replay(
            bank, manager, recorded, on_progress=self._follow, on_receipt=self._tell_receipt, cancel=self._cancel
        )

    def _follow(self, progress: ImportProgress) -> None:
        self._progress = progress

    def _tell_receipt(self, receipt: Receipt) -> None:
        """The chat shows what became of its own messages, also of one that waited and was read here."""
        at_hand = self._screen.backstage.at_hand
        at_hand.post(events.Remembered(receipt.message_id, receipt.operations))


def guess(path: Path) -> str:
    """The form that a file is likely to be of, by its name and its beginning; "" where nothing tells."""
    try:
        with path.open("rb") as file:
            begin = file.read(_LOOKED_AT)
    except OSError:
        return ""
    if b'"chat_messages"' in begin:
        return "claude"
    if b'"mapping"' in begin:
        return "chatgpt"
    return {".md": _LIST, ".txt": "text"}.get(path.suffix.lower(), "")


def described(recorded: Sequence[RecordedConversation]) -> str:
    """What is in a file, and what comes of bringing it in."""
    turns = [turn for conversation in recorded for turn in conversation.turns]
    said = sum(turn.role == "user" for turn in turns)
    first, last = min(turn.said_at for turn in turns), max(turn.said_at for turn in turns)
    days = f"{first.day} {first:%B %Y}"
    if first.date() != last.date():
        days = f"{days} to {last.day} {last:%B %Y}"
    what = f"{_counted(len(recorded), 'conversation')}, {_counted(len(turns), 'message')}, {said} of them yours"
    return (
        f"{what}; {days}.\n\nThe model reads yours one after the other, which takes a while; the chat can be used"
        f" meanwhile. {_WAITS} What is here already is not read again."
    )


def _read(path: Path, form: str) -> list[RecordedConversation]:
    from assistant.conversation.bringing_in import Format, read

    return read(path, Format(form))


def _add_list(bank: MemoryBank, path: Path) -> list[Operation]:
    from assistant.conversation.bringing_in import add_listed
    from assistant.conversation.recordings import read_utf8

    return add_listed(bank, read_utf8(path))


def _proposals(count: int) -> str:
    return _counted(count, "proposal")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
