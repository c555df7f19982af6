"""Five hundred kills at random moments under load: what was acknowledged is there afterwards, and the file is whole."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from assistant.errors import RecollectError
from assistant.memory.bank import MemoryBank
from assistant.memory.database import problems
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from tests.memory.shorthand import NOON
from tests.scripted import FakeEmbedder

KILLS = 500
LONGEST = 0.06
"""Seconds that a writer lives at most: some are killed while they open the bank, most while they write."""


def write_until_killed(path: Path, number: int, acknowledged: int) -> None:
    """Does a bit of everything, and says after each write what must be there from then on."""
    rng = random.Random(number)

    def say(line: str) -> None:
        os.write(acknowledged, f"{line}\n".encode())

    bank = MemoryBank.open(path, FakeEmbedder(dimensions=8))
    conversation = bank.new_conversation(f"c{number}").id
    for i in range(1_000_000):
        match rng.randrange(6):
            case 0 | 1:
                memory = bank.add(f"fact {number} {i}")
                say(f"memory\t{memory.id}\t{memory.text}")
            case 2:
                message = bank.add_message(conversation, "user", f"message {number} {i}", remember=True)
                say(f"message\t{message.id}\t{message.text}")
            case 3:
                job = bank.next_job()
                if job is not None:
                    proposed = MemoryOperation(Action.ADD, None, f"job {number} {job.id}")
                    [done] = bank.apply([proposed], actor="manager", observed_at=NOON, job_id=job.id) or [None]
                    if done is not None and done.status is OperationStatus.APPLIED:
                        say(f"memory\t{done.memory_id}\t{done.text}")
            case 4:
                try:
                    undone = bank.undo()
                    say(f"operation\t{undone.id}\t")
                    gone = bank.undo(undone.id)
                    say(f"operation\t{gone.id}\t")
                except RecollectError:
                    pass
            case _:
                bank.index_pending(batch=4)


def killed_writer(path: Path, number: int, seconds: float) -> list[str]:
    """What a writer had acknowledged when it was killed after `seconds`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            write_until_killed(path, number, writer)
        finally:
            os._exit(1)
    os.close(writer)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    with os.fdopen(reader) as lines:
        found = [line.rstrip("\n") for line in lines if line.endswith("\n")]
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the writer ended by itself"
    return found


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forked")
def test_five_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / "recollect.db"
    acknowledged: list[list[str]] = []
    with_something = 0
    for number in range(KILLS):
        said = killed_writer(path, number, rng.uniform(0.0, LONGEST))
        with_something += bool(said)
        acknowledged += [line.split("\t") for line in said]
        if number % 50 == 49:
            assert problems(path) == []
    assert with_something > KILLS // 4
    with MemoryBank.open(path) as bank:
        # A text stands as it was acknowledged, in the version that was current then.
        for kind, number_, text in acknowledged:
            if kind == "memory":
                assert bank.history(int(number_))[0].memory.text == text
            elif kind == "message":
                assert bank.message(int(number_)).text == text
        operations = {operation.id for operation in bank.operations(limit=1_000_000)}
        assert {int(n) for kind, n, _ in acknowledged if kind == "operation"} <= operations
    assert problems(path) == []
