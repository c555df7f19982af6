"""The sample conversation shows all that a memory goes through, and leaves nothing to do and nothing behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from assistant.conversation.sample import add_sample
from assistant.memory.bank import MemoryBank

EVENING = datetime(2026, 3, 31, 21, 30, tzinfo=timezone(timedelta(hours=2)))


def test_it_is_a_conversation_of_some_days_that_ends_the_day_before(bank: MemoryBank) -> None:
    sample = add_sample(bank, EVENING)
    assert (sample.title, sample.is_sample) == ("A sample: two dogs and a birthday", True)
    said = [message for message in bank.messages(sample.id, 50) if message.role == "user"]
    assert [f"{message.created_at:%d %b %H:%M}" for message in said] == [
        "15 Mar 19:13",
        "19 Mar 08:56",
        "22 Mar 20:20",
        "25 Mar 18:06",
        "28 Mar 09:03",
        "30 Mar 17:59",
    ]


def test_memories_are_added_updated_retired_and_one_proposal_is_held_by_the_banks_own_verdict(bank: MemoryBank) -> None:
    add_sample(bank, EVENING)
    assert [(str(row.action), str(row.status), row.text_before, row.text) for row in reversed(bank.operations())] == [
        ("ADD", "applied", None, "User has a dog named Buddy."),
        ("ADD", "applied", None, "Buddy is afraid of the vacuum cleaner."),
        ("ADD", "applied", None, "User works night shifts at the hospital."),
        ("ADD", "applied", None, "User prefers short answers."),
        ("UPDATE", "applied", "User has a dog named Buddy.", "User has two dogs named Buddy and Scout."),
        ("ADD", "applied", None, "User's sister Lena is allergic to nuts."),
        ("ADD", "held", None, "User is allergic to nuts."),
        ("DELETE", "applied", "User works night shifts at the hospital.", None),
    ]
    [proposal] = bank.proposals(10)
    assert proposal.operation.reason == "the message says this of your sister"


def test_each_memory_has_the_day_it_was_said_and_the_time_in_which_it_holds(bank: MemoryBank) -> None:
    add_sample(bank, EVENING)
    holding = {
        memory.text: (f"{memory.observed_at:%d %b}", str(memory.holds_from), str(memory.holds_until))
        for memory in bank.memories(include_all=True)
    }
    assert holding["User has two dogs named Buddy and Scout."] == ("22 Mar", "2026-W11", "None")
    assert holding["User works night shifts at the hospital."] == ("19 Mar", "2026-03", "2026-03-27")


def test_answers_name_the_memories_that_they_used_as_these_stood_then(bank: MemoryBank) -> None:
    sample = add_sample(bank, EVENING)
    replies = [message for message in bank.messages(sample.id, 50) if message.role == "assistant"]
    assert [[citation.text for citation in bank.citations(reply.id)] for reply in replies] == [
        [],
        [],
        ["User has a dog named Buddy."],
        [],
        ["User works night shifts at the hospital.", "User prefers short answers."],
        ["User has two dogs named Buddy and Scout.", "User's sister Lena is allergic to nuts."],
    ]


def test_nothing_is_left_for_the_manager_and_it_is_not_the_conversation_to_go_on_with(bank: MemoryBank) -> None:
    add_sample(bank)
    assert bank.pending_jobs() == 0
    assert bank.latest_conversation() is None


def test_it_can_be_written_on_the_first_day_of_a_year(bank: MemoryBank) -> None:
    add_sample(bank, datetime(2028, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert len(bank.memories(include_all=True)) == 5


def test_removing_it_with_its_memories_leaves_no_word_of_it_in_the_file(path: Path) -> None:
    with MemoryBank.open(path) as bank:
        mine = bank.add("User has a cat.")
        sample = add_sample(bank)
        bank.remove_conversation(sample.id, with_memories=True)
        assert [memory.text for memory in bank.memories()] == ["User has a cat."]
        assert bank.memory(mine.id) == mine
        assert bank.conversations() == []
        assert bank.proposals(10) == []
    left = b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())
    assert not [word for word in (b"Buddy", b"Scout", b"Lena", b"night shifts", b"short answers") if word in left]
