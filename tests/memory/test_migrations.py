"""Every earlier schema with a bank in it, written by hand: what was remembered then is there after the update."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import apsw
import pytest

from assistant.errors import InputError
from assistant.memory import schema
from assistant.memory.bank import Citation, Conversation, Job, MatchedBy, MemoryBank, MemoryStatus, MessageState, Mode
from assistant.memory.checking import Ailment, check
from assistant.memory.database import problems
from assistant.memory.operations import Action, OperationStatus
from tests.memory.shorthand import adding, texts
from tests.scripted import FakeEmbedder

EAST = timezone(timedelta(hours=2))
ASTHMA = "User suffers from asthma since childhood."
DEAD = 2**22 + 1
"""A number that no process has: Linux gives none above 2**22."""

VERSION_1 = f"""
INSERT INTO conversation VALUES
    (1, 'Pets', '2026-01-05T09:00:00+02:00'),
    (2, '', '2026-01-06T23:30:00-05:00');
INSERT INTO message (id, conversation_id, role, speaker, text, created_at, state, external_id) VALUES
    (1, 1, 'user', NULL, 'I have a dog, Buddy.', '2026-01-05T09:00:01+02:00', 'complete', NULL),
    (2, 1, 'assistant', NULL, 'You have a dog, Buddy.', '2026-01-05T09:00:02+02:00', 'complete', NULL),
    (3, 1, 'assistant', NULL, 'You drink zubrowka', '2026-01-05T09:00:03+02:00', 'partial', NULL),
    (4, 1, 'assistant', NULL, 'You live in', '2026-01-05T09:00:04+02:00', 'stopped', NULL),
    (5, 1, 'user', NULL, 'I live in Lima now.', '2026-01-05T09:00:05+02:00', 'complete', NULL),
    (6, 2, 'user', 'Ann', 'I sail on Sundays.', '2026-01-06T23:30:01-05:00', 'complete', 'locomo:1:1'),
    (7, 2, 'user', NULL, '', '2026-01-06T23:30:02-05:00', 'complete', NULL),
    (8, 2, 'user', NULL, 'I keep bees.', '2026-01-06T23:30:03-05:00', 'complete', NULL);
INSERT INTO memory VALUES (1, 2), (2, 2), (3, 2), (4, 1), (5, 2), (6, 3), (7, 1);
INSERT INTO operation (id, action, status, memory_id, version, text, text_before, reason, actor, created_at,
                       source_message_id, completion, undone, undoes) VALUES
    (1, 'ADD', 'applied', 1, 1, 'User has a dog, Buddy.', NULL, '', 'manager', '2026-01-05T09:01:00+02:00',
        1, 'ADD: User has a dog, Buddy.', 0, NULL),
    (2, 'UPDATE', 'applied', 1, 2, 'User has two dogs, Buddy and Scout.', 'User has a dog, Buddy.', '', 'user',
        '2026-01-05T09:02:00+02:00', NULL, NULL, 0, NULL),
    (3, 'ADD', 'applied', 2, 1, 'User drinks tea.', NULL, '', 'user', '2026-01-05T09:03:00+02:00', NULL, NULL, 0, NULL),
    (4, 'DELETE', 'applied', 2, 2, NULL, 'User drinks tea.', '', 'manager', '2026-01-05T09:04:00+02:00',
        5, 'DELETE: User drinks tea. [0]', 0, NULL),
    (5, 'ADD', 'applied', 3, 1, '{ASTHMA}', NULL, '', 'user', '2026-01-05T09:05:00+02:00', NULL, NULL, 0, NULL),
    (6, 'DELETE', 'applied', 3, 2, NULL, '{ASTHMA}', '', 'user', '2026-01-05T09:06:00+02:00', NULL, NULL, 0, NULL),
    (7, 'ADD', 'applied', 4, 1, '(purged)', NULL, '', 'manager', '2026-01-05T09:07:00+02:00', 5, '(purged)', 0, NULL),
    (8, 'DELETE', 'applied', 4, NULL, NULL, '(purged)', '', 'user', '2026-01-05T09:08:00+02:00', NULL, NULL, 0, NULL),
    (9, 'ADD', 'applied', 5, 1, 'User is called Bob.', NULL, '', 'manager', '2026-01-05T09:09:00+02:00',
        1, NULL, 1, NULL),
    (10, 'DELETE', 'applied', 5, 2, NULL, 'User is called Bob.', '', 'undo', '2026-01-05T09:10:00+02:00',
        NULL, NULL, 0, 9),
    (11, 'ADD', 'applied', 6, 1, 'User lives in Rome.', NULL, '', 'user', '2026-01-05T09:11:00+02:00',
        NULL, NULL, 0, NULL),
    (12, 'UPDATE', 'applied', 6, 2, 'User lives in Lima.', 'User lives in Rome.', '', 'manager',
        '2026-01-05T09:12:00+02:00', 5, NULL, 1, NULL),
    (13, 'UPDATE', 'applied', 6, 3, 'User lives in Rome.', 'User lives in Lima.', '', 'undo',
        '2026-01-05T09:13:00+02:00', NULL, NULL, 0, 12),
    (14, 'NOOP', 'applied', NULL, NULL, NULL, NULL, '', 'manager', '2026-01-05T09:14:00+02:00', 6, 'NOOP', 0, NULL),
    (15, 'UPDATE', 'rejected', NULL, NULL, 'User owns a boat.', NULL, 'there is no memory 99', 'manager',
        '2026-01-05T09:15:00+02:00', 6, 'UPDATE: …', 0, NULL),
    (16, 'NOOP', 'held', NULL, NULL, NULL, NULL, 'the reply could not be read', 'manager',
        '2026-01-05T09:16:00+02:00', 7, '??', 0, NULL),
    (17, 'ADD', 'applied', 7, 1, 'Ann sails on Sundays.', NULL, '', 'import', '2026-01-06T23:31:00-05:00',
        6, NULL, 0, NULL);
