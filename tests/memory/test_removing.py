"""Removing a conversation for good: what goes with it, what stays, and that no word of it is in any file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from assistant.errors import DatabaseBusy, InputError, NotFoundError
from assistant.memory.bank import MemoryBank, MemoryStatus, Mode
from assistant.memory.checking import check
from assistant.memory.operations import OperationStatus
from tests.memory.shorthand import NOON, adding, texts, updating
from tests.scripted import FakeEmbedder

WORDS = ("zubrowka", "Quokka", "xylophone", "Bratislava", "kumquat", "marzipan", "periwinkle")
"""Each stands where nothing but a removed conversation had it."""


@pytest.fixture
def bank(path: Path) -> Any:
    with MemoryBank.open(path, FakeEmbedder(), busy_timeout=0.2) as opened:
        yield opened


@pytest.fixture
def talk(bank: MemoryBank) -> int:
    """A conversation that has left its traces wherever one can, beside another one."""
    other = bank.new_conversation("Other").id
    bank.add_message(other, "user", "I like tea.", remember=True)
    number = bank.new_conversation("About zubrowka").id
    first = bank.add_message(number, "user", "I drink zubrowka with my Quokka.", remember=True)
    second = bank.add_message(number, "user", "I play the xylophone and drink tea.", instead_of=first.id)
    reply = bank.add_message(number, "assistant", "The xylophone of Bratislava?", parent_id=second.id)
    bank.apply(
        [adding("User plays the xylophone."), adding("User drinks tea.")],
        actor="manager",
        observed_at=NOON,
        source_message_id=second.id,
        completion="ADD: User plays the xylophone. kumquat",
    )
    bank.apply([adding("User was in Bratislava")], actor="manager", observed_at=NOON, source_message_id=second.id)
    bank.hold("marzipan", "it has no form", source_message_id=reply.id)
    bank.apply(
        [updating(2, "User drinks green tea.")], actor="user", observed_at=NOON, source_message_id=None, completion=None
    )
    bank.cite(reply.id, [bank.memory(1)])
    bank.see_from(number, second.id)
    bank.keep_draft(number, "periwinkle")
    bank.index_all()
    return number


def files_with(path: Path, word: str) -> list[str]:
    return [file.name for file in path.parent.rglob("*") if file.is_file() and word.encode() in file.read_bytes()]


def test_no_word_of_it_is_in_any_file_except_in_memories(bank: MemoryBank, talk: int, path: Path) -> None:
    bank.back_up()
    assert all(files_with(path, word) for word in WORDS)
    assert bank.remove_conversation(talk) == []
    assert [word for word in WORDS if files_with(path, word)] == ["xylophone"]
    assert texts(bank) == ["User plays the xylophone.", "User drinks green tea."]
    assert (bank.search("zubrowka", kinds=["message"]), bank.find_in_conversations("zubr")) == ([], [])
    assert [backup.name for backup in path.parent.glob("backups/*")] != []
    assert check(bank._database) == []
    with pytest.raises(NotFoundError):
        bank.conversation(talk)


def test_with_the_memories_that_came_from_it_alone_no_word_is_left(bank: MemoryBank, talk: int, path: Path) -> None:
    assert bank.remove_conversation(talk, with_memories=True) == [1]
    assert [word for word in WORDS if files_with(path, word)] == []
    assert bank.memory(1).status is MemoryStatus.PURGED
    assert texts(bank) == ["User drinks green tea."]
    [again] = bank.apply([adding("User plays the xylophone.")], actor="manager", observed_at=NOON)
    assert (again.status, again.reason) == (OperationStatus.REJECTED, "you had this forgotten")
    assert check(bank._database) == []


def test_what_stays_refers_to_it_no_more(bank: MemoryBank, talk: int, rows: Callable[[str], list[Any]]) -> None:
    bank.remove_conversation(talk)
    assert (bank.memory(1).source_message_id, bank.memory(2).source_message_id) == (None, None)
    assert rows("SELECT count(*) FROM message") == rows("SELECT count(*) FROM message_text") == [(1,)]
    assert rows("SELECT count(*) FROM message_vector") == [(1,)]
    for table in ("citation", "draft", "to_embed"):
        assert rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert rows("SELECT message_id FROM job") == [(1,)]
    assert rows("PRAGMA foreign_key_check") == []
    by_model = [o for o in bank.operations() if o.actor == "manager"]
    assert [(o.status, o.text, o.completion, o.reason, o.quote) for o in by_model] == [
        ("rejected", None, "(removed)", "the conversation that it came from was removed", None),
        ("rejected", "(removed)", None, "the conversation that it came from was removed", None),
        ("applied", "User drinks tea.", "(removed)", "", None),
        ("applied", "User plays the xylophone.", "(removed)", "", None),
    ]
    assert [held for held in bank.to_review() if held.status is OperationStatus.HELD] == []


def test_feedback_on_a_removed_reply_stays(bank: MemoryBank, talk: int, rows: Callable[[str], list[Any]]) -> None:
    reply = bank.messages(talk, 1)[0]
    with bank._database.write() as connection:
        connection.execute(
            "INSERT INTO feedback (memory_id, message_id, kind, created_at) VALUES (1, ?, 'wrong', '2026')", (reply.id,)
        )
    bank.remove_conversation(talk)
    assert rows("SELECT memory_id, message_id, kind FROM feedback") == [(1, None, "wrong")]


def test_what_was_done_to_its_memories_can_still_be_undone(bank: MemoryBank, talk: int) -> None:
    bank.remove_conversation(talk)
    bank.undo()
    assert texts(bank) == ["User plays the xylophone.", "User drinks tea."]
    bank.undo()
    bank.undo()
    assert texts(bank) == []
    with pytest.raises(InputError, match=r"There is nothing to undo\."):
        bank.undo()


def test_whoever_reads_a_message_of_it_reads_in_vain(bank: MemoryBank) -> None:
    number = bank.new_conversation().id
    message = bank.add_message(number, "user", "I play the xylophone.", remember=True)
    job = bank.next_job()
    assert job is not None
    bank.remove_conversation(number)
    done = bank.apply(
        [adding("User plays the xylophone.")],
        actor="manager",
        observed_at=NOON,
        source_message_id=message.id,
        job_id=job.id,
    )
    assert (done, bank.memories(), bank.pending_jobs()) == ([], [], 0)


def test_what_cannot_be_wiped_at_once_is_wiped_at_the_next_start(bank: MemoryBank, talk: int, path: Path) -> None:
    reader = apsw.Connection(str(path))
    reader.execute("BEGIN; SELECT * FROM message")
    with pytest.raises(DatabaseBusy, match=r"The conversation is removed, but not yet from the database's log"):
        bank.remove_conversation(talk)
    assert [summary.conversation.title for summary in bank.recent_conversations(9)] == ["Other"]
    assert files_with(path, "zubrowka") != []
    bank.close()
    MemoryBank.open(path, busy_timeout=0.2).close()
    assert files_with(path, "zubrowka") != []
    reader.close()
    with MemoryBank.open(path) as again:
        assert files_with(path, "zubrowka") == []
        assert again.mode is Mode.AUTOMATIC
    assert "copies_to_wipe" not in path.read_bytes().decode("latin-1")


def test_a_conversation_that_is_not_there_cannot_be_removed(bank: MemoryBank) -> None:
    with pytest.raises(NotFoundError, match=r"There is no conversation 7\. `recollect conversations list`"):
        bank.remove_conversation(7)


def test_what_comes_after_it_has_ids_of_its_own(bank: MemoryBank, path: Path) -> None:
    for expected in (1, 2):
        number = bank.new_conversation().id
        message = bank.add_message(number, "user", "Hello")
        assert (number, message.id) == (expected, expected)
        bank.remove_conversation(number)
    bank.close()
    with MemoryBank.open(path) as again:
        assert again.new_conversation().id == 3


def test_branches_and_all_are_removed_of_the_one_conversation_alone(bank: MemoryBank) -> None:
    one, other = bank.new_conversation("one").id, bank.new_conversation("other").id
    for number in (one, other) * 3:
        bank.add_message(number, "user", "Hello")
    bank.add_message(one, "user", "Hello", instead_of=1)
    bank.remove_conversation(one)
    assert [message.id for message in bank.messages(other, 9)] == [2, 4, 6]
    bank.add_message(other, "user", "And on")
    assert bank.recent_conversations(9)[0].message_count == 4
