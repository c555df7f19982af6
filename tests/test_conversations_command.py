"""`recollect conversations` and `recollect memory pause`."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assistant import cli
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from tests.memory.shorthand import NOON, adding


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def bank(data: Path) -> Any:
    """A conversation about dogs that branches, and an imported one."""
    with MemoryBank.open(Paths(data)) as opened:
        dogs = opened.new_conversation("Dogs").id
        opened.add_message(dogs, "user", "I have a dgo.", created_at=NOON)
        said = opened.add_message(dogs, "user", "I have a dog.", created_at=NOON, instead_of=1, remember=True)
        opened.add_message(dogs, "assistant", "How nice!", created_at=NOON + timedelta(minutes=1))
        opened.apply([adding("User has a dog.")], actor="manager", observed_at=NOON, source_message_id=said.id)
        imported = opened.new_conversation("conv-26").id
        opened.add_message(imported, "user", "We sail.", speaker="Ann", created_at=NOON, external_id="locomo:1")
        yield opened


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main(["conversations", *map(str, arguments)])
    return code, *capsys.readouterr()


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    return json.loads(out)


def test_the_list_says_when_each_was_last_written_in(bank: MemoryBank, capsys: pytest.CaptureFixture[str]) -> None:
    when = NOON.astimezone()
    _, out, _ = run(capsys, "list")
    assert out == (
        f"    2  {when:%Y-%m-%d %H:%M}  conv-26  (1 message, imported)\n"
        f"    1  {when + timedelta(minutes=1):%Y-%m-%d %H:%M}  Dogs  (3 messages)\n"
    )
    assert run(capsys)[1] == out
    assert run(capsys, "list", "--limit", 1)[1] == out.splitlines(keepends=True)[0]
    assert printed(capsys, "list")[1] == {
        "id": 1,
        "title": "Dogs",
        "created_at": bank.conversation(1).created_at.isoformat(),
        "sample": False,
        "excluded": False,
        "messages": 3,
        "last_at": (NOON + timedelta(minutes=1)).isoformat(),
        "opening": "How nice!",
        "imported": False,
    }


def test_where_nothing_was_said_the_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "list") == (0, "", "Nothing was said yet.\n")
    assert printed(capsys, "list") == []


def test_a_conversation_is_shown_on_the_branch_that_is_shown(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "show", 1)
    assert out == (
        "# Dogs\n\n2026-03-01, 2 messages\n\n"
        "## You · 2026-03-01 12:00 · version 2 of 2; the others are not shown\n\nI have a dog.\n\n"
        "## Recollect · 2026-03-01 12:01\n\nHow nice!\n"
    )
    shown = printed(capsys, "show", 1)
    assert [(m["role"], m["text"], m["state"], m["version"], m["versions"]) for m in shown["messages"]] == [
        ("user", "I have a dog.", "complete", 2, 2),
        ("assistant", "How nice!", "complete", 1, 1),
    ]
    assert run(capsys, "show", 7)[0] == 3


def test_a_search_shows_the_line_that_fits(bank: MemoryBank, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "search", "sai") == (0, "    2  conv-26: We [sail].\n", "")
    assert run(capsys, "search", "zebra") == (0, "", "No conversation fits.\n")
    [found] = printed(capsys, "search", "nic")
    assert (found["id"], found["excerpt"], found["spans"]) == (1, "How nice!", [[4, 8]])
    assert found["message"]["message_id"] == 3
    [found] = printed(capsys, "search", "conv")
    assert (found["message"], found["excerpt"]) == (None, "conv-26")


def test_a_conversation_gets_another_title(bank: MemoryBank, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "rename", 1, " Our dog\nBuddy") == (0, "", "Conversation 1 is called Our dog now.\n")
    assert bank.conversation(1).title == "Our dog"
    assert printed(capsys, "rename", 1, "Dogs")["title"] == "Dogs"
    assert run(capsys, "rename", 1, " ")[0] == 2


def test_removing_is_asked_about(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, "remove", 1)[0] == 2
    terminal = io.StringIO("n\n")
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    assert run(capsys, "remove", 1, "--with-memories") == (
        130,
        "",
        "Remove conversation 1, Dogs, and what is remembered of it alone for good? [y/N] "
        "recollect: Nothing was removed.\n",
    )
    assert len(bank.conversations()) == 2


def test_a_conversation_is_removed_with_or_without_what_is_remembered_of_it(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "remove", 2, "--yes") == (0, "", "Conversation 2 is removed.\n")
    assert printed(capsys, "remove", 1, "--with-memories", "--yes") == {"removed": 1, "memories": [1]}
    assert (bank.conversations(), bank.memories()) == ([], [])


def test_a_conversation_is_written_to_a_new_file_or_printed(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "dogs.md"
    assert run(capsys, "export", 1, file) == (0, "", f"{file} holds conversation 1.\n")
    assert run(capsys, "export", 1)[1] == file.read_text("utf-8") == printed(capsys, "export", 1)["markdown"]
    assert run(capsys, "export", 1, file)[0] == 2
    assert printed(capsys, "export", 1, tmp_path / "again.md") == {"file": str(tmp_path / "again.md")}


def test_nothing_is_learned_from_an_excluded_one_until_it_is_included(
    bank: MemoryBank, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, note = run(capsys, "exclude", 1)
    assert note == "Nothing is learned from conversation 1 from now on. What was learned from it stays.\n"
    assert bank.pending_jobs() == 0
    assert "excluded" in run(capsys, "list")[1].splitlines()[1]
    _, _, note = run(capsys, "include", 1)
    assert note == "What is said in conversation 1 from now on is remembered again.\n"
    assert printed(capsys, "exclude", 1)["excluded"] is True
    assert printed(capsys, "include", 1)["excluded"] is False


def test_remembering_can_be_paused(bank: MemoryBank, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["memory", "pause"]) == 0
    assert capsys.readouterr().err == "Nothing is remembered from now on. What is said meanwhile is never read.\n"
    assert bank.paused
    assert cli.main(["memory", "resume"]) == 0
    assert capsys.readouterr().err == "What is said is remembered again (automatic).\n"
    assert cli.main(["memory", "pause", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"paused": True, "mode": "off"}