INSERT INTO memory_version (memory_id, version, text, status, observed_at, source_message_id, created_at, result_of)
    VALUES
    (1, 1, 'User has a dog, Buddy.', 'active', '2026-01-05T09:00:01+02:00', 1, '2026-01-05T09:01:00+02:00', 1),
    (1, 2, 'User has two dogs, Buddy and Scout.', 'active', '2026-01-05T09:02:00+02:00', NULL,
        '2026-01-05T09:02:00+02:00', 2),
    (2, 1, 'User drinks tea.', 'active', '2026-01-05T09:03:00+02:00', NULL, '2026-01-05T09:03:00+02:00', 3),
    (2, 2, 'User drinks tea.', 'retired', '2026-01-05T09:03:00+02:00', NULL, '2026-01-05T09:04:00+02:00', 4),
    (3, 1, '{ASTHMA}', 'active', '2026-01-05T09:05:00+02:00', NULL, '2026-01-05T09:05:00+02:00', 5),
    (3, 2, '{ASTHMA}', 'forgotten', '2026-01-05T09:05:00+02:00', NULL, '2026-01-05T09:06:00+02:00', 6),
    (4, 1, '(purged)', 'purged', '2026-01-05T09:00:05+02:00', 5, '2026-01-05T09:07:00+02:00', 7),
    (5, 1, 'User is called Bob.', 'active', '2026-01-05T09:00:01+02:00', 1, '2026-01-05T09:09:00+02:00', 9),
    (5, 2, 'User is called Bob.', 'retired', '2026-01-05T09:00:01+02:00', 1, '2026-01-05T09:10:00+02:00', NULL),
    (6, 1, 'User lives in Rome.', 'active', '2026-01-05T09:11:00+02:00', NULL, '2026-01-05T09:11:00+02:00', 11),
    (6, 2, 'User lives in Lima.', 'active', '2026-01-05T09:00:05+02:00', 5, '2026-01-05T09:12:00+02:00', 12),
    (6, 3, 'User lives in Rome.', 'active', '2026-01-05T09:11:00+02:00', NULL, '2026-01-05T09:13:00+02:00', 11),
    (7, 1, 'Ann sails on Sundays.', 'active', '2026-01-06T23:30:01-05:00', 6, '2026-01-06T23:31:00-05:00', 17);
INSERT INTO citation VALUES
    (2, 1, 1, 'User has a dog, Buddy.'),
    (2, 2, 3, '{ASTHMA}'),
    (2, 3, 4, '(purged)');
