"""Exports of other assistants, and plain text, as conversations."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assistant.conversation.chatgpt import read_chatgpt
from assistant.conversation.claude import read_claude
from assistant.conversation.plain import read_plain
from assistant.conversation.recordings import RecordedConversation, RecordedTurn
from assistant.errors import InputError
from assistant.memory.records import MessageRole

READERS = (read_chatgpt, read_claude)
SAID = datetime(2025, 5, 1, 12, tzinfo=UTC)


def node(parent: str | None, role: str, *parts: Any, at: float | None = SAID.timestamp()) -> dict[str, Any]:
    message = {"author": {"role": role}, "create_time": at, "content": {"content_type": "text", "parts": list(parts)}}
    return {"parent": parent, "message": message}


CHATGPT = {
    "title": "Dogs",
    "create_time": SAID.timestamp(),
    "current_node": "d",
    "mapping": {
        "root": {"parent": None, "message": None},
        "s": node("root", "system", ""),
        "a": node("s", "user", "I have a dog, Rex."),
        "b": node("s", "user", "I have a dog, Buddy.", {"asset_pointer": "picture"}),
        "c": node("b", "assistant", "How nice!"),
        "t": node("c", "tool", "a page"),
        "d": node("t", "user", "He is two.", at=None),
    },
}
CLAUDE = {
    "name": "Dogs",
    "created_at": "2025-05-01T12:00:00Z",
    "chat_messages": [
        {
            "uuid": "1",
            "sender": "human",
            "created_at": "2025-05-01T12:00:00.000000Z",
            "text": "I have a dog.",
            "content": [],
        },
        {
            "uuid": "2",
            "sender": "assistant",
            "created_at": "2025-05-01T12:00:00+00:00",
            "text": "",
            "content": [{"type": "thinking", "text": None}, {"type": "text", "text": "How nice!"}],
        },
        {"uuid": "3", "sender": "human", "created_at": "2025-05-01T12:00:00", "text": " ", "content": []},
    ],
}


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(content))
    return path


def test_an_export_of_chatgpt_is_the_branch_that_was_last_seen(tmp_path: Path) -> None:
    assert read_chatgpt(written(tmp_path, [CHATGPT])) == [
        RecordedConversation(
            "Dogs",
            (
                RecordedTurn(None, "I have a dog, Buddy.", SAID, "chatgpt:b"),
                RecordedTurn(None, "How nice!", SAID, "chatgpt:c", MessageRole.ASSISTANT),
                RecordedTurn(None, "He is two.", SAID, "chatgpt:d"),
            ),
        )
    ]


def test_an_export_of_claude(tmp_path: Path) -> None:
    assert read_claude(written(tmp_path, [CLAUDE])) == [
        RecordedConversation(
            "Dogs",
            (
                RecordedTurn(None, "I have a dog.", SAID, "claude:1"),
                RecordedTurn(None, "How nice!", SAID, "claude:2", MessageRole.ASSISTANT),
            ),
        )
    ]


def test_conversations_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    earlier = json.loads(json.dumps(CLAUDE).replace("2025-", "2024-").replace("Dogs", "Cats"))
    assert [c.name for c in read_claude(written(tmp_path, [CLAUDE, earlier]))] == ["Cats", "Dogs"]


def test_a_branch_that_bites_its_tail_ends(tmp_path: Path) -> None:
    looped = json.loads(json.dumps(CHATGPT))
    looped["mapping"]["b"]["parent"] = "d"
    assert len(read_chatgpt(written(tmp_path, [looped]))[0].turns) == 3


@pytest.mark.parametrize("read", [read_chatgpt, read_claude])
@pytest.mark.parametrize("content", [[], {}, [1], [{}], None, "x", [{"mapping": [], "current_node": "x"}], 7])
def test_what_is_no_export_is_refused(
    tmp_path: Path, read: Callable[[Path], list[RecordedConversation]], content: Any
) -> None:
    with pytest.raises(InputError):
        read(written(tmp_path, content))


def test_a_text_is_its_paragraphs(tmp_path: Path) -> None:
    path = tmp_path / "diary.txt"
    path.write_text("\ufeffI moved to Lima.\nIt is warm.\n\n \nI have a dog.\n\nI have a dog.\n")
    [conversation] = read_plain(path)
    assert [turn.text for turn in conversation.turns] == ["I moved to Lima.\nIt is warm.", "I have a dog."]
    assert len({turn.external_id for turn in conversation.turns}) == 2


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_text(" \n\n")
    for name in ("none", "bytes", "empty"):
        with pytest.raises(InputError):
            read_plain(tmp_path / name)
    with pytest.raises(InputError, match="is not JSON"):
        read_claude(tmp_path / "empty")


def test_an_export_is_read_as_it_was_sent(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/conversations-000.json", json.dumps([CHATGPT]))
        archive.writestr("data/conversations-001.json", json.dumps([{**CHATGPT, "title": "More"}]))
        archive.writestr("data/shared_conversations.json", "[{}]")
        archive.writestr("chat.html", "<html>")
    assert sorted(conversation.name for conversation in read_chatgpt(path)) == ["Dogs", "More"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", json.dumps([CLAUDE]))
    assert [conversation.name for conversation in read_claude(path)] == ["Dogs"]


@pytest.mark.parametrize("read", READERS)
def test_an_archive_that_is_none_of_theirs_is_told(
    read: Callable[[Path], list[RecordedConversation]], tmp_path: Path
) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("holiday.json", "[]" * 2000)
    with pytest.raises(InputError, match=r"holds no conversations\.json"):
        read(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", "[{]" * 2000)
    with pytest.raises(InputError, match="not JSON"):
        read(path)
    content = bytearray(path.read_bytes())
    content[60:70] = b"\xff" * 10
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be unpacked"):
        read(path)
