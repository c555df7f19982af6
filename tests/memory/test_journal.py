from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.memory import times
from assistant.memory.bank import MemoryBank, MemoryStatus
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating


def test_buddy_and_scout_become_one_memory(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "I adopted another dog, Scout")
    bank.add("User has a dog named Buddy.")
    [operation] = bank.apply(
        [updating(1, "User has two dogs named Buddy and Scout.")],
        actor="manager",
        observed_at=NOON,
        source_message_id=message.id,
        completion="UPDATE 1: User has two dogs named Buddy and Scout.",
    )
    assert (operation.action, operation.status, operation.memory_id) == (Action.UPDATE, OperationStatus.APPLIED, 1)
    assert operation.text == "User has two dogs named Buddy and Scout."
    assert operation.text_before == "User has a dog named Buddy."
    assert operation.completion == "UPDATE 1: User has two dogs named Buddy and Scout."
    assert (operation.actor, operation.reason, operation.undone) == ("manager", "", False)
    [memory] = bank.memories()
    assert (memory.text, memory.version) == ("User has two dogs named Buddy and Scout.", 2)
    assert (memory.observed_at, memory.source_message_id) == (NOON, message.id)
    assert memory.observed_at.isoformat() == "2026-03-01T12:00:00+02:00"


def test_delete_retires_a_memory_and_keeps_its_text(bank: MemoryBank) -> None:
    bank.add("User is vegan")
    [operation] = bank.apply([deleting(1)], actor="manager", observed_at=NOON)
    assert (operation.text, operation.text_before) == (None, "User is vegan")
    assert bank.memories() == []
    [retired] = bank.memories(include_all=True)
    assert (retired.text, retired.status) == ("User is vegan", MemoryStatus.RETIRED)


def test_noop_is_journalled_and_changes_nothing(bank: MemoryBank) -> None:
    [operation] = bank.apply([MemoryOperation(Action.NOOP)], actor="manager", observed_at=NOON, completion="NOOP")
    assert (operation.action, operation.status, operation.memory_id) == (Action.NOOP, OperationStatus.APPLIED, None)
    assert bank.memories(include_all=True) == []
    assert bank.operations() == [operation]


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (adding(""), "the text is empty"),
        (adding(" \n\u200b "), "the text is empty"),
        (adding("x" * 2001), "the text has 2001 characters, and 2000 is the most"),
        (adding("user LIKES  tea"), "memory 1 already says this"),
        (updating(1, "User likes tea"), "memory 1 already says this"),
        (updating(3, "User likes tea"), "memory 1 already says this"),
        (updating(1, ""), "the text is empty"),
        (updating(9, "User likes gin"), "there is no memory 9"),
        (deleting(9), "there is no memory 9"),
        (deleting(0), "there is no memory 0"),
        (deleting(2**63), "there is no memory 9223372036854775808"),
        (MemoryOperation(Action.DELETE), "there is no memory None"),
        (updating(2, "User likes gin"), "memory 2 is retired"),
        (deleting(2), "memory 2 is retired"),
    ],
)
def test_what_cannot_be_applied_is_rejected_with_the_reason(
    bank: MemoryBank, operation: MemoryOperation, reason: str
) -> None:
    for text in ("User likes tea", "User likes coffee", "User likes milk"):
        bank.add(text)
    bank.apply([deleting(2)], actor="manager", observed_at=NOON)
    before = bank.memories(include_all=True)
    [rejected] = bank.apply([operation], actor="manager", observed_at=NOON, completion="raw")
    assert (rejected.status, rejected.reason, rejected.completion) == (OperationStatus.REJECTED, reason, "raw")
    assert bank.memories(include_all=True) == before
    assert bank.operations(status=OperationStatus.REJECTED) == [rejected]


def test_a_rejected_operation_does_not_hold_up_the_others(bank: MemoryBank) -> None:
    results = bank.apply(
        [adding("One"), deleting(7), adding("Two"), updating(1, "Three")], actor="manager", observed_at=NOON
    )
    assert [r.status.value for r in results] == ["applied", "rejected", "applied", "applied"]
    assert texts(bank) == ["Three", "Two"]