INSERT INTO job (id, message_id, state, attempts, owner, lease_until, error) VALUES
    (1, 1, 'done', 1, NULL, 1767596460.5, ''),
    (2, 5, 'running', 1, '{DEAD}:00', 1767596460.5, ''),
    (3, 6, 'pending', 0, NULL, NULL, ''),
    (4, 7, 'held', 3, NULL, 1767596460.5, 'the model ended'),
    (5, 8, 'pending', 2, NULL, 1767596460.5, 'the model ended');
INSERT INTO memory_text (rowid, text) VALUES
    (1, 'User has two dogs, Buddy and Scout.'), (6, 'User lives in Rome.'), (7, 'Ann sails on Sundays.');
INSERT INTO message_text (rowid, text) VALUES
    (1, 'I have a dog, Buddy.'), (2, 'You have a dog, Buddy.'), (4, 'You live in'), (5, 'I live in Lima now.'),
    (6, 'I sail on Sundays.'), (8, 'I keep bees.');
INSERT INTO memory_vector VALUES
    (1, 'hashed-words', x'0000803f00000000'), (6, 'hashed-words', x'0000803f00000000');
"""
SETTLED = """
INSERT INTO memory VALUES (8, 1);
INSERT INTO operation (id, action, status, memory_id, version, text, text_before, reason, actor, created_at,
                       source_message_id, completion, undone, undoes, settles) VALUES
    (18, 'ADD', 'held', NULL, NULL, 'User keeps bees.', NULL, 'the model is not sure', 'manager',
        '2026-01-07T09:00:00+02:00', 8, 'ADD: User keeps bees.', 0, NULL, NULL),
    (19, 'ADD', 'applied', 8, 1, 'User keeps bees.', NULL, '', 'user', '2026-01-07T09:01:00+02:00',
        8, NULL, 0, NULL, 18),
    (20, 'DELETE', 'held', 7, NULL, NULL, 'Ann sails on Sundays.', 'the model is not sure', 'manager',
        '2026-01-07T09:02:00+02:00', 8, 'DELETE: …', 0, NULL, NULL),
    (21, 'NOOP', 'applied', NULL, NULL, NULL, NULL, '', 'user', '2026-01-07T09:03:00+02:00', 8, NULL, 0, NULL, 20);
INSERT INTO memory_version (memory_id, version, text, status, observed_at, source_message_id, created_at, result_of)
    VALUES (8, 1, 'User keeps bees.', 'active', '2026-01-06T23:30:03-05:00', 8, '2026-01-07T09:01:00+02:00', 19);
INSERT INTO memory_text (rowid, text) VALUES (8, 'User keeps bees.');
INSERT INTO memory_vector VALUES (8, 'hashed-words', x'0000803f00000000');
"""
TRACED = f"""
INSERT INTO embedder (id, name, dimensions) VALUES (1, 'hashed-words', 384);
INSERT INTO tombstone (id, memory_id, operation_id, digest, words, created_at) VALUES
    (1, 3, 6, x'00112233445566778899aabbccddeeff', 2, '2026-01-05T09:06:00+02:00');
INSERT INTO tombstone_word VALUES (17, 1), (1842, 1);
INSERT INTO memory_meaning VALUES (1, 11), (6, 66), (7, 77), (8, 88);
INSERT INTO memory_vector VALUES (7, 1, zeroblob(48), x'7f{"00" * 383}');
INSERT INTO message_vector VALUES (1, 1, zeroblob(48), x'7f{"00" * 383}');
INSERT INTO to_embed VALUES (1, 'memory', 1), (1, 'memory', 6), (1, 'memory', 8), (1, 'message', 2), (1, 'message', 4),
    (1, 'message', 5), (1, 'message', 6), (1, 'message', 8);
