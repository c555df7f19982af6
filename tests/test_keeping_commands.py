"""`recollect export`, `import` of an export, `backup`, `doctor`, and the memory commands that look back in time."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import apsw
import pytest

from assistant import cli
from assistant.memory import backups, encryption
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from tests.memory.shorthand import NOON, adding, updating

BUDDY = "User has a dog named Buddy."
BOTH = "User has two dogs named Buddy and Scout."


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(Path(cli.__file__).parents[1]))
    monkeypatch.setitem(encryption._COST, "n", 2**4)
    return folder


@pytest.fixture
def bank(data: Path) -> MemoryBank:
    """A dog, which became two, and a forgotten tea."""
    opened = MemoryBank.open(Paths(data))
    message = opened.add_message(
        opened.new_conversation("dogs").id, "user", "I have a dog, Buddy. 我爱茶", created_at=NOON
    )
    opened.apply([adding(BUDDY)], actor="manager", observed_at=NOON, source_message_id=message.id, model="tiny")
    opened.apply([updating(1, BOTH), adding("User likes tea.")], actor="manager", observed_at=NOON)
    opened.forget(2)
    return opened


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_an_export_brings_everything_back_in_another_folder(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.jsonl"
    code, _, note = run(capsys, "export", file)
    assert (code, note) == (0, f"{file} holds {len(file.read_text().splitlines())} lines.\n")
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(tmp_path / "other"))
    assert run(capsys, "import", file, "--format", "recollect") == (0, "The bank is there, with 1 memories.\n", "")
    with MemoryBank.open(Paths(tmp_path / "other")) as other:
        assert other.memories(include_all=True) == bank.memories(include_all=True)
        assert other.operations() == bank.operations()
        assert other.history(1) == bank.history(1)
        assert [hit.message and hit.message.text for hit in other.search("爱茶", kinds=("message",))] == [
            "I have a dog, Buddy. 我爱茶"
        ]
        other.undo(4)
        assert [memory.text for memory in other.memories()] == [BOTH, "User likes tea."]


def test_an_export_never_replaces_a_file_and_an_import_never_a_bank(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("precious")
    code, _, note = run(capsys, "export", file)
    assert (code, note) == (2, f"recollect: {file} is there already.\n  Name another file.\n")
    assert file.read_text() == "precious"
    other = tmp_path / "other.jsonl"
    run(capsys, "export", other)
    code, _, note = run(capsys, "import", other, "--format", "recollect")
    assert code == 2
    assert "There is a bank at" in note
    assert [memory.text for memory in bank.memories()] == [BOTH]


def test_a_list_is_written_for_people_and_read_again(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, out, _ = run(capsys, "export", "--format", "markdown")
    assert out == f"# Memories\n\n- {BOTH} <!-- said 2026-03-01T12:00:00+02:00 -->\n"
    file = tmp_path / "list.md"
    file.write_text(out + "* User plays chess.\n- User likes tea. <!-- said 2026-03-01T12:00:00+02:00 -->\n- \n")
    code, out, note = run(capsys, "import", file, "--format", "markdown")
    assert (code, out) == (0, "1 of 3 items are remembered now that were not before.\n")
    assert note == (
        f"not done: remembered: {BOTH} (memory 1 already says this)\n"
        "not done: remembered: User likes tea. (you had this forgotten)\n"
    )
    assert [memory.text for memory in bank.memories()] == [BOTH, "User plays chess."]


def test_what_was_known_at_a_date_and_all_that_a_memory_ever_said(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "memory", "list", "--as-of", "2020-01-01") == (0, "", "Nothing was remembered then.\n")
    [since, later] = [version.since for version in bank.history(1)]
    _, out, _ = run(capsys, "memory", "list", "--as-of", since.isoformat(), "--json")
    assert [memory["text"] for memory in json.loads(out)] == [BUDDY]
    _, out, _ = run(capsys, "memory", "list", "--as-of", f"{later:%Y-%m-%d}")
    assert out == f"    1  2026-03-01  you         {BOTH}\n"
    _, out, _ = run(capsys, "memory", "history", "1", "--json")
    assert [(row["text"], row["version"], row["operation_id"]) for row in json.loads(out)] == [
        (BUDDY, 1, 1),
        (BOTH, 2, 2),
    ]
    code, _, note = run(capsys, "memory", "list", "--as-of", "yesterday")
    assert code == 2
    assert "'yesterday' is no date" in note


def test_the_journal_names_the_model_and_the_sentence_it_rests_on(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "memory", "show", "1", "--json")
    [first, _] = json.loads(out)["operations"]
    assert (first["model"], first["quote"]) == ("tiny", "I have a dog, Buddy.")
    _, out, _ = run(capsys, "memory", "show", "1")
    assert f" by manager (tiny): remembered: {BUDDY} (recollect memory undo 1)\n" in out
    assert "\n         because of: I have a dog, Buddy.\n" in out


def test_what_was_undone_is_done_again_in_another_process(bank: MemoryBank, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "memory", "undo", "2")
    assert [memory.text for memory in bank.memories()] == [BUDDY]
    code, _, note = run(capsys, "memory", "redo")
    assert (code, note) == (0, f"updated: {BUDDY} → {BOTH} (recollect memory undo 6)\n")
    assert [memory.text for memory in bank.memories()] == [BOTH]
    code, _, note = run(capsys, "memory", "redo", "2")
    assert (code, note) == (2, "recollect: Operation 2 is not undone, so there is nothing to redo.\n")
    assert run(capsys, "memory", "redo")[2] == "recollect: There is nothing to redo.\n"


def test_the_mode_is_shown_set_and_kept(bank: MemoryBank, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "memory", "mode") == (0, "automatic\n", "")
    assert run(capsys, "memory", "mode", "ask") == (0, "ask\n", "")
    assert run(capsys, "memory", "mode", "--json") == (0, '{\n  "mode": "ask"\n}\n', "")
    assert bank.mode == "ask"
    assert run(capsys, "memory", "mode", "sometimes")[0] == 2


def test_search_may_be_narrowed_and_says_why(bank: MemoryBank, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "memory", "search", "Buddy's dogs", "--messages", "--explain")
    assert out == (
        f"    1  2026-03-01  {BOTH}\n       number 1 by words (buddy, dogs), score 0.0164\n"
        "       2026-03-01  user: I have a dog, Buddy. 我爱茶\n       number 1 by words (buddy, dogs), score 0.0164\n"
    )
    _, _, note = run(capsys, "memory", "search", "Buddy", "--before", "2026-03-01")
    assert note == "No memory fits (searched by text).\n"
    _, out, _ = run(capsys, "memory", "search", "Buddy", "--from", "2026-02-28", "--on", "2026-03-05", "--json")
    assert [hit["why"]["words"] for hit in json.loads(out)] == [["buddy"]]


def test_a_backup_is_made_and_named(bank: MemoryBank, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "backup")
    assert code == 0
    assert Path(out.strip()) == backups.all_of(Paths(data).database)[0]
    with MemoryBank.open(Path(out.strip())) as copy:
        assert copy.operations() == bank.operations()


def test_the_doctor_finds_a_whole_bank_whole(bank: MemoryBank, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, note = run(capsys, "doctor")
    assert code == 0
    assert re.search(r"^✓ bank +The bank is whole \(\d+ kB\)\.$", out, re.MULTILINE)
    assert note.startswith("Nothing is wrong; ")
    code, out, _ = run(capsys, "doctor", "--json")
    assert code == 0
    [found] = [row for row in json.loads(out) if row["name"] == "bank"]
    assert (set(found), found["status"], found["hint"]) == ({"name", "status", "message", "hint"}, "good", "")
    assert [row["status"] for row in json.loads(out) if row["status"] == "problem"] == []


def test_the_doctor_mends_an_index_when_asked_to(
    bank: MemoryBank, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = apsw.Connection(str(Paths(data).database))
    connection.execute("DELETE FROM memory_text")
    connection.execute("UPDATE memory_meaning SET digest = 1")
    connection.close()
    code, out, note = run(capsys, "doctor")
    assert code == 4
    for table in ("memory_text", "memory_meaning"):
        assert (
            f"✗ bank                the index {table} does not agree with its texts\n"
            "                      `recollect doctor --rebuild` mends it.\n"
        ) in out
    assert "is not whole" in note
    found = json.loads(run(capsys, "doctor", "--json")[1])
    assert next(row for row in found if row["name"] == "bank") == {
        "name": "bank",
        "status": "problem",
        "message": "the index memory_text does not agree with its texts",
        "hint": "`recollect doctor --rebuild` mends it.",
        "ailment": "text index",
        "what": "the index memory_text does not agree with its texts",
        "mendable": True,
    }
    code, out, _ = run(capsys, "doctor", "--rebuild")
    assert (code, "The bank is whole" in out) == (0, True)
    assert [hit.memory and hit.memory.id for hit in bank.search("dogs")] == [1]


def test_the_doctor_names_a_backup_for_a_damaged_file_and_leaves_the_file_alone(
    bank: MemoryBank, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = bank.back_up()
    bank.close()
    path = Paths(data).database
    content = bytearray(path.read_bytes())
    content[4096 * 5 : 4096 * 9] = b"\xff" * 4096 * 4
    path.write_bytes(content)
    code, out, _ = run(capsys, "doctor", "--rebuild")
    assert code == 4
    assert f" `recollect restore` puts {backup} in its place.\n" in out
    assert path.read_bytes() == content
    code, _, note = run(capsys, "restore")
    assert code == 0
    [aside] = path.parent.glob("recollect.db.replaced-*Z")
    assert note == f"The bank is that of {backup}.\nWhat was there before is {aside}.\n"
    assert aside.read_bytes()[4096:] == content[4096:], "all but the header, which says that there is no log"
    with MemoryBank.open(path) as restored:
        assert [memory.text for memory in restored.memories()] == [BOTH]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_doctor_that_is_killed_by_what_it_finds_says_so(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What stands in the way of a real library that crashes: a sitecustomize that ends the child as a crash would.
    (tmp_path / "sitecustomize.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, out, _ = run(capsys, "doctor")
    assert code == 4
    assert "✗ bank                the check ended with status -11\n" in out


def test_a_backup_is_put_in_the_place_of_a_bank_that_is_whole_and_nobody_has_open(
    bank: MemoryBank, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = bank.back_up()
    bank.add("User plays chess.")
    monkeypatch.setattr("assistant.memory.database.Database.__init__.__kwdefaults__", {"key": None, "busy_timeout": 0})
    code, _, note = run(capsys, "restore", backup)
    assert code == 4
    assert "Another process" in note
    bank.close()
    code, out, _ = run(capsys, "restore", backup, "--json")
    assert code == 0
    with MemoryBank.open(Paths(data)) as restored:
        assert [memory.text for memory in restored.memories()] == [BOTH]
    with MemoryBank.open(Path(json.loads(out)["replaced"])) as replaced:
        assert [memory.text for memory in replaced.memories()] == [BOTH, "User plays chess."]
        replaced.add("User lives in Oslo.")
    with MemoryBank.open(Paths(data)) as restored:
        restored.forget(1, purge=True)
    assert list(data.glob("*.replaced-*")) == []


def test_a_backup_that_is_not_whole_replaces_nothing(
    bank: MemoryBank, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "restore")[2] == f"recollect: There is no backup in {data / 'backups'}.\n"
    backup = bank.back_up()
    bank.close()
    backup.write_bytes(backup.read_bytes()[:8192])
    code, _, note = run(capsys, "restore")
    assert code == 4
    assert f"The backup {backup} is not whole" in note
    with MemoryBank.open(Paths(data)) as same:
        assert [memory.text for memory in same.memories()] == [BOTH]


def test_the_doctor_needs_a_bank(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    code, out, note = run(capsys, "doctor")
    assert "! bank                There is no bank at" in out
    assert (code, note) == (
        2,
        f"recollect: There is no bank at {data / 'recollect.db'}.\n  It comes with the first message.\n",
    )


def with_passphrase(monkeypatch: pytest.MonkeyPatch, said: str, passphrase: str | None = None) -> None:
    """Standard input says `said`, and the environment has `passphrase`."""
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    if passphrase is None:
        monkeypatch.delenv("RECOLLECT_PASSPHRASE", raising=False)
    else:
        monkeypatch.setenv("RECOLLECT_PASSPHRASE", passphrase)


def test_an_encrypted_bank_opens_by_its_passphrase_for_every_command(
    bank: MemoryBank, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.close()
    with_passphrase(monkeypatch, "correct horse\n")
    assert run(capsys, "encrypt") == (0, "", "The bank is encrypted.\n")
    with_passphrase(monkeypatch, "")
    locked = f"recollect: {data / 'recollect.db'} is encrypted.\n"
    for command in (("memory", "list"), ("doctor",), ("backup",), ("export",), ("decrypt",)):
        code, out, note = run(capsys, *command)
        assert (code, out) == (4, "")
        assert note.startswith(locked)
    with_passphrase(monkeypatch, "", "wrong")
    assert run(capsys, "memory", "list")[2].startswith(f"recollect: This passphrase does not open {data}")
    with_passphrase(monkeypatch, "", "correct horse")
    assert run(capsys, "memory", "list")[1] == f"    1  2026-03-01  you         {BOTH}\n"
    code, out, _ = run(capsys, "doctor")
    assert (code, "encrypted)." in out) == (0, True)
    assert run(capsys, "backup")[0] == 0
    with_passphrase(monkeypatch, "battery staple\n", "correct horse")
    assert run(capsys, "encrypt")[0] == 0
    with_passphrase(monkeypatch, "", "battery staple")
    assert run(capsys, "decrypt", "--json") == (0, '{\n  "encrypted": false\n}\n', "")
    with_passphrase(monkeypatch, "")
    assert run(capsys, "memory", "list")[0] == 0
    assert run(capsys, "decrypt")[2] == "recollect: The bank is not encrypted.\n"


def test_an_empty_passphrase_is_refused(
    bank: MemoryBank, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.close()
    with_passphrase(monkeypatch, "\n")
    code, _, note = run(capsys, "encrypt")
    assert (code, note.splitlines()[0]) == (2, "recollect: An empty passphrase protects nothing.")
    assert (data / "recollect.db").read_bytes().startswith(b"SQLite format 3")


def test_a_passphrase_is_asked_for_three_times_in_a_terminal(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.close()
    with_passphrase(monkeypatch, "correct horse\n")
    run(capsys, "encrypt")
    answers = iter(["wrong", "worse", "correct horse", "wrong", "wrong", "wrong"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    assert run(capsys, "memory", "list")[1] == f"    1  2026-03-01  you         {BOTH}\n"
    assert run(capsys, "memory", "list")[0] == 4
