"""A bank of which nothing is kept."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from assistant.errors import InputError, StorageError
from assistant.memory.bank import MemoryBank
from tests.memory.shorthand import NOON, adding, texts
from tests.scripted import FakeEmbedder

CHAT = """
    import os, resource, signal, sys

    opened = []

    def watch(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                opened.append(arguments[0])
        elif event in ("os.mkdir", "os.rename", "os.remove"):
            opened.append(f"{event} {arguments[0]}")

    sys.addaudithook(watch)
    # SQLite tells no audit hook. But now not one byte can be written to any file without an error.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    from assistant.memory.bank import MemoryBank
    from tests.scripted import FakeEmbedder

    with MemoryBank.temporary(FakeEmbedder()) as bank:
        number = bank.new_conversation("Hush").id
        for _ in range(20):
            bank.add_message(number, "user", "I have a zubrowka. " * 5000, remember=True)
        bank.add("User has a zubrowka.")
        bank.index_all()
        list(bank.export_lines())
        bank.back_up_if_due()
        bank.forget(1, purge=True)
        bank.remove_conversation(number)
    print(opened)
"""


def test_everything_can_be_done_in_it() -> None:
    with MemoryBank.temporary(FakeEmbedder()) as bank:
        assert bank.is_temporary
        number = bank.new_conversation("Hush").id
        message = bank.add_message(number, "user", "I have a dog.", remember=True)
        bank.add_message(number, "assistant", "A dog!")
        job = bank.next_job()
        assert job is not None
        bank.apply(
            [adding("User has a dog.")],
            actor="manager",
            observed_at=NOON,
            source_message_id=message.id,
            job_id=job.id,
        )
        bank.index_all()
        [hit] = bank.search("dog")
        assert (hit.memory and hit.memory.text, hit.matched_by) == ("User has a dog.", "both")
        bank.keep_draft(number, "And a c")
        assert [found.conversation.title for found in bank.find_in_conversations("do", 9)] == ["Hush"]
        assert next(iter(bank.export_lines())) == '{"recollect": 1, "schema": 5}'
        bank.undo()
        bank.redo()
        bank.forget(1, purge=True)
        assert texts(bank) == []
        assert bank.remove_conversation(number) == []
        assert bank.back_up_if_due() is None
        with pytest.raises(InputError, match=r"There is no backup of a temporary chat: nothing of it is kept\."):
            bank.back_up()


def test_nothing_is_written_to_the_disk(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHAT)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


def test_each_is_a_bank_of_its_own_and_gone_once_it_is_closed() -> None:
    with MemoryBank.temporary() as one, MemoryBank.temporary() as other:
        one.add("User likes tea.")
        assert (texts(one), texts(other)) == (["User likes tea."], [])
    with pytest.raises(StorageError, match="was closed"):
        one.memories()


def test_what_reads_for_long_and_what_writes_may_use_it_at_once() -> None:
    with MemoryBank.temporary() as bank:
        bank.add("User likes tea.")
        lines = bank.export_lines()
        next(lines)
        assert texts(bank) == ["User likes tea."]
        assert len(list(lines)) > 3
        bank.add("User likes coffee.")
        assert len(texts(bank)) == 2
