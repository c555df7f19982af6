"""An encrypted bank: nothing of it can be read without its passphrase, and everything works with it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from assistant.errors import DatabaseBusy, Locked, StorageError
from assistant.memory import backups, checking, encryption, sealing
from assistant.memory.bank import MatchedBy, MemoryBank
from assistant.memory.database import Database, problems
from assistant.memory.encryption import Key, is_encrypted
from tests.memory.shorthand import NOON, start, texts, updating
from tests.scripted import FakeEmbedder

MARK = b"zanzibarine"


def raw(path: Path) -> bytes:
    """All there is in the data folder."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.rglob("*")) if file.is_file()).lower()


def fill(bank: MemoryBank) -> None:
    bank.embedder = FakeEmbedder()
    bank.add("User keeps zanzibarine notes.")
    conversation = bank.new_conversation("zanzibarine").id
    bank.add_message(conversation, "user", "I keep zanzibarine notes.")
    bank.index_all()


@pytest.fixture(autouse=True)
def cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encryption._COST, "n", 2**4)


@pytest.fixture
def sealed(bank: MemoryBank, path: Path) -> Path:
    """The path of a bank that had been a plain file with a backup, and was then encrypted as "correct horse"."""
    fill(bank)
    bank.back_up()
    bank.close()
    assert MARK in raw(path)
    sealing.change_key(path, None, Key.new("correct horse"))
    return path


def test_nothing_can_be_read_in_any_file_not_even_while_it_is_open(sealed: Path) -> None:
    assert MARK not in raw(sealed)
    with MemoryBank.open(sealed, FakeEmbedder(), key=Key.of(sealed, "correct horse")) as bank:
        bank.apply([updating(1, "User keeps zanzibarine books.")], actor="user", observed_at=NOON)
        bank.back_up()
        bank.index_all()
        assert MARK not in raw(sealed)
        assert sealed.with_name("recollect.db-wal").stat().st_size > 0


def test_with_its_passphrase_it_is_a_bank_like_any_other(sealed: Path) -> None:
    with MemoryBank.open(sealed, FakeEmbedder(), key=Key.of(sealed, "correct horse")) as bank:
        assert [hit.matched_by for hit in bank.search("zanzibarine")] == [MatchedBy.BOTH]
        bank.add("User likes tea.")
        bank.undo()
        bank.forget(1, purge=True)
        assert texts(bank) == []
    assert sealed.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("passphrase", ["correct horsf", ""])
def test_another_passphrase_opens_nothing_and_changes_nothing(sealed: Path, passphrase: str) -> None:
    before = sealed.read_bytes()
    with pytest.raises(Locked, match="does not open"):
        MemoryBank.open(sealed, key=Key.of(sealed, passphrase))
    with pytest.raises(Locked, match="does not open"):
        Key.checked(sealed, passphrase)
    with pytest.raises(Locked, match="is encrypted"):
        MemoryBank.open(sealed)
    with pytest.raises(Locked, match="is encrypted"):
        problems(sealed)
    assert sealed.read_bytes() == before


def test_backups_open_by_the_same_passphrase_and_plain_ones_are_gone(sealed: Path) -> None:
    [backup] = backups.all_of(sealed)
    assert is_encrypted(backup)
    with MemoryBank.open(backup, key=Key.of(backup, "correct horse")) as copy:
        assert texts(copy) == ["User keeps zanzibarine notes."]


def test_the_passphrase_can_be_changed_and_taken_away(sealed: Path) -> None:
    sealing.change_key(sealed, Key.of(sealed, "correct horse"), Key.new("battery staple"))
    with pytest.raises(Locked):
        Key.checked(sealed, "correct horse")
    sealing.change_key(sealed, Key.checked(sealed, "battery staple"), None)
    assert not is_encrypted(sealed)
    assert [is_encrypted(backup) for backup in backups.all_of(sealed)] == [False]
    with MemoryBank.open(sealed) as bank:
        assert texts(bank) == ["User keeps zanzibarine notes."]


def test_a_bank_that_is_in_use_is_left_as_it_is(bank: MemoryBank, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(bank)
    monkeypatch.setattr("assistant.memory.database.BUSY_TIMEOUT", 0.05)
    with pytest.raises(DatabaseBusy):
        sealing.change_key(path, None, Key.new("correct horse"))
    assert texts(bank) == ["User keeps zanzibarine notes."]
    assert not path.with_name("recollect.db.partial").exists()


def test_a_damaged_page_is_noticed(sealed: Path) -> None:
    key = Key.of(sealed, "correct horse")
    content = bytearray(sealed.read_bytes())
    content[4096 * 8 + 100] ^= 1
    sealed.write_bytes(content)
    assert problems(sealed, key) != []
    with pytest.raises(StorageError):
        for finding in checking.check(Database(sealed, key=key)):
            raise StorageError(finding.what)


def test_a_sqlite_without_ciphers_refuses_instead_of_writing_plainly(
    bank: MemoryBank, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.close()
    monkeypatch.delattr("apsw.mc_version")
    with pytest.raises(StorageError, match="cannot encrypt"):
        sealing.change_key(path, None, Key.new("correct horse"))
    assert not is_encrypted(path)


def test_a_key_does_not_show_itself_in_a_traceback() -> None:
    key = Key.new("correct horse")
    assert "correct" not in repr(key)
    assert key.key.hex() not in repr(key)
    assert repr(key.key) not in repr(key)


_CONVERT = """
import sys
from pathlib import Path
from assistant.memory import sealing
from assistant.memory.encryption import Key
path = Path(sys.argv[1])
print("begins", flush=True)
sealing.change_key(path, None, Key(b"k" * 32, b"s" * 16))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_at_any_moment_the_bank_is_whole_in_one_form_or_the_other(bank: MemoryBank, path: Path) -> None:
    fill(bank)
    for number in range(300):
        bank.add(f"fact {number} " * 20)
    bank.close()
    forms = set()
    for wait in (0.0, 0.004, 0.008, 0.012, 0.016, 0.02, 0.03, 0.04, 0.06, 0.1):
        child = start(_CONVERT, path)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        key = Key(b"k" * 32, b"s" * 16) if is_encrypted(path) else None
        forms.add(key is None)
        with MemoryBank.open(path, key=key) as opened:
            assert len(opened.memories()) == 301
        assert problems(path, key) == []
        if key is not None:
            sealing.change_key(path, key, None)
    assert forms == {True, False}


def test_the_key_is_what_rfc_7914_makes_of_the_passphrase_at_that_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert encryption._COST == {"n": 65536, "r": 8, "p": 1}
    made = Key._made("correct horse", b"0123456789abcdef").key.hex()
    assert made == "9ec337667748bad3305feca6105b66cf3b771c27617beb41bc952198c35bd2f5"


def test_a_fork_of_an_encrypted_bank_is_under_no_key(sealed: Path) -> None:
    with (
        MemoryBank.open(sealed, FakeEmbedder(), key=Key.of(sealed, "correct horse")) as bank,
        bank.fork() as fork,
    ):
        assert texts(fork) == ["User keeps zanzibarine notes."]
