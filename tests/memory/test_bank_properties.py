"""Whatever is done to the bank, in whatever order, its parts agree, and undoing it all gives back the empty bank."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import Any

import apsw
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from assistant.errors import InputError, NotFoundError
from assistant.memory.bank import MemoryBank, MemoryStatus
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from tests.memory.shorthand import NOON
from tests.scripted import FakeEmbedder

# Few texts, so that they meet again, with cases and spaces that only look different.
TEXTS = st.sampled_from(["red fox", "Red  fox", "blue whale", "green frog", "red fox, blue whale", "", "x" * 2001])
IDS = st.integers(0, 6)
OPERATIONS = st.one_of(
    st.builds(MemoryOperation, st.just(Action.ADD), st.none(), TEXTS),
    st.builds(MemoryOperation, st.just(Action.UPDATE), IDS, TEXTS),
    st.builds(MemoryOperation, st.just(Action.DELETE), IDS),
    st.just(MemoryOperation(Action.NOOP)),
)


class BankMachine(RuleBasedStateMachine):
    """Keeps no model of its own but the journal: replaying what stands in it must give the active memories."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "recollect.db"
        self.embedder = FakeEmbedder(dimensions=8)
        self.bank = MemoryBank.open(self.path, self.embedder)
        self.purged = False

    def rows(self, query: str) -> list[Any]:
        connection = apsw.Connection(str(self.path))
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def stored(self, text: str) -> bytes:
        """The vector of a text as the table has it: its numbers as int8, the largest of them 127."""
        numbers = struct.unpack(f"<{self.embedder.dimensions}f", self.embedder.embed([text])[0])
        return bytes(round(number * 127 / max(numbers)) for number in numbers)

    def active(self) -> dict[int, str]:
        return {memory.id: memory.text for memory in self.bank.memories()}

    @rule(operations=st.lists(OPERATIONS, min_size=1, max_size=4))
    def propose(self, operations: list[MemoryOperation]) -> None:
        results = self.bank.apply(operations, actor="manager", observed_at=NOON, completion="raw")
        assert [result.action for result in results] == [operation.action for operation in operations]
        assert all(bool(r.reason) == (r.status is OperationStatus.REJECTED) for r in results)

    @rule(text=TEXTS)
    def write_down(self, text: str) -> None:
        before = self.bank.memories(include_all=True)
        try:
            assert self.bank.add(text).status is MemoryStatus.ACTIVE
        except InputError:
            assert self.bank.memories(include_all=True) == before

    @rule(memory_id=IDS)
    def forget(self, memory_id: int) -> None:
        try:
            self.bank.forget(memory_id)
        except (InputError, NotFoundError):
            return
        assert memory_id not in self.active()

    @rule(memory_id=st.integers(1, 4), sure=st.integers(0, 4))
    def purge(self, memory_id: int, sure: int) -> None:
        if sure:
            return
        try:
            self.bank.forget(memory_id, purge=True)
        except NotFoundError:
            return
        self.purged = True
        assert self.bank.memory(memory_id).status is MemoryStatus.PURGED

    @rule()
    def undo_newest(self) -> None:
        standing = [o.id for o in self.bank.operations(limit=10_000) if o.status is OperationStatus.APPLIED]
        try:
            undone = self.bank.undo()
        except InputError as error:
            assert str(error) == "There is nothing to undo."
            return
        assert undone.id > standing[0]

    @rule(operation_id=st.integers(1, 25))
    def undo_some(self, operation_id: int) -> None:
        before = self.bank.memories(include_all=True), self.bank.operations(limit=10_000)
        try:
            undone = self.bank.undo(operation_id)
        except (InputError, NotFoundError):
            assert (self.bank.memories(include_all=True), self.bank.operations(limit=10_000)) == before
            return
        states = {memory.id: memory for memory in before[0]}
        if undone.memory_id in states and states[undone.memory_id].status is MemoryStatus.ACTIVE:
            assert undone.text_before == states[undone.memory_id].text

    @rule()
    def undo_and_redo_is_nothing(self) -> None:
        before = self.active()
        try:
            undone = self.bank.undo()
        except InputError:
            return
        self.bank.undo(undone.id)
        assert self.active() == before

    @rule()
    def index(self) -> None:
        while self.bank.index_pending(batch=2):
            pass
        active = self.active()
        assert dict(self.rows("SELECT item_id, vector FROM memory_vector")) == {
            memory_id: self.stored(text) for memory_id, text in active.items()
        }

    @rule()
    def close_and_open(self) -> None:
        before = self.bank.memories(include_all=True), self.bank.operations(limit=10_000)
        self.bank.close()
        self.bank = MemoryBank.open(self.path, self.embedder)
        assert (self.bank.memories(include_all=True), self.bank.operations(limit=10_000)) == before

    @invariant()
    def no_two_memories_say_the_same(self) -> None:
        said = [text.lower() for text in self.active().values()]
        assert len(said) == len(set(said))
        assert "" not in said

    @invariant()
    def the_indexes_hold_the_active_memories_and_no_others(self) -> None:
        active = self.active()
        assert dict(self.rows("SELECT rowid, text FROM memory_text")) == active
        self.rows("INSERT INTO memory_text (memory_text) VALUES ('integrity-check')")
        vectors = dict(self.rows("SELECT item_id, vector FROM memory_vector"))
        for memory_id, vector in vectors.items():
            assert vector == self.stored(active[memory_id])

    @invariant()
    def search_finds_the_active_memories_and_no_others(self) -> None:
        hits = self.bank.search("fox whale frog", limit=1000)
        found = {hit.memory.id for hit in hits if hit.memory is not None}
        assert found == set(self.active())

    @invariant()
    def every_version_is_the_work_of_one_operation(self) -> None:
        versions = self.rows("SELECT memory_id, version FROM memory_version ORDER BY 1, 2")
        made = self.rows("SELECT memory_id, version FROM operation WHERE version IS NOT NULL ORDER BY 1, 2")
        assert versions == made
        assert dict(self.rows("SELECT id, version FROM memory")) == dict(versions)

    @invariant()
    def what_stands_in_the_journal_gives_the_active_memories(self) -> None:
        if self.purged:
            return
        said: dict[int, str] = {}
        for operation in reversed(self.bank.operations(limit=10_000)):
            if operation.status is not OperationStatus.APPLIED or operation.memory_id is None:
                continue
            if operation.text is None:
                said.pop(operation.memory_id, None)
            else:
                said[operation.memory_id] = operation.text
        assert said == self.active()

    @precondition(lambda self: not self.purged)
    @rule()
    def undo_everything(self) -> None:
        self._undo_everything()
        assert self.active() == {}

    def _undo_everything(self) -> None:
        for _ in range(1000):
            try:
                self.bank.undo()
            except InputError as error:
                assert str(error) == "There is nothing to undo."
                return
        pytest.fail("undoing never came to an end")

    def teardown(self) -> None:
        self._undo_everything()
        if not self.purged:
            assert self.active() == {}
            assert self.rows("SELECT count(*) FROM memory_text") == [(0,)]
            assert self.rows("SELECT count(*) FROM memory_vector") == [(0,)]
            assert self.bank.search("fox whale frog") == []
        self.bank.close()
        self.folder.cleanup()


TestBank = BankMachine.TestCase
TestBank.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
