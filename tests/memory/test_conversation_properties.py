"""Conversations under whatever is done to them, compared with a plain model: their branches, what waits to be read,
drafts, and what is left of one that was removed."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from assistant.memory.bank import MemoryBank, MemoryStatus
from assistant.memory.checking import check
from assistant.memory.transfer import restore
from tests.memory.shorthand import NOON, adding, updating

ALL = 2**31 - 1
WHICH = st.integers(0, 10_000)
HOW = st.sampled_from(["answer", "say anew", "show"])


@dataclass
class Said:
    """A message of the model; `children` are in the order in which they were said."""

    conversation: int
    role: str
    text: str
    parent: int | None


@dataclass
class Plain:
    """What the bank is to hold."""

    heads: dict[int, int | None] = field(default_factory=dict)
    messages: dict[int, Said] = field(default_factory=dict)
    queue: list[int] = field(default_factory=list)
    excluded: set[int] = field(default_factory=set)
    drafts: dict[int, str] = field(default_factory=dict)
    paused: bool = False
    sources: dict[int, list[int | None]] = field(default_factory=dict)
    """Of each memory, from which message each of its versions came."""
    purged: set[int] = field(default_factory=set)

    def leading_to(self, message_id: int | None) -> list[int]:
        branch: list[int] = []
        while message_id is not None:
            branch.insert(0, message_id)
            message_id = self.messages[message_id].parent
        return branch

    def shown(self, conversation: int) -> list[int]:
        return self.leading_to(self.heads[conversation])

    def of(self, conversation: int) -> list[int]:
        return [number for number, said in self.messages.items() if said.conversation == conversation]

    def children(self, message_id: int) -> list[int]:
        return [number for number, said in self.messages.items() if said.parent == message_id]

    def siblings(self, message_id: int) -> list[int]:
        one = self.messages[message_id]
        return [
            number
            for number, said in self.messages.items()
            if (said.conversation, said.parent, said.role) == (one.conversation, one.parent, one.role)
        ]

    def newest_after(self, message_id: int) -> list[int]:
        following = []
        while children := self.children(message_id):
            message_id = children[-1]
            following.append(message_id)
        return following

    def say(self, number: int, said: Said) -> None:
        shown = self.shown(said.conversation)
        replaces = [other for other in shown if self.messages[other].parent == said.parent]
        is_next = (shown[-1] if shown else None) == said.parent
        if said.role == "user" or is_next or any(self.messages[other].role == said.role for other in replaces):
            self.heads[said.conversation] = number
        self.messages[number] = said

    def remove(self, conversation: int, *, with_memories: bool) -> None:
        gone = set(self.of(conversation))
        for memory, sources in self.sources.items():
            if with_memories and set(sources) <= gone:
                self.purged.add(memory)
            self.sources[memory] = [None if source in gone else source for source in sources]
        self.messages = {number: said for number, said in self.messages.items() if number not in gone}
        self.queue = [number for number in self.queue if number not in gone]
        self.drafts.pop(conversation, None)
        del self.heads[conversation]


class ConversationMachine(RuleBasedStateMachine):
    """Does the same to a bank and to the model."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "0" / "recollect.db"
        self.bank = MemoryBank.open(self.path)
        self.plain = Plain()
        self.count = self.conversations = self.messages = 0

    def teardown(self) -> None:
        self.bank.close()
        shutil.rmtree(self.folder)

    def text(self) -> str:
        """One that stands nowhere else."""
        self.count += 1
        return f"unheard{self.count:05}"

    def conversation(self, which: int) -> int:
        return list(self.plain.heads)[which % len(self.plain.heads)]

    def message(self, which: int) -> int:
        return list(self.plain.messages)[which % len(self.plain.messages)]

    def has_messages(self) -> bool:
        return bool(self.plain.messages)

    def has_conversations(self) -> bool:
        return bool(self.plain.heads)

    def expect(self, said: Said, number: int, *, is_read: bool) -> None:
        self.messages += 1
        assert number == self.messages
        self.plain.say(number, said)
        if is_read and not self.plain.paused and said.conversation not in self.plain.excluded:
            self.plain.queue.append(number)

    # What is said

    @initialize(branches=st.lists(st.tuples(WHICH, HOW), min_size=3, max_size=6))
    def begin_with_some(self, branches: list[tuple[int, str]]) -> None:
        for _ in range(2):
            self.begin()
            self.go_on(len(self.plain.heads) - 1, 4)
        for which, how in branches:
            self.branch(which, how)

    @rule()
    def begin(self) -> None:
        number = self.bank.new_conversation().id
        self.conversations += 1
        assert number == self.conversations
        self.plain.heads[number] = None

    @precondition(has_conversations)
    @rule(which=WHICH, count=st.integers(1, 4))
    def go_on(self, which: int, count: int) -> None:
        conversation = self.conversation(which)
        for number in range(count):
            role = "assistant" if number % 2 else "user"
            said = Said(conversation, role, self.text(), self.plain.heads[conversation])
            saved = self.bank.add_message(conversation, role, said.text, remember=role == "user")
            assert saved.parent_id == said.parent
            self.expect(said, saved.id, is_read=role == "user")

    @precondition(has_messages)
    @rule(which=WHICH, how=HOW)
    def branch(self, which: int, how: str) -> None:
        number = self.message(which)
        match how:
            case "answer":
                self.answer(number)
            case "say anew":
                self.say_anew(number)
            case "show":
                self.bank.show_branch(number)
                shown = [number, *self.plain.newest_after(number)][-1]
                self.plain.heads[self.plain.messages[number].conversation] = shown

    def answer(self, parent: int) -> None:
        said = Said(self.plain.messages[parent].conversation, "assistant", self.text(), parent)
        saved = self.bank.add_message(said.conversation, "assistant", said.text, parent_id=parent)
        self.expect(said, saved.id, is_read=False)

    def say_anew(self, other: int) -> None:
        old = self.plain.messages[other]
        said = Said(old.conversation, "user", self.text(), old.parent)
        saved = self.bank.add_message(old.conversation, "user", said.text, instead_of=other, remember=True)
        self.plain.queue = [number for number in self.plain.queue if number != other]
        self.expect(said, saved.id, is_read=True)

    @precondition(has_conversations)
    @rule(which=WHICH, is_empty=st.booleans())
    def type(self, which: int, is_empty: bool) -> None:
        conversation, text = self.conversation(which), "" if is_empty else self.text()
        self.bank.keep_draft(conversation, text)
        self.plain.drafts[conversation] = text

    # What is learned of it

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        self.bank.pause() if on else self.bank.resume()
        self.plain.paused = on

    @precondition(has_conversations)
    @rule(which=WHICH, excluded=st.booleans())
    def exclude(self, which: int, excluded: bool) -> None:
        conversation = self.conversation(which)
        self.bank.exclude_conversation(conversation, excluded)
        if excluded:
            self.plain.excluded.add(conversation)
            self.plain.queue = [
                number for number in self.plain.queue if self.plain.messages[number].conversation != conversation
            ]
        else:
            self.plain.excluded.discard(conversation)

    @rule()
    def read(self) -> None:
        job = self.bank.next_job()
        if self.plain.paused or not self.plain.queue:
            assert job is None
            return
        assert job is not None
        assert job.message_id == self.plain.queue.pop(0)
        self.bank.finish_job(job.id)

    @precondition(has_messages)
    @rule(which=WHICH, memory=WHICH, is_new=st.booleans(), by_hand=st.booleans())
    def learn(self, which: int, memory: int, is_new: bool, by_hand: bool) -> None:
        known = [number for number in self.plain.sources if number not in self.plain.purged]
        text = f"fact {self.text()}"
        operation = adding(text) if is_new or not known else updating(known[memory % len(known)], text)
        source = None if by_hand else self.message(which)
        [done] = self.bank.apply([operation], actor="user", observed_at=NOON, source_message_id=source)
        assert done.memory_id is not None
        self.plain.sources.setdefault(done.memory_id, []).append(source)

    # What goes on around it

    @precondition(has_conversations)
    @rule(which=WHICH, with_memories=st.booleans(), sure=st.booleans())
    def remove(self, which: int, with_memories: bool, sure: bool) -> None:
        if not sure:
            return
        conversation = self.conversation(which)
        texts = [self.plain.messages[number].text for number in self.plain.of(conversation)]
        before = set(self.plain.purged)
        self.plain.remove(conversation, with_memories=with_memories)
        assert set(self.bank.remove_conversation(conversation, with_memories=with_memories)) == (
            self.plain.purged - before
        )
        for file in self.path.parent.rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            assert [text for text in texts if text.encode() in content] == []

    @rule(elsewhere=st.booleans())
    def close_and_open(self, elsewhere: bool) -> None:
        lines = list(self.bank.export_lines()) if elsewhere else []
        self.bank.close()
        if elsewhere:
            self.path = self.folder / str(self.count) / "recollect.db"
            self.path.parent.mkdir(exist_ok=True)
            self.path.unlink(missing_ok=True)
            restore(lines, self.path)
        self.bank = MemoryBank.open(self.path)

    # What holds after every step

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        type(self).steps += 1
        for conversation in self.plain.heads:
            shown = self.plain.shown(conversation)
            assert [message.id for message in self.bank.messages(conversation, ALL)] == shown
            assert self.bank.draft(conversation) == self.plain.drafts.get(conversation, "")
            replies = [number for number in shown if self.plain.messages[number].role == "assistant"]
            assert self.bank.count_replies(conversation) == len(replies)
        self.a_message_is_where_it_belongs(self.count)
        places = {}
        for number in self.plain.messages:
            beside = self.plain.siblings(number)
            if len(beside) > 1:
                places[number] = (beside.index(number) + 1, len(beside))
        assert self.bank.sibling_places(list(self.plain.messages)) == places
        assert (self.bank.paused, self.bank.pending_jobs()) == (self.plain.paused, len(self.plain.queue))
        self.the_list_is_as_the_model_says()
        for memory, sources in self.plain.sources.items():
            known = self.bank.memory(memory)
            assert (known.status is MemoryStatus.PURGED) == (memory in self.plain.purged)
            assert known.source_message_id == sources[-1]
        assert check(self.bank._database) == []

    def a_message_is_where_it_belongs(self, which: int) -> None:
        if not self.plain.messages:
            return
        number = self.message(which)
        conversation = self.plain.messages[number].conversation
        before, shown = self.plain.leading_to(number), self.plain.shown(conversation)
        after = shown[shown.index(number) + 1 :] if number in shown else []
        following = after or self.plain.newest_after(number)
        assert [m.id for m in self.bank.messages(conversation, 2, before_id=number)] == before[:-1][-2:]
        assert [m.id for m in self.bank.messages_after(conversation, number, 2)] == after[:2]
        around = self.bank.messages_around(number, 3, 2)
        assert [m.id for m in around] == [*before[-4:], *following[:2]]
        assert self.bank.siblings(number) == self.plain.siblings(number)

    def the_list_is_as_the_model_says(self) -> None:
        last = {conversation: max(self.plain.of(conversation), default=0) for conversation in self.plain.heads}
        expected = sorted(last, key=lambda conversation: (last[conversation], conversation), reverse=True)
        listed = self.bank.recent_conversations(ALL)
        assert [summary.conversation.id for summary in listed] == expected
        for summary in listed:
            head = self.plain.heads[summary.conversation.id]
            assert summary.message_count == len(self.plain.of(summary.conversation.id))
            assert summary.opening == (self.plain.messages[head].text if head is not None else "")
            assert summary.conversation.excluded == (summary.conversation.id in self.plain.excluded)


def test_conversations_do_what_their_model_does() -> None:
    ConversationMachine.steps = 0
    run_state_machine_as_test(
        ConversationMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    assert ConversationMachine.steps >= 400
