"""Remembering nothing for a while: what is said meanwhile is never read, and what was said before waits."""

from __future__ import annotations

import pytest

from assistant.memory.bank import MemoryBank, Mode


def read_all(bank: MemoryBank) -> list[str]:
    read = []
    while (job := bank.next_job()) is not None:
        read.append(bank.message(job.message_id).text)
        bank.finish_job(job.id)
    return read


def test_what_is_said_in_a_pause_is_never_read_and_what_was_said_before_waits(bank: MemoryBank) -> None:
    number = bank.new_conversation().id
    before = bank.add_message(number, "user", "before", remember=True)
    bank.pause()
    during = bank.add_message(number, "user", "during", remember=True)
    assert (bank.paused, read_all(bank), bank.pending_jobs()) == (True, [], 1)
    assert [bank.is_to_be_read(message.id) for message in (before, during)] == [False, False]
    bank.resume()
    bank.add_message(number, "user", "after", remember=True)
    assert [bank.is_to_be_read(message.id) for message in (before, during)] == [True, False]
    assert (bank.paused, read_all(bank)) == (False, ["before", "after"])


@pytest.mark.parametrize("mode", [Mode.AUTOMATIC, Mode.ASK])
def test_after_a_pause_it_is_as_it_was_before(bank: MemoryBank, mode: Mode) -> None:
    bank.mode = mode
    bank.pause()
    bank.pause()
    assert bank.mode is Mode.OFF
    bank.resume()
    assert bank.mode is mode
    bank.resume()
    assert bank.mode is mode


def test_switching_it_off_is_a_pause(bank: MemoryBank) -> None:
    bank.resume()
    assert bank.mode is Mode.AUTOMATIC
    bank.mode = Mode.ASK
    bank.mode = Mode.OFF
    assert bank.paused
    bank.resume()
    assert bank.mode is Mode.ASK


def test_a_job_at_hand_when_the_pause_begins_can_still_be_finished(bank: MemoryBank) -> None:
    bank.add_message(bank.new_conversation().id, "user", "Hello", remember=True)
    job = bank.next_job()
    assert job is not None
    bank.pause()
    bank.finish_job(job.id)
    bank.resume()
    assert (bank.pending_jobs(), bank.next_job()) == (0, None)
