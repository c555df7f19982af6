"""A conversation as Markdown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assistant.conversation.writing_out import as_markdown, write
from assistant.errors import InputError, NotFoundError, NotWritable
from assistant.memory.bank import MemoryBank

NINE = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def test_a_conversation_says_who_said_what_and_when(bank: MemoryBank) -> None:
    number = bank.new_conversation("Dogs & # cats").id
    bank.add_message(number, "user", "How many dogs?\n\n- Buddy\n- Scout", created_at=NINE)
    bank.add_message(number, "assistant", "Two.", created_at=NINE + timedelta(minutes=1))
    assert as_markdown(bank, number) == (
        "# Dogs & # cats\n"
        "\n"
        "2026-11-27, 2 messages\n"
        "\n"
        "## You · 2026-11-27 09:00\n"
        "\n"
        "How many dogs?\n\n- Buddy\n- Scout\n"
        "\n"
        "## Recollect · 2026-11-27 09:01\n"
        "\n"
        "Two.\n"
    )


def test_what_stands_beside_the_shown_branch_is_mentioned(bank: MemoryBank) -> None:
    number = bank.new_conversation("Dogs").id
    first = bank.add_message(number, "user", "How many dgos?", created_at=NINE)
    again = bank.add_message(number, "user", "How many dogs?", created_at=NINE, instead_of=first.id)
    for text, state in (("Two.", "complete"), ("Three", "stopped"), ("Fo", "partial")):
        bank.add_message(number, "assistant", text, created_at=NINE, parent_id=again.id, state=state)
    headings = [line for line in as_markdown(bank, number).splitlines() if line.startswith("##")]
    assert headings == [
        "## You · 2026-11-27 09:00 · version 2 of 2; the others are not shown",
        "## Recollect · 2026-11-27 09:00 · cut off · answer 3 of 3; the others are not shown",
    ]


def test_a_conversation_over_days_says_from_when_to_when_and_others_go_by_their_names(bank: MemoryBank) -> None:
    number = bank.new_conversation("").id
    bank.add_message(number, "user", "Hello", speaker="Ann", created_at=NINE)
    bank.add_message(number, "user", "Hello!", speaker="Bob", created_at=NINE + timedelta(days=3))
    written = as_markdown(bank, number)
    assert written.startswith(f"# Conversation {number}\n\n2026-11-27 to 2026-11-30, 2 messages\n")
    assert "## Ann · 2026-11-27 09:00" in written


def test_one_in_which_nothing_was_said_is_a_title(bank: MemoryBank) -> None:
    conversation = bank.new_conversation("Quiet")
    assert as_markdown(bank, conversation.id) == f"# Quiet\n\n{conversation.created_at:%Y-%m-%d}, 0 messages\n"


def test_one_that_is_not_there_cannot_be_written_out(bank: MemoryBank) -> None:
    with pytest.raises(NotFoundError, match=r"There is no conversation 7\."):
        as_markdown(bank, 7)


def test_a_file_is_its_owners_alone_and_none_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    write("# Hé\n", path)
    assert (path.read_text("utf-8"), oct(path.stat().st_mode & 0o777)) == ("# Hé\n", "0o600")
    with pytest.raises(InputError, match=r"chat\.md is there already\. Name another file\."):
        write("# No\n", path)
    with pytest.raises(NotWritable, match="cannot be written"):
        write("# No\n", tmp_path / "nowhere" / "chat.md")
    assert [file.name for file in tmp_path.iterdir()] == ["chat.md"]
    assert path.read_text("utf-8") == "# Hé\n"
