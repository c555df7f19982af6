"""The user has the last word on a memory, and what they say of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.memory.bank import FeedbackKind, MemoryBank, MemoryStatus
from assistant.memory.operations import Action
from tests.memory.shorthand import NOON, adding, deleting, texts, updating

TEA, COFFEE = "User likes tea.", "User likes coffee."


def said(bank: MemoryBank) -> list[tuple[FeedbackKind, int, int | None, int | None]]:
    """Kind, memory, operation and reply of what the user said of memories, in that order."""
    return [(f.kind, f.memory_id, f.operation_id, f.message_id) for f in reversed(bank.feedback())]


def reply(bank: MemoryBank) -> int:
    """A reply that used the first memory."""
    message = bank.add_message(bank.new_conversation().id, "assistant", "You like tea.")
    bank.cite(message.id, bank.memories()[:1])
    return message.id


def test_an_edit_is_a_new_version_in_the_users_own_words(bank: MemoryBank) -> None:
    bank.apply([adding(TEA)], actor="manager", observed_at=NOON)
    done = bank.edit(1, "  User likes\tgreen tea. ")
    assert (done.action, done.actor, done.text, done.text_before) == (
        Action.UPDATE,
        "user",
        "User likes green tea.",
        TEA,
    )
    assert texts(bank) == ["User likes green tea."]
    assert bank.memory(1).observed_at > NOON
    assert said(bank) == [("edited", 1, done.id, None)]
    bank.undo(done.id)
    assert texts(bank) == [TEA]
    assert bank.memory(1).observed_at == NOON


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TEA, "memory 1 already says this"),
        ("User likes coffee.", "memory 2 already says this"),
        (" \u200b\n", "the text is empty"),
        ("x" * 2001, "the text has 2001 characters, and 2000 is the most"),
    ],
)
def test_an_edit_that_changes_nothing_or_cannot_be_is_refused(bank: MemoryBank, text: str, why: str) -> None:
    bank.add(TEA)
    bank.add(COFFEE)
    with pytest.raises(InputError, match=rf"Nothing was changed: {why}\."):
        bank.edit(1, text)
    assert texts(bank) == [TEA, COFFEE]
    assert bank.feedback() == []


def test_what_is_gone_is_not_edited(bank: MemoryBank) -> None:
    bank.add(TEA)
    bank.forget(1)
    with pytest.raises(InputError, match="memory 1 is forgotten"):
        bank.edit(1, COFFEE)
    with pytest.raises(NotFoundError, match="There is no memory 7"):
        bank.edit(7, COFFEE)


def test_what_is_wrong_is_forgotten_and_does_not_come_back(bank: MemoryBank) -> None:
    bank.apply([adding(TEA)], actor="manager", observed_at=NOON)
    used_by = reply(bank)
    done = bank.mark_wrong(1, message_id=used_by)
    assert bank.memory(1).status is MemoryStatus.FORGOTTEN
    assert said(bank) == [("wrong", 1, done.id, used_by)]
    [again] = bank.apply([adding(TEA)], actor="manager", observed_at=NOON)
    assert again.reason == "you had this forgotten"
    with pytest.raises(InputError, match="Memory 1 is forgotten already"):
        bank.mark_wrong(1)
    bank.undo(done.id)
    assert texts(bank) == [TEA]


def test_what_is_outdated_ends_today_and_may_be_said_again(bank: MemoryBank) -> None:
    bank.apply([adding(TEA)], actor="manager", observed_at=NOON)
    done = bank.mark_outdated(1)
    memory = bank.memory(1)
    assert memory.status is MemoryStatus.RETIRED
    assert memory.holds_until is not None
    assert memory.holds_until.first == done.created_at.date() != date(2026, 3, 1)
    assert said(bank) == [("outdated", 1, done.id, None)]
    with pytest.raises(InputError, match="Memory 1 cannot be marked: it is retired"):
        bank.mark_outdated(1)
    [again] = bank.apply([adding(TEA)], actor="manager", observed_at=NOON)
    assert again.status == "applied"


def test_a_reply_that_is_named_must_be_there_or_nothing_is_done(bank: MemoryBank) -> None:
    bank.add(TEA)
    for mark in (bank.mark_wrong, bank.mark_outdated):
        with pytest.raises(NotFoundError, match="There is no message 9"):
            mark(1, message_id=9)
    assert texts(bank) == [TEA]
    assert bank.feedback() == []


def test_marks_are_set_and_taken_off_and_each_is_said_once(bank: MemoryBank) -> None:
    bank.add(TEA)
    assert bank.pin(1).pinned
    assert bank.pin(1) == bank.memory(1)
    assert not bank.pin(1, on=False).pinned
    assert bank.never_use(1).never_use
    assert not bank.never_use(1, on=False).never_use
    assert not bank.never_use(1, False).never_use
    assert said(bank) == [(kind, 1, None, None) for kind in ("pinned", "unpinned", "never use", "use again")]
    assert len(bank.operations()) == 1, "a mark changes nothing that is remembered"


def test_what_is_never_used_is_not_pinned_and_the_other_way_round(bank: MemoryBank) -> None:
    bank.add(TEA)
    bank.pin(1)
    assert (bank.never_use(1).pinned, bank.memory(1).never_use) == (False, True)
    assert (bank.pin(1).never_use, bank.memory(1).pinned) == (False, True)
    assert [kind for kind, *_ in said(bank)] == ["pinned", "unpinned", "never use", "use again", "pinned"]


def test_what_is_gone_is_not_marked_but_marks_can_be_taken_off(bank: MemoryBank) -> None:
    bank.add(TEA)
    bank.pin(1)
    bank.forget(1)
    with pytest.raises(InputError, match="Memory 1 cannot be marked: it is forgotten"):
        bank.never_use(1)
    assert not bank.pin(1, on=False).pinned
    with pytest.raises(InputError, match="Memory 1 cannot be pinned: it is forgotten"):
        bank.pin(1)


def test_marks_stay_whatever_a_memory_comes_to_say(bank: MemoryBank) -> None:
    bank.add(TEA)
    bank.pin(1)
    bank.edit(1, COFFEE)
    assert bank.memory(1).pinned
    assert [version.memory.pinned for version in bank.history(1)] == [True, True]
    assert [memory.pinned for memory in bank.memories()] == [True]


def test_a_model_changes_no_pinned_memory_by_itself(bank: MemoryBank) -> None:
    bank.add("User lives in Oslo.")
    bank.pin(1)
    reply = [updating(1, "User lives in Bergen."), deleting(1), adding("User likes fish.")]
    done = bank.apply(reply, actor="manager", observed_at=NOON)
    assert [(o.status, o.reason) for o in done] == [("held", "memory 1 is pinned")] * 2 + [("applied", "")]
    bank.accept(done[0].id)
    assert texts(bank) == ["User lives in Bergen.", "User likes fish."]


def test_feedback_is_given_newest_first_and_holds_no_text(bank: MemoryBank, rows: Callable[[str], list[Any]]) -> None:
    bank.add(TEA)
    for text in ("User likes cocoa.", "User likes milk."):
        bank.edit(1, text)
    assert [f.operation_id for f in bank.feedback(limit=1)] == [3]
    bank.mark_wrong(1)
    bank.forget(1, purge=True)
    assert [f.kind for f in bank.feedback()] == ["wrong", "edited", "edited"]
    assert "likes" not in str(rows("SELECT * FROM feedback"))
