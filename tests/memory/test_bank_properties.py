"""Whatever is done to the bank, in whatever order, it does and says what a plain model of it does and says.

Besides, its parts agree with one another, and undoing it all gives back the empty bank.
"""

from __future__ import annotations

import functools
import struct
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import apsw
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from assistant.errors import InputError, NotFoundError
from assistant.memory import times
from assistant.memory.bank import ItemKind, Memory, MemoryBank, MemoryStatus, Mode, Operation
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.transfer import restore
from tests.memory.plain_bank import SAYINGS, PlainBank, Refused, Unknown
from tests.memory.shorthand import NOON, adding
from tests.scripted import FakeEmbedder

IN_MEMORY = Path("/dev/shm")
KEY = b"\1" * 32
"""Of the traces, in place of a random one: under it no two words here leave the same 12 bits."""
ALL = 10_000

TEXTS = st.sampled_from(list(SAYINGS))
ITS_OWN_OR_ANY = st.one_of(st.none(), TEXTS)
WHICH = st.integers(0, 40)
"""Stands for a memory or an operation, until it is known which there are."""
CHANGES = st.one_of(
    st.builds(MemoryOperation, st.just(Action.ADD), st.none(), TEXTS),
    st.builds(MemoryOperation, st.just(Action.UPDATE), WHICH, TEXTS),
    st.builds(MemoryOperation, st.just(Action.DELETE), WHICH),
)
OPERATIONS = st.lists(st.one_of(CHANGES, CHANGES, st.just(MemoryOperation(Action.NOOP))), min_size=1, max_size=4)
MOSTLY = st.sampled_from([True, True, True, False])
SPANS = st.sampled_from([timedelta(), timedelta(microseconds=300), timedelta(minutes=30), timedelta(days=1)])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5, minutes=-30))])
QUERIES = {
    "fox whale frog": {"fox", "whale", "frog"},
    "any foxes?": {"fox"},
    "Blue or green": {"blue", "green"},
    "swordfishes, passwords": {"swordfish", "password"},
    "nothing of the kind": set(),
    "": set(),
}
"""What is searched for, and the words that it means."""