def test_the_longest_text_is_remembered_whole(bank: MemoryBank) -> None:
    bank.add("x" * 2000)
    assert texts(bank) == ["x" * 2000]


def test_only_the_spelling_of_a_memory_may_change(bank: MemoryBank) -> None:
    bank.add("User writes rust")
    [operation] = bank.apply([updating(1, "User writes Rust")], actor="manager", observed_at=NOON)
    assert operation.status is OperationStatus.APPLIED
    assert texts(bank) == ["User writes Rust"]


def test_a_memory_is_one_line_without_hidden_characters(bank: MemoryBank) -> None:
    bank.apply([adding("User\x1b[2J lives\n in\u202e Oslo\x00")], actor="manager", observed_at=NOON)
    bank.add("User is\t Ann\udcff")
    assert texts(bank) == ["User [2J lives in Oslo", "User is Ann"]


def test_a_retired_text_can_be_remembered_anew(bank: MemoryBank) -> None:
    bank.add("User is vegan")
    bank.apply([deleting(1), adding("User is vegan")], actor="manager", observed_at=NOON)
    assert [(m.id, m.status.value) for m in bank.memories(include_all=True)] == [(1, "retired"), (2, "active")]


def test_a_forgotten_text_does_not_come_back_from_an_older_message(bank: MemoryBank) -> None:
    bank.add("User sees a doctor")
    bank.forget(1)
    older = times.now() - timedelta(minutes=1)
    [operation] = bank.apply([adding("user sees a doctor")], actor="import", observed_at=older)
    assert (operation.status, operation.reason) == (OperationStatus.REJECTED, "you had this forgotten")
    later = times.now() + timedelta(minutes=1)
    [operation] = bank.apply([adding("User sees a doctor")], actor="manager", observed_at=later)
    assert operation.status is OperationStatus.HELD
    assert operation.reason == "you had this forgotten, and then spoke of it again"


def test_the_user_may_write_down_again_what_they_had_forgotten(bank: MemoryBank) -> None:
    bank.add("User sees a doctor")
    bank.forget(1)
    assert bank.add("User sees a doctor", observed_at=NOON).id == 2


def test_what_the_user_adds_is_refused_aloud_and_leaves_no_trace(bank: MemoryBank) -> None:
    bank.add("User likes tea")
    with pytest.raises(InputError, match=r"Nothing was added: memory 1 already says this\."):
        bank.add("User likes tea")
    with pytest.raises(InputError, match=r"Nothing was added: the text is empty\."):
        bank.add(" \n")
    assert [operation.id for operation in bank.operations()] == [1]


def test_a_reply_that_could_not_be_read_is_kept_for_review(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "hm")
    held = bank.hold("{broken", "not an operation: '{broken'", source_message_id=message.id)
    bank.add("User likes tea")
    assert bank.operations(status=OperationStatus.HELD) == [held]
    assert (held.action, held.completion, held.reason) == (Action.NOOP, "{broken", "not an operation: '{broken'")
    assert bank.operations(source_message_id=message.id) == [held]


def test_the_journal_reads_newest_first_up_to_a_limit(bank: MemoryBank) -> None:
    for text in "abc":
        bank.add(text)
    assert [operation.text for operation in bank.operations(limit=2)] == ["c", "b"]


def test_forgetting_twice_or_nothing_is_said_so(bank: MemoryBank) -> None:
    bank.add("User likes tea")
    bank.forget(1)
    assert bank.memory(1).status is MemoryStatus.FORGOTTEN
    with pytest.raises(InputError, match=r"Memory 1 is forgotten already\."):
        bank.forget(1)
    with pytest.raises(NotFoundError, match=r"There is no memory 2\."):
        bank.forget(2)


def test_all_is_there_after_closing_and_opening(bank: MemoryBank, path: Path) -> None:
    bank.apply([adding("One"), adding("Two"), deleting(1)], actor="manager", observed_at=NOON, completion="raw")
    before = bank.memories(include_all=True), bank.operations()
    bank.close()
    with MemoryBank.open(path) as again:
        assert (again.memories(include_all=True), again.operations()) == before
