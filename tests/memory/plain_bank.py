"""What a bank is to remember, in dicts and lists, to be compared with the real one.

Promises nothing of how it is stored. Knows the few texts below and what they mean by heart, takes none apart, and takes
from the assistant only the values that a bank hands out. Raises Refused or Unknown before it has changed anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from assistant.memory.bank import Memory, MemoryStatus, MemoryVersion, Mode, Operation
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.periods import Period, Precision


class Refused(Exception):
    """The bank raises InputError here."""


class Unknown(Exception):
    """The bank raises NotFoundError here."""


@dataclass(frozen=True)
class Said:
    """A text as it is remembered, the words that it means in their order, and since when it says that it holds."""

    text: str
    meaning: tuple[str, ...]
    holds_from: Period | None = None
    is_possible: bool = True
    is_secret: bool = False

    @property
    def content(self) -> frozenset[str]:
        return frozenset(self.meaning) - {"no"}


SINCE_2024 = Period.parse("2024")
PURGED = "(purged)"
SECRET = "(a secret)"

SAYINGS = {
    "red fox": Said("red fox", ("red", "fox")),
    "Red  fox": Said("Red fox", ("red", "fox")),
    "red\u200bfox": Said("red fox", ("red", "fox")),
    "the red foxes": Said("the red foxes", ("red", "fox")),
    "fox, red": Said("fox, red", ("fox", "red")),
    "no red fox": Said("no red fox", ("no", "red", "fox")),
    "blue whale": Said("blue whale", ("blue", "whale")),
    "red fox, blue whale": Said("red fox, blue whale", ("red", "fox", "blue", "whale")),
    "red fox, blue whale, frog": Said("red fox, blue whale, frog", ("red", "fox", "blue", "whale", "frog")),
    "green frog since 2024": Said("green frog since 2024", ("green", "frog", "since", "2024"), SINCE_2024),
    "the fox's password is swordfish": Said(
        "the fox's password is swordfish", ("fox", "password", "swordfish"), is_secret=True
    ),
    "": Said("", (), is_possible=False),
    "x" * 2001: Said("x" * 2001, ("x" * 2001,), is_possible=False),
}
"""What may be said, as it is typed, and how the bank is to understand it."""
BY_TEXT = {said.text: said for said in SAYINGS.values()} | {PURGED: Said(PURGED, ("purged",))}


@dataclass(eq=False)
class State:
    """What an operation makes a memory say. An undo does not copy it but goes back to it."""

    text: str
    status: MemoryStatus
    observed_at: datetime
    holds_from: Period | None = None
    holds_until: Period | None = None

    @property
    def is_active(self) -> bool:
        return self.status is MemoryStatus.ACTIVE

    def says(self, text: str) -> bool:
        return self.text.lower() == text.lower()

    def wipe(self) -> None:
        self.text, self.status = PURGED, MemoryStatus.PURGED


@dataclass
class Visit:
    """That a memory came to a state, when, and by which operation."""

    state: State
    since: datetime
    by: int


@dataclass
class PlainMemory:
    """`visits[0]` is its first version."""

    id: int
    unsaid: State
    """As it stands when its ADD is undone."""
    visits: list[Visit] = field(default_factory=list)

    @property
    def now(self) -> State:
        return self.visits[-1].state

    def version(self, number: int) -> Memory:
        state = self.visits[number - 1].state
        return Memory(
            self.id, state.text, state.status, state.observed_at, None, number, state.holds_from, state.holds_until
        )

    @property
    def value(self) -> Memory:
        return self.version(len(self.visits))


@dataclass
class Row:
    """A row of the journal; `before` and `after` are the states it leads its memory from and to, if it does."""

    id: int
    action: Action
    status: OperationStatus
    created_at: datetime
    actor: str
    memory_id: int | None = None
    text: str | None = None
    text_before: str | None = None
    completion: str | None = None
    before: State | None = None
    after: State | None = None
    undoes: int | None = None
    settles: int | None = None
    undone: bool = False


@dataclass
class Trace:
    """What was forgotten, and when; `lifted_by` is the operation by which the user said it again."""

    memory_id: int
    said: Said
    since: datetime
    lifted_by: int | None = None


class PlainBank:
    """All times are the ones in `clock`, which its owner moves."""

    def __init__(self, clock: datetime) -> None:
        self.clock = clock
        self.mode = Mode.AUTOMATIC
        self.memories: dict[int, PlainMemory] = {}
        self.journal: list[Row] = []
        self.traces: list[Trace] = []
        self._known: dict[datetime, list[tuple[State, Memory]]] = {}
        self.has_purged = False

    # What there is

    def active(self) -> list[Memory]:
        return [memory.value for memory in self.memories.values() if memory.now.is_active]

    def all(self) -> list[Memory]:
        return [memory.value for memory in self.memories.values()]

    def history(self, memory_id: int) -> list[MemoryVersion]:
        memory = self.memories[memory_id]
        return [MemoryVersion(memory.version(i), v.since, v.by) for i, v in enumerate(memory.visits, 1)]

    def operations(self) -> list[Operation]:
        """The newest first. Of a reason it is said only whether there is one, as "why"."""
        settled = self._settled()
        return [_operation(row, row.id in settled) for row in reversed(self.journal)]

    def to_review(self) -> list[Operation]:
        settled = self._settled()
        unsettled = [row for row in self.journal if row.status is not OperationStatus.APPLIED and row.id not in settled]
        return [_operation(row, is_settled=False) for row in reversed(unsettled)]

    def held(self) -> list[int]:
        """The ids of what is held and not settled, the newest first."""
        return [operation.id for operation in self.to_review() if operation.status is OperationStatus.HELD]

    def moments(self) -> list[datetime]:
        """Every moment at which something was recorded, in their order."""
        return list(self._known)

    def as_of(self, moment: datetime) -> list[Memory]:
        """What was active then; of what was purged since, nothing is known any more."""
        return [memory for state, memory in self._known[moment] if state.status is not MemoryStatus.PURGED]

    def with_any_of(self, words: Iterable[str]) -> set[int]:
        """The active memories that mean one of the words, by their ids."""
        wanted = frozenset(words)
        return {memory.id for memory in self.active() if BY_TEXT[memory.text].content & wanted}

    def writes(self, text: str) -> bool:
        """Whether `text` stands in anything that is kept, be it within a longer one."""
        kept = [visit.state.text for memory in self.memories.values() for visit in memory.visits]
        for row in self.journal:
            kept += [written for written in (row.text, row.text_before, row.completion) if written is not None]
        return any(text.lower() in written.lower() for written in kept)

    # What is done

    def propose(
        self,
        operations: Sequence[MemoryOperation],
        observed_at: datetime,
        completion: str,
        *,
        held_for: str = "",
        seen: Sequence[Memory] = (),
    ) -> list[Operation]:
        named = {operation.memory_id for operation in operations}
        is_stale = any(
            memory.id in named and self.memories[memory.id].now.is_active
            and self.memories[memory.id].now.text != memory.text
            for memory in seen
        )  # fmt: skip
        endings = sum(operation.action is Action.DELETE for operation in operations)
        doubted = bool(held_for) or is_stale
        rows = [self._propose(operation, observed_at, completion, doubted, endings > 2) for operation in operations]
        return [self._operation(row) for row in rows]

    def _propose(
        self, operation: MemoryOperation, observed_at: datetime, completion: str, is_doubted: bool, ends_many: bool
    ) -> Row:
        said = self._said(operation)
        status = self._verdict(operation, said, observed_at, is_doubted, ends_many)
        target = self.memories.get(operation.memory_id or 0)
        if status is OperationStatus.APPLIED and operation.action is not Action.NOOP:
            return self._carry_out(operation.action, target, said, observed_at, "manager", completion)
        row = self._write(operation.action, "manager", status, memory=target, completion=completion)
        row.text = said.text if said is not None else None
        row.text_before = target.now.text if target is not None else None
        if said is not None and said.is_secret:
            row.text = row.completion = SECRET
        return row

    def _verdict(
        self,
        operation: MemoryOperation,
        said: Said | None,
        observed_at: datetime,
        is_doubted: bool,
        ends_many: bool,
    ) -> OperationStatus:
        """Whatever speaks for rejecting it goes before whatever speaks for holding it."""
        if operation.action is Action.NOOP:
            return OperationStatus.APPLIED
        target = self.memories.get(operation.memory_id or 0)
        if self._is_impossible(operation.action, target, said) or self.mode is Mode.OFF:
            return OperationStatus.REJECTED
        forgotten = self._forgotten(said, observed_at) if said is not None else ""
        if said is not None and (said.is_secret or forgotten == "before" or self._is_reworded(target, said)):
            return OperationStatus.REJECTED
        is_many = ends_many and operation.action is Action.DELETE
        if not (forgotten or is_many or is_doubted or self.mode is Mode.ASK):
            return OperationStatus.APPLIED
        return OperationStatus.REJECTED if self._is_held(operation, said) else OperationStatus.HELD

    def _is_impossible(self, action: Action, target: PlainMemory | None, said: Said | None) -> bool:
        if action is not Action.ADD and (target is None or not target.now.is_active):
            return True
        if said is None:
            return False
        says_so_itself = target is not None and target.now.text == said.text
        return not said.is_possible or says_so_itself or self._has_twin(said.text, target)

    def _has_twin(self, text: str, target: PlainMemory | None) -> bool:
        others = [memory.now for memory in self.memories.values() if memory is not target]
        return any(state.is_active and state.says(text) for state in others)

    def _is_reworded(self, target: PlainMemory | None, said: Said) -> bool:
        others = [memory.now for memory in self.memories.values() if memory is not target]
        return any(state.is_active and BY_TEXT[state.text].meaning == said.meaning for state in others)

    def _forgotten(self, said: Said, observed_at: datetime) -> str:
        standing = [trace for trace in self.traces if trace.lifted_by is None]
        whole = [trace.since for trace in standing if trace.said.meaning == said.meaning]
        if whole:
            return "before" if observed_at <= max(whole) else "after"
        return "near" if any(_is_near(trace.said.content, said.content) for trace in standing) else ""

    def _lift(self, said: Said, row: Row) -> None:
        for trace in self.traces:
            if trace.lifted_by is None and trace.said.meaning == said.meaning:
                trace.lifted_by = row.id

    def _is_held(self, operation: MemoryOperation, said: Said | None) -> bool:
        wanted = said.text.lower() if said is not None else None
        settled = self._settled()
        return any(
            row.status is OperationStatus.HELD
            and row.id not in settled
            and (row.action, row.memory_id) == (operation.action, operation.memory_id)
            and (row.text.lower() if row.text is not None else None) == wanted
            for row in self.journal
        )

    def hold(self, completion: str) -> Operation:
        return self._operation(self._write(Action.NOOP, "manager", OperationStatus.HELD, completion=completion))

    def add(self, typed: str, *, observed_at: datetime | None = None) -> Memory:
        said = _understood(typed)
        if self._is_impossible(Action.ADD, None, said):
            raise Refused
        row = self._carry_out(Action.ADD, None, said, observed_at or self.clock, "user")
        assert row.memory_id is not None
        return self.memories[row.memory_id].value

    def accept(self, operation_id: int) -> Operation:
        held = self._held_row(operation_id)
        target = self.memories.get(held.memory_id or 0)
        said = BY_TEXT[held.text] if held.text is not None else None
        if held.action is Action.NOOP or (target is not None and target.now.text != held.text_before):
            raise Refused
        if said is not None and self._forgotten(said, self.clock) in ("before", "after"):
            raise Refused
        if self._is_impossible(held.action, target, said):
            raise Refused
        return self._operation(
            self._carry_out(held.action, target, said, held.created_at, "user", settles=operation_id)
        )

    def decline(self, operation_id: int) -> Operation:
        self._held_row(operation_id)
        row = self._write(Action.NOOP, "user")
        row.settles = operation_id
        return self._operation(row)

    def forget(self, memory_id: int) -> Operation:
        memory = self._memory(memory_id)
        was = memory.now
        if was.status in (MemoryStatus.FORGOTTEN, MemoryStatus.PURGED):
            raise Refused
        row = self._write(Action.DELETE, "user", memory=memory)
        row.text_before = was.text
        forgotten = State(was.text, MemoryStatus.FORGOTTEN, was.observed_at, was.holds_from, was.holds_until)
        self._lead(row, memory, was, forgotten)
        self.traces.append(Trace(memory_id, BY_TEXT[was.text], row.created_at))
        return self._operation(row)

    def purge(self, memory_id: int) -> list[str]:
        """The texts that are gone now."""
        memory = self._memory(memory_id)
        self.has_purged = True
        kept = {
            other.value.text.lower() for other in self.memories.values() if other.now.is_active and other is not memory
        }
        texts = sorted({visit.state.text for visit in memory.visits if visit.state.status is not MemoryStatus.PURGED})
        texts = [text for text in texts if text.lower() not in kept]
        gone = {text.lower() for text in texts}
        self._wipe_journal(memory_id, gone)
        for other in self.memories.values():
            for state in (other.unsaid, *(visit.state for visit in other.visits)):
                if other is memory or state.text.lower() in gone:
                    state.wipe()
        row = self._write(Action.DELETE, "user", memory=memory)
        row.text_before = PURGED
        self.traces += [Trace(memory_id, BY_TEXT[text], row.created_at) for text in texts]
        return texts

    def _wipe_journal(self, memory_id: int, gone: set[str]) -> None:
        its_own = [row for row in self.journal if row.memory_id == memory_id]
        wrote_it = {row.id for row in its_own if row.action is not Action.DELETE} | {row.settles for row in its_own}
        completions = {row.completion for row in self.journal if row.id in wrote_it} - {None}
        for row in self.journal:
            completion = row.completion
            if completion in completions or (completion and any(text in completion.lower() for text in gone)):
                row.completion = PURGED
            if row.status is OperationStatus.HELD and (row.text or "").lower() in gone:
                row.status = OperationStatus.REJECTED
            if row.text is not None and (row.memory_id == memory_id or row.text.lower() in gone):
                row.text = PURGED
            if row.text_before is not None and (row.memory_id == memory_id or row.text_before.lower() in gone):
                row.text_before = PURGED

    def undo(self, operation_id: int | None = None) -> Operation:
        if operation_id is not None:
            return self._take_back(self._row(operation_id))
        for row in reversed(self.journal):
            if row.undoes is None and self._can_be_taken_back(row):
                return self._take_back(row)
        raise Refused

    def redo(self, operation_id: int | None = None) -> Operation:
        if operation_id is not None:
            undone = self._row(operation_id)
            undos = [row for row in self.journal if row.undoes == undone.id and not row.undone]
            if not undos:
                raise Refused
            return self._take_back(undos[-1])
        for row in reversed(self.journal):
            is_undo = row.undoes is not None and self._row(row.undoes).undoes is None
            if is_undo and self._can_be_taken_back(row):
                return self._take_back(row)
        raise Refused

    def _can_be_taken_back(self, row: Row) -> bool:
        if row.memory_id is None or row.before is None or row.undone:
            return False
        memory = self.memories[row.memory_id]
        is_purged = MemoryStatus.PURGED in (memory.now.status, row.before.status)
        is_twin = row.before.is_active and self._has_twin(row.before.text, memory)
        return memory.now is row.after and not is_purged and not is_twin

    def _take_back(self, row: Row) -> Operation:
        if not self._can_be_taken_back(row):
            raise Refused
        assert row.memory_id is not None
        assert row.before is not None
        memory, was, then = self.memories[row.memory_id], self.memories[row.memory_id].now, row.before
        action = Action.DELETE if not then.is_active else Action.UPDATE if was.is_active else Action.ADD
        undo = self._write(action, "undo", memory=memory)
        undo.undoes = row.id
        undo.text = then.text if then.is_active else None
        undo.text_before = was.text if was.is_active else None
        self._lead(undo, memory, was, then)
        stands, undone = False, row
        while True:
            undone.undone = not stands
            if undone.undoes is None:
                break
            stands, undone = not stands, self._row(undone.undoes)
        # Forgetting goes with the state, whichever way it was come to.
        self.traces = [trace for trace in self.traces if trace.memory_id != memory.id]
        for trace in self.traces:
            if trace.lifted_by == row.id:
                trace.lifted_by = None
        if then.is_active:
            self._lift(BY_TEXT[then.text], undo)
        if then.status is MemoryStatus.FORGOTTEN:
            self.traces.append(Trace(memory.id, BY_TEXT[then.text], undo.created_at))
        return self._operation(undo)

    # How it is done

    def _carry_out(
        self,
        action: Action,
        target: PlainMemory | None,
        said: Said | None,
        observed_at: datetime,
        actor: str,
        completion: str | None = None,
        settles: int | None = None,
    ) -> Row:
        """What nothing stands against."""
        if said is None:
            assert target is not None
            was, day = target.now, Period.of(observed_at.date(), Precision.DAY)
            then = State(was.text, MemoryStatus.RETIRED, was.observed_at, was.holds_from, day)
        else:
            then = State(said.text, MemoryStatus.ACTIVE, observed_at, said.holds_from)
        if action is Action.ADD:
            number = len(self.memories) + 1
            unsaid = State(then.text, MemoryStatus.RETIRED, then.observed_at, then.holds_from, then.holds_until)
            target = self.memories[number] = PlainMemory(number, unsaid)
        assert target is not None
        before = target.now if target.visits else target.unsaid
        row = self._write(action, actor, memory=target, completion=completion)
        row.settles = settles
        row.text = then.text if then.is_active else None
        row.text_before = before.text if target.visits else None
        self._lead(row, target, before, then)
        if actor == "user" and said is not None:
            self._lift(said, row)
        return row

    def _lead(self, row: Row, memory: PlainMemory, before: State, after: State) -> None:
        row.before, row.after = before, after
        memory.visits.append(Visit(after, row.created_at, row.id))
        self._keep()

    def _write(
        self,
        action: Action,
        actor: str,
        status: OperationStatus = OperationStatus.APPLIED,
        *,
        memory: PlainMemory | None = None,
        completion: str | None = None,
    ) -> Row:
        last = self.journal[-1].created_at if self.journal else self.clock
        created_at = max(self.clock, last).astimezone(self.clock.tzinfo)
        memory_id = memory.id if memory is not None else None
        row = Row(len(self.journal) + 1, action, status, created_at, actor, memory_id, completion=completion)
        self.journal.append(row)
        self._keep()
        return row

    def _keep(self) -> None:
        """What is known now is what was known at the newest moment."""
        known = [(memory.now, memory.value) for memory in self.memories.values() if memory.visits]
        self._known[self.journal[-1].created_at] = [(state, memory) for state, memory in known if state.is_active]

    def _said(self, operation: MemoryOperation) -> Said | None:
        return _understood(operation.text or "") if operation.action in (Action.ADD, Action.UPDATE) else None

    def _settled(self) -> set[int]:
        return {row.settles for row in self.journal if row.settles is not None}

    def _held_row(self, operation_id: int) -> Row:
        row = self._row(operation_id)
        if row.status is not OperationStatus.HELD or row.id in self._settled():
            raise Refused
        return row

    def _row(self, operation_id: int) -> Row:
        if not 0 < operation_id <= len(self.journal):
            raise Unknown
        return self.journal[operation_id - 1]

    def _memory(self, memory_id: int) -> PlainMemory:
        if memory_id not in self.memories:
            raise Unknown
        return self.memories[memory_id]

    def _operation(self, row: Row) -> Operation:
        return _operation(row, row.id in self._settled())


def _operation(row: Row, is_settled: bool) -> Operation:
    reason = "" if row.status is OperationStatus.APPLIED else "why"
    return Operation(
        row.id, row.action, row.status, row.memory_id, row.text, row.text_before, reason, row.actor, row.created_at,
        None, row.completion, row.undone, is_settled,
    )  # fmt: skip


def _is_near(forgotten: frozenset[str], said: frozenset[str]) -> bool:
    """Two words at least that come again, or four words of five."""
    shared = len(forgotten & said)
    return len(forgotten) >= 2 and (
        shared == len(forgotten) or (len(forgotten) >= 4 and 5 * shared >= 4 * len(forgotten))
    )


def _understood(typed: str) -> Said:
    """What is typed is in SAYINGS, or is what was remembered of it."""
    return SAYINGS[typed] if typed in SAYINGS else BY_TEXT[typed]