def step(**drawn: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule that is counted, at a moment of its own unless the clock stands."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @rule(**drawn)
        @functools.wraps(function)
        def counted(self: BankMachine, **values: Any) -> None:
            BankMachine.steps += 1
            self.plain.clock += self.tick
            self.is_sound = False
            function(self, **values)
            self.is_sound = True

        return counted

    return decorate


def without_reason(operation: Operation) -> Operation:
    return replace(operation, reason="why") if operation.reason else operation


class BankMachine(RuleBasedStateMachine):
    """Does each thing to the bank and to the model."""

    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.banks = 0
        self.embedder = FakeEmbedder(dimensions=8)
        self.plain = PlainBank(NOON)
        self.tick = timedelta(milliseconds=1)
        self.seen: list[Memory] = []
        self.is_sound = True
        self.looked_at = 0
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(times, "now", lambda: self.plain.clock)
        self.path = self.new_path()
        self.open()
        self.reader.execute("UPDATE setting SET value = ? WHERE name = 'key'", (KEY,))

    def new_path(self) -> Path:
        self.banks += 1
        return Path(self.folder.name) / str(self.banks) / "recollect.db"

    def open(self) -> None:
        self.bank = MemoryBank.open(self.path, self.embedder)
        self.reader = apsw.Connection(str(self.path))

    def close(self) -> None:
        self.reader.close()
        self.bank.close()

    def rows(self, query: str) -> list[Any]:
        return self.reader.execute(query).fetchall()

    def stored(self, text: str) -> bytes:
        """The vector of a text as the table has it: its numbers as int8, the largest of them 127."""
        numbers = struct.unpack(f"<{self.embedder.dimensions}f", self.embedder.embed([text])[0])
        return bytes(round(number * 127 / max(numbers)) for number in numbers)

    def active(self) -> dict[int, str]:
        return {memory.id: memory.text for memory in self.bank.memories()}

    def memory_id(self, which: int) -> int:
        """Most often an active one, then any other, one to come, and 0."""
        active = [memory.id for memory in reversed(self.plain.active())]
        others = [number for number in self.plain.memories if number not in active]
        choice = [*active, *active, *others, len(self.plain.memories) + 1, 0]
        return choice[which % len(choice)]

    def operation_id(self, which: int) -> int:
        """Counted back from the newest to 0, which none has, and then one to come."""
        newest = len(self.plain.journal)
        return (newest - which) % (newest + 2)

    def both(self, method: str, *arguments: Any, **more: Any) -> Any:
        """What both give, which is the same; None if both refuse."""
        of_bank, of_plain = getattr(self.bank, method), getattr(self.plain, method)
        try:
            expected = of_plain(*arguments, **more)
        except (Refused, Unknown) as refusal:
            with pytest.raises(InputError if isinstance(refusal, Refused) else NotFoundError):
                of_bank(*arguments, **more)
            return None
        given = of_bank(*arguments, **more)
        assert (without_reason(given) if isinstance(given, Operation) else given) == expected
        return given

    # What a model proposes, and the user's word on it

    def apply(self, drawn: list[MemoryOperation], ago: timedelta, **more: Any) -> None:
        operations = [
            replace(o, memory_id=self.memory_id(o.memory_id)) if o.memory_id is not None else o for o in drawn
        ]
        observed_at = self.plain.clock - ago
        completion = "; ".join(f"{o.action} {o.memory_id or ''} {o.text or ''}" for o in operations)
        results = self.bank.apply(operations, actor="manager", observed_at=observed_at, completion=completion, **more)
        assert [result.action for result in results] == [operation.action for operation in operations]
        assert all(bool(r.reason) == (r.status is not OperationStatus.APPLIED) for r in results)
        expected = self.plain.propose(operations, observed_at, completion, **more)
        assert [without_reason(result) for result in results] == expected

    @initialize(proposed=st.lists(TEXTS, min_size=2, max_size=5), written=st.lists(TEXTS, min_size=1, max_size=4))
    def begin(self, proposed: list[str], written: list[str]) -> None:
        self.apply([adding(text) for text in proposed], timedelta())
        for text in written:
            self.both("add", text)
        self.seen = self.bank.memories()

    @step(operations=OPERATIONS, ago=SPANS)
    def propose(self, operations: list[MemoryOperation], ago: timedelta) -> None:
        self.apply(operations, ago)

    @step(operations=OPERATIONS, ago=SPANS, reading_anew=st.booleans())
    def propose_upon_what_was_read(self, operations: list[MemoryOperation], ago: timedelta, reading_anew: bool) -> None:
        self.apply(operations, ago, seen=self.seen)
        if reading_anew:
            self.seen = self.bank.memories(include_all=True)

    @step(operations=OPERATIONS, ago=SPANS, unreadable=st.sampled_from([False, False, True]))
    def propose_for_review(self, operations: list[MemoryOperation], ago: timedelta, unreadable: bool) -> None:
        self.apply(operations, ago, held_for="it is to be looked at")
        if unreadable:
            held = self.bank.hold("A fox!", "it has no form", source_message_id=None)
            assert without_reason(held) == self.plain.hold("A fox!")

    @step(which=WHICH, of_held=MOSTLY, is_accepted=MOSTLY)
    def settle(self, which: int, of_held: bool, is_accepted: bool) -> None:
        held = self.plain.held()
        number = held[which % len(held)] if of_held and held else self.operation_id(which)
        self.both("accept" if is_accepted else "decline", number)

    @step(mode=st.sampled_from([Mode.AUTOMATIC, Mode.AUTOMATIC, Mode.AUTOMATIC, Mode.ASK, Mode.ASK, Mode.OFF]))
    def switch(self, mode: Mode) -> None:
        self.bank.mode = self.plain.mode = mode

    # What the user does

    @step(text=TEXTS, ago=st.one_of(st.none(), SPANS))
    def write_down(self, text: str, ago: timedelta | None) -> None:
        observed_at = self.plain.clock - ago if ago is not None else None
        self.both("add", text, observed_at=observed_at)

    @step(which=WHICH, keeping_it=MOSTLY)
    def forget(self, which: int, keeping_it: bool) -> None:
        self.forget_now(which, keeping_it)

    @step(forgotten=st.lists(st.tuples(WHICH, MOSTLY, ZONES), min_size=1, max_size=3), text=ITS_OWN_OR_ANY, ago=SPANS)
    def forget_on_a_journey_and_hear_of_it_again(
        self, forgotten: list[tuple[int, bool, timezone]], text: str | None, ago: timedelta
    ) -> None:
        said = {memory.id: memory.text for memory in self.plain.active()}
        first = said.get(self.memory_id(forgotten[0][0]), "")
        for which, keeping_it, zone in forgotten:
            self.plain.clock = self.plain.clock.astimezone(zone) + timedelta(hours=1)
            self.forget_now(which, keeping_it)
        self.apply([adding(first if text is None else text)], ago)

    def forget_now(self, which: int, keeping_it: bool) -> None:
        memory_id = self.memory_id(which)
        if keeping_it:
            self.both("forget", memory_id)
        else:
            self.purge(memory_id)
        assert memory_id not in self.active()

    def purge(self, memory_id: int) -> None:
        try:
            texts = self.plain.purge(memory_id)
        except Unknown:
            with pytest.raises(NotFoundError):
                self.bank.forget(memory_id, purge=True)
            return
        had_backups = bool(self.backups())
        purged = self.bank.forget(memory_id, purge=True)
        assert without_reason(purged) == self.plain.operations()[0]
        assert self.bank.memory(memory_id).status is MemoryStatus.PURGED
        assert len(self.backups()) == had_backups
        files = [file.read_bytes() for file in self.path.parent.rglob("*") if file.is_file()]
        for text in texts:
            if not self.plain.writes(text):
                assert not any(text.encode() in file for file in files)

    def undo_newest(self) -> Operation | None:
        standing = [o.id for o in self.plain.operations() if o.status is OperationStatus.APPLIED]
        undone = self.both("undo")
        assert undone is None or undone.id > standing[0]
        return undone

    @step(which=st.one_of(st.none(), WHICH))
    def undo(self, which: int | None) -> None:
        if which is None:
            self.undo_newest()
        else:
            self.both("undo", self.operation_id(which))

    @step(which=st.one_of(st.none(), WHICH))
    def redo(self, which: int | None) -> None:
        self.both("redo", self.operation_id(which) if which is not None else None)

    @step(by_its_id=st.booleans())
    def undo_and_redo_is_nothing(self, by_its_id: bool) -> None:
        before = self.active()
        undone = self.undo_newest()
        if undone is None:
            return
        if by_its_id:
            self.both("undo", undone.id)
        else:
            self.both("redo")
        assert self.active() == before

    @precondition(lambda self: not self.plain.has_purged)
    @step(sure=st.integers(0, 5))
    def undo_everything(self, sure: int) -> None:
        if sure:
            return
        self.undo_all()
        assert self.active() == {}

    def undo_all(self) -> None:
        for _ in range(1000):
            if self.undo_newest() is None:
                if not self.plain.has_purged:  # What is purged may stand in the way of what was before it for good.
                    with pytest.raises(InputError, match=r"There is nothing to undo\."):
                        self.bank.undo()
                return
        pytest.fail("undoing never came to an end")

    # What goes on around it

    @step(by=SPANS, backwards=st.booleans(), tick=SPANS)
    def move_the_clock(self, by: timedelta, backwards: bool, tick: timedelta) -> None:
        self.plain.clock += -by if backwards else by
        self.tick = tick

    @step(query=st.sampled_from(list(QUERIES)), is_indexed=st.booleans())
    def search(self, query: str, is_indexed: bool) -> None:
        if is_indexed:
            self.index()
        hits = self.bank.search(query, limit=1000)
        found = {hit.memory.id for hit in hits if hit.memory is not None and hit.why.text_rank is not None}
        assert found == self.plain.with_any_of(QUERIES[query])
        assert [hit.memory for hit in hits if hit.memory not in self.plain.active()] == []
        offered = self.bank.search(query, limit=1000, floor=False)
        assert sorted(hit.memory.id for hit in offered if hit.memory) == [memory.id for memory in self.plain.active()]
        assert self.bank.search(query, limit=1000, kinds=[ItemKind.MESSAGE]) == []

    def index(self) -> None:
        while self.bank.index_pending(batch=2):
            pass
        active = self.active()
        assert dict(self.rows("SELECT item_id, vector FROM memory_vector")) == {
            memory_id: self.stored(text) for memory_id, text in active.items()
        }

    @step(elsewhere=st.sampled_from([False, False, True]))
    def close_and_open(self, elsewhere: bool) -> None:
        lines = list(self.bank.export_lines()) if elsewhere else []
        self.close()
        if elsewhere:
            self.path = self.new_path()
            restore(lines, self.path)
        self.open()
        self.agrees_in_everything()
        if elsewhere:
            assert list(self.bank.export_lines()) == lines

    @step(days=st.sampled_from([1, 1, 1, 1, 1, 8]), and_back=st.booleans())
    def back_up(self, days: int, and_back: bool) -> None:
        began = self.plain.clock
        for _ in range(days):
            backup = self.bank.back_up()
            assert backup in self.backups()
            self.plain.clock += timedelta(days=1)
        if and_back:
            self.plain.clock = began - timedelta(days=2)
        assert len(self.backups()) <= 7
        with MemoryBank.open(backup) as copy:
            assert copy.memories(include_all=True) == self.plain.all()
            assert list(copy.export_lines()) == list(self.bank.export_lines())

    def backups(self) -> list[Path]:
        return sorted(self.path.parent.glob("backups/*"))

    # What holds after every step

    def agrees_in_everything(self) -> None:
        assert self.bank.mode is self.plain.mode
        assert self.bank.memories(include_all=True) == self.plain.all()
        assert [without_reason(o) for o in self.bank.operations(limit=ALL)] == self.plain.operations()
        assert [without_reason(o) for o in self.bank.to_review(limit=ALL)] == self.plain.to_review()
        for memory_id in self.plain.memories:
            assert self.bank.history(memory_id) == self.plain.history(memory_id)
        for moment in self.plain.moments():
            assert self.bank.as_of(moment) == self.plain.as_of(moment)

    @invariant()
    def all_is_well(self) -> None:
        self.is_sound = False
        operations = self.bank.operations(limit=ALL)
        active = self.active()
        self.the_bank_is_as_the_model_says(operations)
        self.no_two_memories_say_the_same(active)
        self.the_indexes_hold_the_active_memories_and_no_others(active)
        self.search_finds_the_active_memories_and_no_others(active)
        self.every_version_is_the_work_of_one_operation()
        self.what_stands_in_the_journal_gives_the_active_memories(operations, active)
        self.is_sound = True

    def the_bank_is_as_the_model_says(self, operations: list[Operation]) -> None:
        assert self.bank.memories(include_all=True) == self.plain.all()
        assert self.bank.memories() == self.plain.active()
        assert list(map(without_reason, operations)) == self.plain.operations()
        self.looked_at += 1
        moments = self.plain.moments()
        for number in (len(moments) - 1, self.looked_at * 7) if moments else ():
            moment = moments[number % len(moments)]
            assert self.bank.as_of(moment) == self.plain.as_of(moment)
        if self.plain.memories:
            memory_id = self.looked_at % len(self.plain.memories) + 1
            assert self.bank.history(memory_id) == self.plain.history(memory_id)
            assert self.bank.memory(memory_id) == self.plain.memories[memory_id].value

    def no_two_memories_say_the_same(self, active: dict[int, str]) -> None:
        said = [text.lower() for text in active.values()]
        assert len(said) == len(set(said))
        assert "" not in said

    def the_indexes_hold_the_active_memories_and_no_others(self, active: dict[int, str]) -> None:
        assert dict(self.rows("SELECT rowid, text FROM memory_text")) == active
        self.rows("INSERT INTO memory_text (memory_text) VALUES ('integrity-check')")
        vectors = dict(self.rows("SELECT item_id, vector FROM memory_vector"))
        for memory_id, vector in vectors.items():
            assert vector == self.stored(active[memory_id])

    def search_finds_the_active_memories_and_no_others(self, active: dict[int, str]) -> None:
        hits = self.bank.search("fox whale frog", limit=1000)
        found = {hit.memory.id for hit in hits if hit.memory is not None}
        assert found == set(active)

    def every_version_is_the_work_of_one_operation(self) -> None:
        versions = self.rows("SELECT memory_id, version FROM memory_version ORDER BY 1, 2")
        made = self.rows("SELECT memory_id, version FROM operation WHERE version IS NOT NULL ORDER BY 1, 2")
        assert versions == made
        assert dict(self.rows("SELECT id, version FROM memory")) == dict(versions)

    def what_stands_in_the_journal_gives_the_active_memories(
        self, operations: list[Operation], active: dict[int, str]
    ) -> None:
        if self.plain.has_purged:
            return
        said: dict[int, str] = {}
        for operation in reversed(operations):
            if operation.status is not OperationStatus.APPLIED or operation.memory_id is None:
                continue
            if operation.text is None:
                said.pop(operation.memory_id, None)
            else:
                said[operation.memory_id] = operation.text
        assert said == active

    def teardown(self) -> None:
        try:
            if self.is_sound:  # Or what was found first would be hidden by what follows from it.
                self.agrees_in_everything()
                self.undo_all()
                if not self.plain.has_purged:
                    assert self.active() == {}
                    assert self.rows("SELECT count(*) FROM memory_text") == [(0,)]
                    assert self.rows("SELECT count(*) FROM memory_vector") == [(0,)]
                    assert self.bank.search("fox whale frog") == []
                self.agrees_in_everything()
        finally:
            self.close()
            self.patch.undo()
            self.folder.cleanup()


def run_machine(examples: int, steps: int) -> int:
    """Says how many steps were taken."""
    BankMachine.steps = 0
    run_state_machine_as_test(
        BankMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    return BankMachine.steps


def test_the_bank_does_what_its_model_does() -> None:
    assert run_machine(examples=22, steps=25) >= 500


@pytest.mark.slow
def test_the_bank_does_what_its_model_does_for_ten_thousand_steps() -> None:
    assert run_machine(examples=250, steps=50) >= 10_000