"""
SEEN = "UPDATE conversation SET seen_from = 5 WHERE id = 1;"
ROWS = (VERSION_1, SETTLED, TRACED, SEEN)
"""What each version adds to what stands in the one before. One that has a successor needs rows here."""
WITH_ROWS = range(1, len(schema.MIGRATIONS))


@pytest.fixture(params=WITH_ROWS)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def old(path: Path, version: int) -> Path:
    """A database of that version with rows in every table of it."""
    path.parent.mkdir()
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute("BEGIN")
    for script, rows in zip(schema.MIGRATIONS[:version], ROWS[:version], strict=True):
        connection.execute(script)
        connection.execute(rows)
    connection.pragma("application_id", schema.APPLICATION_ID)
    connection.pragma("user_version", version)
    connection.execute("COMMIT")
    assert [table for table in tables(connection) if not connection.execute(f"SELECT count(*) FROM {table}").get] == []
    connection.close()
    return path


def tables(connection: apsw.Connection) -> list[str]:
    rows: list[Any] = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT%' ORDER BY name"
    ).fetchall()
    return [name for (name,) in rows]


def dump(path: Path) -> dict[str, list[Any]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables(connection)}
    finally:
        connection.close()


def at(hour: int, minute: int, second: int = 0, day: int = 5) -> datetime:
    return datetime(2026, 1, day, hour, minute, second, tzinfo=EAST)


def test_memories_are_what_they_were(old: Path, version: int) -> None:
    with MemoryBank.open(old) as bank:
        known = [(m.id, m.text, str(m.status), m.version, m.source_message_id) for m in bank.memories(include_all=True)]
        assert known[:7] == [
            (1, "User has two dogs, Buddy and Scout.", "active", 2, None),
            (2, "User drinks tea.", "retired", 2, None),
            (3, ASTHMA, "forgotten", 2, None),
            (4, "(purged)", "purged", 1, 5),
            (5, "User is called Bob.", "retired", 2, 1),
            (6, "User lives in Rome.", "active", 3, None),
            (7, "Ann sails on Sundays.", "active", 1, 6),
        ]
        assert known[7:] == ([] if version == 1 else [(8, "User keeps bees.", "active", 1, 8)])
        assert bank.memory(7).observed_at.isoformat() == "2026-01-06T23:30:01-05:00"
        assert {(m.holds_from, m.holds_until) for m in bank.memories(include_all=True)} == {(None, None)}
        assert bank.mode is Mode.AUTOMATIC
        assert check(bank._database) == []
    assert problems(old) == []


def test_history_and_what_was_known_at_a_time_are_what_they_were(old: Path) -> None:
    with MemoryBank.open(old) as bank:
        assert [(v.memory.text, v.memory.status, v.since, v.operation_id) for v in bank.history(6)] == [
            ("User lives in Rome.", MemoryStatus.ACTIVE, at(9, 11), 11),
            ("User lives in Lima.", MemoryStatus.ACTIVE, at(9, 12), 12),
            ("User lives in Rome.", MemoryStatus.ACTIVE, at(9, 13), 13),
        ]
        assert [m.text for m in bank.as_of(at(9, 3, 30))] == ["User has two dogs, Buddy and Scout.", "User drinks tea."]
        assert [m.text for m in bank.as_of(at(9, 12, 30))] == [
            "User has two dogs, Buddy and Scout.",
            "User lives in Lima.",
        ]


def test_the_journal_is_what_it_was(old: Path, version: int) -> None:
    with MemoryBank.open(old) as bank:
        journal = bank.operations(limit=100)[::-1]
        assert [operation.id for operation in journal] == list(range(1, {1: 18}.get(version, 22)))
        first = journal[0]
        assert (first.action, first.status, first.memory_id) == (Action.ADD, OperationStatus.APPLIED, 1)
        assert (first.text, first.text_before, first.reason) == ("User has a dog, Buddy.", None, "")
        assert (first.actor, first.created_at, first.source_message_id) == ("manager", at(9, 1), 1)
        assert (first.completion, first.model, first.quote) == ("ADD: User has a dog, Buddy.", None, None)
        assert [operation.id for operation in journal if operation.undone] == [9, 12]
        assert [operation.id for operation in journal if operation.settled] == ([] if version == 1 else [18, 20])
        assert [operation.id for operation in bank.to_review()] == [16, 15]
        assert journal[14].reason == "there is no memory 99"


def test_messages_and_citations_are_what_they_were(old: Path) -> None:
    with MemoryBank.open(old) as bank:
        assert [(c.id, c.title) for c in bank.conversations()] == [(2, ""), (1, "Pets")]
        assert [message.state for message in bank.messages(1, 10)] == [
            MessageState.COMPLETE, MessageState.COMPLETE, MessageState.PARTIAL, MessageState.STOPPED,
            MessageState.COMPLETE,
        ]  # fmt: skip
        imported = bank.message(6)
        assert (imported.speaker, imported.external_id, imported.text) == ("Ann", "locomo:1:1", "I sail on Sundays.")
        again = bank.add_message(2, "user", "I sail no more.", speaker="Ann", external_id="locomo:1:1")
        assert again == imported
        assert bank.citations(2) == [
            Citation(1, "User has a dog, Buddy.", 1),
            Citation(3, ASTHMA, 2),
            Citation(4, "(purged)", 3),
        ]


def test_each_message_follows_the_one_before_it_in_its_conversation(old: Path, version: int) -> None:
    connection = apsw.Connection(str(old))
    for number, conversation in ((9, 1), (10, 2), (11, 1)):
        connection.execute(
            "INSERT INTO message (id, conversation_id, role, text, created_at, state)"
            " VALUES (?, ?, 'user', 'Hello', '2026-01-07T09:00:00+02:00', 'complete')",
            (number, conversation),
        )
    connection.execute("INSERT INTO conversation (id, title, created_at) VALUES (3, 'Empty', '2026-01-08T09:00:00Z')")
    connection.close()
    with MemoryBank.open(old) as bank:
        assert [(m.id, m.parent_id) for m in bank.messages(1, 99)] == [
            (1, None), (2, 1), (3, 2), (4, 3), (5, 4), (9, 5), (11, 9),
        ]  # fmt: skip
        assert [(m.id, m.parent_id) for m in bank.messages(2, 99)] == [(6, None), (7, 6), (8, 7), (10, 8)]
        assert bank.messages(3, 99) == []
        pets = Conversation(1, "Pets", at(9, 0), 5 if version == 4 else None, head_id=11)
        assert (bank.conversation(1), bank.conversation(3).head_id) == (pets, None)
        assert bank.sibling_places(range(1, 12)) == {}
        assert [bank.draft(where) for where in (None, 1)] == ["", ""]
        assert bank.add_message(2, "user", "And on").parent_id == 10
        assert Ailment.BRANCHES not in {finding.ailment for finding in check(bank._database)}
        assert bank.remove_conversation(1, with_memories=True) == [5]
    assert problems(old) == []


def test_what_was_done_before_can_be_undone_and_done_again(old: Path, version: int) -> None:
    with MemoryBank.open(old) as bank:
        with pytest.raises(InputError, match="memory 4 was purged"):
            bank.undo(7)
        with pytest.raises(InputError, match="memory 1 has changed since"):
            bank.undo(1)
        assert bank.undo().text_before == ("Ann sails on Sundays." if version == 1 else "User keeps bees.")
        bank.undo(2)
        assert bank.memory(1).text == "User has a dog, Buddy."
        bank.redo(2)
        assert bank.memory(1).text == "User has two dogs, Buddy and Scout."
        bank.redo(12)
        assert bank.memory(6).text == "User lives in Lima."
        bank.redo(9)
        assert bank.memory(5).status is MemoryStatus.ACTIVE
        bank.undo(4)
        assert bank.memory(2).status is MemoryStatus.ACTIVE
        assert check(bank._database) == []


def test_what_was_held_before_is_settled_as_ever(old: Path, version: int) -> None:
    with MemoryBank.open(old) as bank:
        with pytest.raises(InputError, match="it is a reply that could not be read"):
            bank.accept(16)
        bank.decline(16)
        assert [operation.id for operation in bank.to_review()] == [15]
        if version > 1:
            for settled in (18, 20):
                with pytest.raises(InputError, match="accepted or declined already"):
                    bank.decline(settled)


def test_jobs_go_on_where_they_were(old: Path) -> None:
    with MemoryBank.open(old) as bank:
        assert bank.pending_jobs() == 3
        # Its process has died, and the message is read again before those after it.
        assert bank.next_job() == Job(2, 5, 2)
        bank.finish_job(2)
        assert bank.next_job() == Job(3, 6, 1)
        bank.finish_job(3)
        assert bank.next_job() == Job(5, 8, 3)
        bank.fail_job(5, "the model ended again")
        assert (bank.pending_jobs(), bank.next_job()) == (0, None)
        [held] = [operation for operation in bank.to_review() if operation.source_message_id == 8]
        assert held.reason == "the message could not be read in 3 attempts: the model ended again"


def test_search_finds_what_was_there_by_words_and_then_by_meaning(old: Path) -> None:
    def found(query: str, kind: str = "memory") -> list[int]:
        return [(hit.memory or hit.message).id for hit in bank.search(query, kinds=[kind])]  # type: ignore[union-attr]

    with MemoryBank.open(old) as bank:
        assert found("dogs") == [1]
        assert found("asthma") == found("tea") == found("Lima") == found("purged") == []
        assert sorted(found("dog", "message")) == [1, 2]
        assert found("zubrowka", "message") == []
        bank.embedder = FakeEmbedder()
        bank.index_all()
        assert check(bank._database) == []
        [best] = bank.search("User has two dogs, Buddy and Scout.", limit=1)
        assert best.memory is not None
        assert (best.memory.id, best.matched_by) == (1, MatchedBy.BOTH)
        with bank._database.read() as connection:
            assert connection.execute("SELECT item_id FROM message_vector ORDER BY item_id").fetchall() == [
                (1,), (2,), (4,), (5,), (6,), (8,),
            ]  # fmt: skip


def test_what_was_forgotten_before_does_not_come_back(old: Path) -> None:
    def proposed(text: str, observed_at: datetime) -> str:
        [operation] = bank.apply([adding(text)], actor="manager", observed_at=observed_at)
        return f"{operation.status}: {operation.reason}"

    later = datetime(2026, 1, 5, 7, 6, 1, tzinfo=UTC)
    with MemoryBank.open(old) as bank:
        assert proposed(ASTHMA, at(9, 5)) == "rejected: you had this forgotten"
        assert proposed(ASTHMA, at(9, 6)) == "rejected: you had this forgotten"
        reworded = "User has been suffering from asthma since his childhood."
        assert proposed(reworded, at(9, 5)) == "rejected: you had this forgotten"
        assert proposed(ASTHMA, later) == "held: you had this forgotten, and then spoke of it again"
        assert ASTHMA not in texts(bank)
        bank.undo(6)
        assert bank.memory(3).status is MemoryStatus.ACTIVE
        assert proposed(ASTHMA, at(9, 5)) == "rejected: memory 3 already says this"
        bank.forget(3)
        bank.add(ASTHMA)
        assert texts(bank)[-1] == ASTHMA


def test_what_was_retired_or_undone_may_come_back(old: Path) -> None:
    with MemoryBank.open(old) as bank:
        done = bank.apply(
            [adding("User drinks tea."), adding("User is called Bob.")], actor="manager", observed_at=at(9, 0)
        )
        assert [operation.status for operation in done] == [OperationStatus.APPLIED, OperationStatus.APPLIED]


def test_what_is_added_after_it_is_dated_and_ended(old: Path) -> None:
    with MemoryBank.open(old) as bank:
        [added] = bank.apply([adding("User keeps a cat since 2019.")], actor="manager", observed_at=at(9, 0, day=9))
        assert added.memory_id is not None
        assert str(bank.memory(added.memory_id).holds_from) == "2019"
        assert [v.memory.text for v in bank.history(added.memory_id)] == ["User keeps a cat since 2019."]
        assert bank.search("cat")[0].memory == bank.memory(added.memory_id)


def test_the_copy_is_the_database_before(old: Path, version: int) -> None:
    before = dump(old)
    assert before["memory"][0] == (1, 2)
    assert len(before["operation"]) == {1: 17}.get(version, 21)
    MemoryBank.open(old).close()
    assert [file.name for file in sorted(old.parent.iterdir())] == ["recollect.db", f"recollect.db.version-{version}"]
    copy = old.with_name(f"recollect.db.version-{version}")
    assert dump(copy) == before
    connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.pragma("user_version") == version
    connection.close()
    assert problems(copy) == []
    with MemoryBank.open(old) as bank:
        assert dump(copy) == before
        assert bank.memory(1).text == "User has two dogs, Buddy and Scout."


def test_a_copy_of_the_copy_can_be_brought_up_to_date_in_its_place(old: Path, version: int) -> None:
    with MemoryBank.open(old) as bank:
        migrated = [line for line in bank.export_lines() if '"name": "key"' not in line and "tombstone" not in line]
    old.with_name(f"recollect.db.version-{version}").replace(old)
    with MemoryBank.open(old) as bank:
        again = [line for line in bank.export_lines() if '"name": "key"' not in line and "tombstone" not in line]
    assert again == migrated
