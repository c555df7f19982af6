"""Each rule by which a proposal is held or rejected, and that what is right passes them all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from assistant.memory.deciding import APPLIED, Evidence, Mode, decide, objection
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.records import Memory, MemoryStatus
from tests.memory.shorthand import adding, deleting, updating

BUDDY = Memory(1, "User has a dog named Buddy.", MemoryStatus.ACTIVE, datetime(2026, 3, 1, tzinfo=UTC), None, 1)
SCOUT = Evidence(target=BUDDY, message="I adopted another dog today, Scout!")


def test_what_the_message_says_is_applied() -> None:
    assert decide(updating(1, "User has two dogs named Buddy and Scout."), SCOUT) == APPLIED
    assert decide(adding("User has a dog named Scout."), replace(SCOUT, target=None)) == APPLIED
    died = Evidence(target=BUDDY, message="Buddy died last night.")
    assert decide(deleting(1), died) == APPLIED
    assert decide(MemoryOperation(Action.NOOP), replace(SCOUT, mode=Mode.OFF)) == APPLIED


@pytest.mark.parametrize(
    ("proposal", "evidence", "reason"),
    [
        (updating(7, "User has a cat."), Evidence(), "there is no memory 7"),
        (deleting(1), Evidence(target=replace(BUDDY, status=MemoryStatus.RETIRED)), "memory 1 is retired"),
        (adding(""), Evidence(), "the text is empty"),
        (adding("x" * 2001), Evidence(), "the text has 2001 characters, and 2000 is the most"),
        (adding("User has a cat."), Evidence(twin=4), "memory 4 already says this"),
        (updating(1, BUDDY.text), Evidence(target=BUDDY), "memory 1 already says this"),
        (adding("A cat is what user has."), Evidence(rewording=4), "memory 4 already says this in other words"),
        (adding("User's password is hunter2."), Evidence(), "a password or key is never remembered"),
        (adding("User has a cat."), Evidence(mode=Mode.OFF), "remembering is switched off"),
        (adding("User has a cat."), Evidence(forgotten="before"), "you had this forgotten"),
        (
            adding("User is ill."),
            Evidence(message="I am ill, but please don't remember that."),
            "the message asks not to remember it",
        ),
    ],
)
def test_what_cannot_be_is_rejected(proposal: MemoryOperation, evidence: Evidence, reason: str) -> None:
    verdict = decide(proposal, evidence)
    assert (verdict.status, verdict.reason) == (OperationStatus.REJECTED, reason)


@pytest.mark.parametrize(
    ("proposal", "evidence", "reason"),
    [
        (adding("User is ill."), Evidence(forgotten="after"), "you had this forgotten, and then spoke of it again"),
        (adding("User is ill."), Evidence(forgotten="near"), "you had something much like this forgotten"),
        (updating(1, "User has two dogs."), replace(SCOUT, target=replace(BUDDY, pinned=True)), "memory 1 is pinned"),
        (
            deleting(1),
            Evidence(target=replace(BUDDY, pinned=True), message="Buddy died last night."),
            "memory 1 is pinned",
        ),
        (deleting(1), Evidence(target=BUDDY, retirements=3), "one message would end 3 memories"),
        (updating(1, "Ann has a dog named Buddy."), SCOUT, "memory 1 is about somebody else"),
        (
            deleting(1),
            Evidence(target=replace(BUDDY, text="Ann has a dog."), message="My cat died."),
            "the message does not speak of memory 1",
        ),
        (adding("User has a dog named Rex."), replace(SCOUT, target=None), "the message says nothing of “Rex”"),
        (
            adding("User lives in Lisbon."),
            Evidence(message="Guess what! My sister Emma moved to Lisbon."),
            "the message says this of your sister",
        ),
        (adding("User is 31 years old."), Evidence(message="I had my birthday."), "the message says nothing of “31”"),
        (adding("User plays chess."), Evidence(message="What a lovely morning!"), "the message does not say this"),
        (adding("User has a dog."), Evidence(message="> I have a dog\nIs that true?"), "it comes from a pasted text"),
        (adding("User has a dog."), Evidence(message="I have a dog. " * 200), "it comes from a pasted text"),
        (
            adding("User has a dog named Buddy."),
            Evidence(message="You said: You have a dog named Buddy.", recalled=("You have a dog named Buddy.",)),
            "the message repeats what the assistant said",
        ),
        (adding("User has a dog."), Evidence(message="I have a dog.", mode=Mode.ASK), "you want to be asked first"),
    ],
)
def test_what_is_doubtful_is_held(proposal: MemoryOperation, evidence: Evidence, reason: str) -> None:
    verdict = decide(proposal, evidence)
    assert (verdict.status, verdict.reason) == (OperationStatus.HELD, reason)


def test_what_is_rejected_is_never_merely_held() -> None:
    evidence = Evidence(message="My password is hunter2", mode=Mode.ASK, forgotten="after")
    assert decide(adding("User's password is hunter2"), evidence).status is OperationStatus.REJECTED


def test_the_user_is_held_back_by_nothing_but_what_is_impossible() -> None:
    assert objection(adding("User's password is hunter2."), Evidence(mode=Mode.OFF, forgotten="before")) == ""
    assert objection(deleting(3), Evidence()) == "there is no memory 3"


def test_what_was_said_just_before_counts_as_said() -> None:
    evidence = Evidence(message="She is called Mia.", context=("User: I have a new niece.",))
    assert decide(adding("User has a niece named Mia."), evidence) == APPLIED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("User has a sister named Emma.", "My sister Emma moved to Lisbon."),
        ("User's sister Emma lives in Lisbon.", "My sister Emma moved to Lisbon."),
        ("User lives in Lisbon.", "My sister and I moved to Lisbon."),
        ("User lives in Lisbon.", "Lisbon suits me. My sister visits often."),
        ("User visits Lisbon in May.", "My boss signed off my days in Lisbon: May!"),
    ],
)
def test_what_is_said_of_a_sister_may_say_something_of_the_user(text: str, message: str) -> None:
    assert decide(adding(text), Evidence(message=message)) == APPLIED


def test_names_are_supported_by_the_memory_that_changes() -> None:
    evidence = Evidence(target=BUDDY, message="We have another dog now, Scout.", speaker="Ann")
    assert decide(updating(1, "User has two dogs named Buddy and Scout."), evidence) == APPLIED
