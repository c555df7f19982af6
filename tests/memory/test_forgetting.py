from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from assistant.errors import DatabaseBusy, InputError, NotFoundError
from assistant.memory.bank import MemoryBank, MemoryStatus
from assistant.memory.operations import OperationStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating
from tests.scripted import FakeEmbedder

WORDS = [b"zanzibarine", b"quokkaesque", b"vexillology"]
SECRET = "User keeps zanzibarine notes"
SECRET_LATER = "User keeps quokkaesque notes on vexillology"


def bytes_on_disk(path: Path) -> bytes:
    """All there is in the data folder, the backups as well."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.rglob("*")) if file.is_file()).lower()


@pytest.fixture
def told(bank: MemoryBank) -> MemoryBank:
    """A secret in every place that keeps texts: versions, journal, replies, reasons, citations, both indexes."""
    bank.embedder = FakeEmbedder()
    bank.add("User likes tea")
    bank.apply(
        [adding(SECRET), adding("User has a cat")], actor="manager", observed_at=NOON, completion=f"ADD: {SECRET}"
    )
    bank.index_pending()
    bank.apply([updating(2, SECRET_LATER)], actor="manager", observed_at=NOON, completion=f"UPDATE 1: {SECRET_LATER}")
    bank.apply([adding(SECRET_LATER.upper())], actor="manager", observed_at=NOON, completion="raw")
    bank.hold(f"?? {SECRET_LATER}", f"not an operation: '{SECRET_LATER}'", source_message_id=None)
    reply = bank.add_message(bank.new_conversation().id, "assistant", "Notes.")
    bank.cite(reply.id, [bank.memory(2)])
    bank.index_pending()
    bank.back_up()
    return bank


def test_a_purge_leaves_no_word_of_the_text_in_any_file(
    told: MemoryBank, path: Path, rows: Callable[[str], list[Any]]
) -> None:
    [(bits, vector)] = rows("SELECT bits, vector FROM memory_vector WHERE item_id = 2")
    before = bytes_on_disk(path)
    assert all(word in before for word in WORDS)
    assert vector.lower() in before
    assert bits.lower() in before
    told.forget(2, purge=True)
    after = bytes_on_disk(path)
    assert [word for word in WORDS if word in after] == []
    assert vector.lower() not in after
    assert bits.lower() not in after
    assert b"user likes tea" in after


def test_a_purge_reaches_the_reply_of_which_a_held_operation_was_accepted(bank: MemoryBank, path: Path) -> None:
    [held] = bank.apply(
        [adding(SECRET)],
        actor="manager",
        observed_at=NOON,
        completion="ADD: User keeps  zanzibarine\xa0notes",
        held_for="the model was not sure",
    )
    memory_id = bank.accept(held.id).memory_id
    assert WORDS[0] in bytes_on_disk(path)
    assert memory_id is not None
    bank.forget(memory_id, purge=True)
    assert WORDS[0] not in bytes_on_disk(path)


def test_a_purge_leaves_nothing_of_many_and_long_texts(bank: MemoryBank, path: Path) -> None:
    marks = [f"mark{i:04}x" for i in range(60)]
    for mark in marks:
        bank.add(f"{mark} " * (1 + 3 * (len(bank.memories()) % 50)))
    for memory in bank.memories()[::2]:
        bank.forget(memory.id, purge=True)
    after = bytes_on_disk(path)
    assert [mark for mark in marks if mark.encode() in after] == marks[1::2]


def test_a_purged_memory_says_so_and_the_rest_stays(told: MemoryBank) -> None:
    operation = told.forget(2, purge=True)
    assert (operation.memory_id, operation.text, operation.text_before) == (2, None, "(purged)")
    assert (told.memory(2).status, told.memory(2).text) == (MemoryStatus.PURGED, "(purged)")
    assert texts(told) == ["User likes tea", "User has a cat"]
    assert told.search("notes") == []
    [held] = told.operations(status=OperationStatus.HELD)
    assert (held.completion, held.reason) == ("(purged)", "(purged)")
    assert [citation.text for citation in told.citations(1)] == ["(purged)"]


def test_a_purge_cannot_be_undone_but_what_came_before_it_can(told: MemoryBank) -> None:
    purge = told.forget(2, purge=True)
    for operation_id in (purge.id, 2, 4):
        with pytest.raises(InputError, match=r"cannot be undone: memory 2 was purged\."):
            told.undo(operation_id)
    assert told.undo().text_before == "User has a cat"
    assert told.undo().text_before == "User likes tea"
    with pytest.raises(InputError, match=r"There is nothing to undo\."):
        told.undo()


def test_a_purge_reaches_retired_memories_that_said_the_same(bank: MemoryBank, path: Path) -> None:
    bank.add(SECRET)
    bank.apply([deleting(1), adding(SECRET)], actor="manager", observed_at=NOON)
    bank.forget(2, purge=True)
    assert {memory.status for memory in bank.memories(include_all=True)} == {MemoryStatus.PURGED}
    assert WORDS[0] not in bytes_on_disk(path)


def test_a_memory_whose_past_was_purged_stays_and_cannot_go_back_there(bank: MemoryBank) -> None:
    bank.add(SECRET)
    bank.apply([updating(1, "User writes"), adding(SECRET)], actor="manager", observed_at=NOON)
    bank.forget(2, purge=True)
    assert texts(bank) == ["User writes"]
    with pytest.raises(InputError, match="what was said before it was purged"):
        bank.undo(2)
    with pytest.raises(InputError, match="nothing to undo"):
        bank.undo()


def test_a_purge_spares_what_another_memory_says_now(bank: MemoryBank) -> None:
    bank.add("User likes tea")
    bank.apply([updating(1, "User likes gin"), adding("User likes tea")], actor="manager", observed_at=NOON)
    bank.forget(1, purge=True)
    assert texts(bank) == ["User likes tea"]
    assert bank.operations()[1].text == "User likes tea"
    assert [hit.memory and hit.memory.id for hit in bank.search("tea")] == [2]


def test_a_forgotten_memory_can_be_purged_afterwards_and_a_purge_repeated(bank: MemoryBank, path: Path) -> None:
    bank.add(SECRET)
    bank.forget(1)
    assert WORDS[0] in bytes_on_disk(path)
    bank.forget(1, purge=True)
    bank.forget(1, purge=True)
    assert WORDS[0] not in bytes_on_disk(path)
    with pytest.raises(InputError, match=r"Memory 1 is purged already\."):
        bank.forget(1)
    with pytest.raises(NotFoundError):
        bank.forget(2, purge=True)


def test_a_purge_removes_copies_that_migrations_left(bank: MemoryBank, path: Path) -> None:
    bank.add(SECRET)
    copy, other = path.with_name("recollect.db.version-1"), path.with_name("notes.txt")
    copy.write_bytes(SECRET.encode())
    other.write_text("mine")
    bank.forget(1, purge=True)
    assert (copy.exists(), other.exists()) == (False, True)


def test_a_purge_that_cannot_empty_the_log_says_so_and_can_be_repeated(path: Path) -> None:
    with MemoryBank.open(path, busy_timeout=0.05) as bank:
        bank.add(SECRET)
        reader = apsw.Connection(str(path))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM memory").fetchall()
        with pytest.raises(DatabaseBusy):
            bank.forget(1, purge=True)
        assert bank.memory(1).status is MemoryStatus.PURGED
        reader.close()
        bank.forget(1, purge=True)
        assert WORDS[0] not in bytes_on_disk(path)


def test_a_purge_strikes_what_was_said_of_it_out_of_messages_and_titles(bank: MemoryBank, path: Path) -> None:
    bank.embedder = FakeEmbedder()
    conversation = bank.new_conversation("I keep zanzibarine notes. I like…").id
    message = bank.add_message(conversation, "user", "I keep zanzibarine notes. I like tea!\nNotes are fun.")
    bank.apply(
        [adding(SECRET), adding("User likes tea")], actor="manager", observed_at=NOON, source_message_id=message.id
    )
    reply = bank.add_message(conversation, "assistant", "Good. You keep your zanzibarine notes.")
    bank.cite(reply.id, [bank.memory(1)])
    other = bank.add_message(conversation, "user", "they told me: USER KEEPS ZANZIBARINE NOTES")
    bank.index_all()
    assert WORDS[0] in bytes_on_disk(path)
    bank.forget(1, purge=True)
    assert WORDS[0] not in bytes_on_disk(path)
    assert bank.message(message.id).text == "█ ████ ███████████ ██████ I like tea!\nNotes are fun."
    assert bank.message(reply.id).text == "Good. ███ ████ ████ ███████████ ██████"
    assert bank.message(other.id).text == "████ ████ ███ ████ █████ ███████████ █████"
    assert bank.conversations()[0].title == "█ ████ ███████████ ██████ I like…"
    assert [hit.message and hit.message.id for hit in bank.search("zanzibarine tea", kinds=("message",))] == [1]
    [tea] = [operation for operation in bank.operations() if operation.memory_id == 2]
    assert tea.quote == "I like tea!"
