"""Bringing in what was said or kept elsewhere: reading a file of a known format, and replaying all that is in it.

Promises what `importing` promises of each conversation. Knows nothing of who asks for it or how it is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from assistant.agents.manager import MemoryManager
from assistant.conversation.chatgpt import read_chatgpt
from assistant.conversation.claude import read_claude
from assistant.conversation.importing import Importer, ImportProgress, OnProgress, ignore
from assistant.conversation.plain import read_plain
from assistant.conversation.queue import ManagerQueue, OnReceipt
from assistant.conversation.recordings import RecordedConversation
from assistant.memory import times, transfer
from assistant.memory.bank import MemoryBank, Operation
from assistant.memory.operations import Action, MemoryOperation
from assistant.memory.transfer import Listed


class Format(StrEnum):
    """The formats that an assistant's user has files of. Nothing is remembered of those without being asked about."""

    CHATGPT = "chatgpt"
    CLAUDE = "claude"
    TEXT = "text"


def read(path: Path, form: Format) -> list[RecordedConversation]:
    """Every conversation in a file, the earliest first. Raises InputError, saying what is wrong."""
    match form:
        case Format.CHATGPT:
            return read_chatgpt(path)
        case Format.CLAUDE:
            return read_claude(path)
        case Format.TEXT:
            return read_plain(path)


def replay(
    bank: MemoryBank,
    manager: MemoryManager,
    conversations: Sequence[RecordedConversation],
    speakers: Sequence[str] = (),
    *,
    on_progress: OnProgress = ignore,
    on_receipt: OnReceipt = ignore,
    cancel: threading.Event,
) -> ImportProgress:
    """Replays them one after the other; what is told counts all of them. See `Importer` for the rest."""
    queue = ManagerQueue(bank, manager)
    done = ImportProgress(0, 0, 0, 0.0)
    ahead = sum(len(recorded.turns) for recorded in conversations)
    for recorded in conversations:
        ahead -= len(recorded.turns)
        before = replace(done, total=done.total + ahead)

        def tell(now: ImportProgress, before: ImportProgress = before) -> None:
            on_progress(before + now)

        done += Importer(bank, queue, recorded, speakers, on_receipt).run(tell, cancel)
        if cancel.is_set():
            break
    return replace(done, total=done.total + ahead)


def add_listed(bank: MemoryBank, text: str) -> list[Operation]:
    """Remembers each item of the lists in a Markdown text as it stands, and says what became of each.

    What is known already, or was forgotten, is passed over.
    """
    return [_add(bank, item) for item in transfer.listed(text)]


def _add(bank: MemoryBank, item: Listed) -> Operation:
    """What becomes of an item, which may come from an old list: the rules for proposals hold for it."""
    proposal = MemoryOperation(Action.ADD, None, item.text)
    [done] = bank.apply([proposal], actor="import", observed_at=item.observed_at or times.now())
    return done
