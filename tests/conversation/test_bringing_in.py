"""Bringing in files: what is proposed from a user's own files is asked about, whoever reads it, and nothing else is."""

from __future__ import annotations

import threading
from pathlib import Path

from assistant.agents.manager import MemoryManager
from assistant.conversation.bringing_in import Format, read, replay
from assistant.conversation.importing import ImportProgress
from assistant.conversation.queue import ManagerQueue
from assistant.memory.bank import MemoryBank, Operation
from assistant.memory.operations import OperationStatus
from tests.scripted import Call, ScriptedGenerator

WHY = "it comes from an imported file"


def diary(folder: Path) -> Path:
    file = folder / "diary.txt"
    file.write_text("I have a dog, Rex.\n\nI live in Oslo.\n")
    return file


def journal(bank: MemoryBank) -> list[tuple[str | None, OperationStatus, str]]:
    return [(each.text, each.status, each.reason) for each in reversed(bank.operations())]


def test_what_an_import_left_unread_is_asked_about_also_when_the_chat_reads_it(bank: MemoryBank, tmp_path: Path):
    cancel = threading.Event()

    def stop(_: Call) -> str:
        cancel.set()
        return "ADD: User lives in Oslo."

    manager = MemoryManager(ScriptedGenerator(manager=["ADD: User has a dog, Rex.", stop]))
    done = replay(bank, manager, read(diary(tmp_path), Format.TEXT), cancel=cancel)
    assert (done.turns, done.total, done.complete, bank.pending_jobs()) == (1, 2, False, 1)
    ManagerQueue(bank, MemoryManager(ScriptedGenerator(manager=["ADD: User lives in Oslo."]))).run_pending()
    held = OperationStatus.HELD
    assert journal(bank) == [("User has a dog, Rex.", held, WHY), ("User lives in Oslo.", held, WHY)]


def test_what_was_said_in_the_chat_is_remembered_also_when_an_import_reads_it(bank: MemoryBank, tmp_path: Path):
    talk = bank.new_conversation()
    said = bank.add_message(talk.id, "user", "I like tea.", remember=True)
    manager = MemoryManager(ScriptedGenerator(manager=["ADD: User likes tea."], default_manager="NOOP"))
    receipts: list[tuple[int, tuple[Operation, ...]]] = []
    replay(
        bank,
        manager,
        read(diary(tmp_path), Format.TEXT),
        on_receipt=lambda receipt: receipts.append((receipt.message_id, receipt.operations)),
        cancel=threading.Event(),
    )
    assert [memory.text for memory in bank.memories()] == ["User likes tea."]
    assert (receipts[0][0], receipts[0][1][0].status, len(receipts)) == (said.id, OperationStatus.APPLIED, 3)


def test_progress_counts_all_conversations_together(bank: MemoryBank, tmp_path: Path):
    other = tmp_path / "letters.txt"
    other.write_text("I like tea.\n")
    recorded = [*read(diary(tmp_path), Format.TEXT), *read(other, Format.TEXT)]
    told: list[ImportProgress] = []
    manager = MemoryManager(ScriptedGenerator(default_manager="NOOP"))
    done = replay(bank, manager, recorded, on_progress=told.append, cancel=threading.Event())
    assert [(each.turns, each.total) for each in told] == [(1, 3), (2, 3), (3, 3)]
    assert (done.turns, done.total, done.new, done.complete) == (3, 3, 3, True)
