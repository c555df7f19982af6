from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory import jobs
from assistant.memory.bank import Job, MemoryBank
from assistant.memory.operations import Action, OperationStatus
from tests.memory.shorthand import NOON, adding, start, texts

TAKE_AND_WAIT = """
import sys
from pathlib import Path
from assistant.memory.bank import MemoryBank
bank = MemoryBank.open(Path(sys.argv[1]))
job = bank.next_job()
print(job.id if job else None, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def said(bank: MemoryBank) -> list[int]:
    """Three messages that wait for the manager."""
    conversation = bank.new_conversation()
    return [bank.add_message(conversation.id, "user", text, remember=True).id for text in "abc"]


def test_jobs_come_in_the_order_their_messages_were_written(bank: MemoryBank, said: list[int]) -> None:
    seen = []
    while (job := bank.next_job()) is not None:
        seen.append(job.message_id)
        bank.finish_job(job.id)
    assert seen == said
    assert bank.pending_jobs() == 0


def test_a_message_that_is_not_to_be_remembered_is_not_queued(bank: MemoryBank) -> None:
    bank.add_message(bank.new_conversation().id, "assistant", "You like tea.")
    assert bank.next_job() is None


def test_one_job_at_a_time_because_the_next_depends_on_it(bank: MemoryBank, path: Path, said: list[int]) -> None:
    job = bank.next_job()
    with MemoryBank.open(path) as other:
        assert job is not None
        assert other.next_job() is None
        assert other.pending_jobs() == 3
        bank.finish_job(job.id)
        assert other.next_job() == Job(2, said[1], 1)


def test_the_operations_and_the_end_of_the_job_are_one_transaction(bank: MemoryBank, said: list[int]) -> None:
    job = bank.next_job()
    assert job is not None
    with pytest.raises(AttributeError):
        bank.apply([adding("One"), None], actor="manager", observed_at=NOON, job_id=job.id)  # type: ignore[list-item]
    assert (texts(bank), bank.operations(), bank.pending_jobs()) == ([], [], 3)
    bank.apply([adding("One")], actor="manager", observed_at=NOON, job_id=job.id)
    assert (texts(bank), bank.pending_jobs()) == (["One"], 2)


def test_a_job_that_another_process_did_meanwhile_is_not_done_twice(
    bank: MemoryBank, path: Path, said: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LEASE", -1.0)
    job = bank.next_job()
    assert job is not None
    with MemoryBank.open(path) as other:
        taken = other.next_job()
        assert taken == Job(job.id, job.message_id, 2)
        assert len(other.apply([adding("One")], actor="manager", observed_at=NOON, job_id=job.id)) == 1
    assert bank.apply([adding("Uno")], actor="manager", observed_at=NOON, job_id=job.id) == []
    assert texts(bank) == ["One"]


def test_a_failed_job_is_tried_three_times_and_then_held_for_review(bank: MemoryBank, said: list[int]) -> None:
    for attempt in (1, 2, 3):
        job = bank.next_job()
        assert job == Job(1, said[0], attempt)
        bank.fail_job(job.id, "the model ended")
    [held] = bank.operations(status=OperationStatus.HELD)
    assert (held.action, held.source_message_id) == (Action.NOOP, said[0])
    assert held.reason == "the message could not be read in 3 attempts: the model ended"
    assert bank.next_job() == Job(2, said[1], 1)


def test_a_released_job_has_not_been_tried(bank: MemoryBank, said: list[int]) -> None:
    for _ in range(5):
        job = bank.next_job()
        assert job == Job(1, said[0], 1)
        bank.release_job(job.id)
    assert bank.pending_jobs() == 3


def test_closing_the_bank_puts_its_job_back(bank: MemoryBank, path: Path, said: list[int]) -> None:
    other = MemoryBank.open(path)
    assert other.next_job() == Job(1, said[0], 1)
    other.close()
    assert bank.next_job() == Job(1, said[0], 1)


def test_a_held_reply_finishes_its_job(bank: MemoryBank, said: list[int]) -> None:
    job = bank.next_job()
    assert job is not None
    bank.hold("??", "no form", source_message_id=said[0], job_id=job.id)
    assert bank.pending_jobs() == 2


def test_what_a_killed_process_was_reading_is_read_again_at_once(bank: MemoryBank, path: Path, said: list[int]) -> None:
    with start(TAKE_AND_WAIT, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        assert bank.next_job() is None
        process.kill()
    assert bank.next_job() == Job(1, said[0], 2)


def test_a_message_that_kills_every_process_is_held_for_review(bank: MemoryBank, path: Path, said: list[int]) -> None:
    for _ in range(3):
        with start(TAKE_AND_WAIT, path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "1\n"
            process.kill()
    assert bank.next_job() == Job(2, said[1], 1)
    [held] = bank.operations(status=OperationStatus.HELD)
    assert held.source_message_id == said[0]


def test_a_reply_about_a_message_that_was_removed_meanwhile_is_kept_nowhere(bank: MemoryBank) -> None:
    conversation = bank.new_conversation()
    message = bank.add_message(conversation.id, "user", "I moved.", remember=True)
    job = bank.next_job()
    assert job is not None
    bank.remove_conversation(conversation.id)
    assert bank.hold("nonsense", "no form", source_message_id=message.id, job_id=job.id) is None
    assert bank.to_review() == []
