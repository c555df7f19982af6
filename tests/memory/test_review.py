"""What was held for review is carried out once the user accepts it, and only as it was proposed."""

from __future__ import annotations

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.memory.bank import MemoryBank, Operation
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating

TEA, COFFEE = "User likes tea.", "User likes coffee."


def held(bank: MemoryBank, *operations: MemoryOperation, message_id: int | None = None) -> list[Operation]:
    return bank.apply(
        operations, actor="manager", observed_at=NOON, source_message_id=message_id, held_for="the model was not sure"
    )


def test_what_is_held_changes_nothing_until_it_is_accepted(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "I like tea.", created_at=NOON)
    [operation] = held(bank, adding(TEA), message_id=message.id)
    assert (operation.status, operation.reason, operation.text) == ("held", "the model was not sure", TEA)
    assert texts(bank) == []

    done = bank.accept(operation.id)
    assert (done.action, done.status, done.actor, done.source_message_id) == ("ADD", "applied", "user", message.id)
    [memory] = bank.memories()
    assert (memory.text, memory.observed_at, memory.source_message_id) == (TEA, NOON, message.id)
    assert [o.settled for o in bank.operations(status=OperationStatus.HELD)] == [True]


def test_a_held_update_and_a_held_delete_are_carried_out_on_their_memory(bank: MemoryBank) -> None:
    first, second = bank.add(TEA), bank.add("User lives in Oslo.")
    update, delete = held(bank, updating(first.id, COFFEE), deleting(second.id))
    assert (update.text_before, delete.text_before) == (TEA, "User lives in Oslo.")
    assert texts(bank) == [TEA, "User lives in Oslo."]
    bank.accept(update.id)
    bank.accept(delete.id)
    assert texts(bank) == [COFFEE]


def test_nothing_to_do_is_not_held_and_what_is_impossible_is_rejected_as_ever(bank: MemoryBank) -> None:
    noop, unknown = held(bank, MemoryOperation(Action.NOOP), deleting(7))
    assert (noop.status, unknown.status, unknown.reason) == ("applied", "rejected", "there is no memory 7")


def test_it_is_settled_once_and_an_undo_of_it_is_redone_like_any_other(bank: MemoryBank) -> None:
    [operation] = held(bank, adding(TEA))
    done = bank.accept(operation.id)
    undone = bank.undo(done.id)
    assert texts(bank) == []
    for settle in (bank.accept, bank.decline):
        with pytest.raises(InputError, match="has been accepted or declined already"):
            settle(operation.id)
    assert bank.to_review() == []
    bank.undo(undone.id)
    assert texts(bank) == [TEA]


def test_what_is_declined_is_never_done_and_not_asked_about_again(bank: MemoryBank) -> None:
    [operation] = held(bank, adding(TEA))
    unread = bank.hold("Hm.", "not an operation", source_message_id=None)
    assert [o.id for o in bank.to_review()] == [unread.id, operation.id]
    for number in (operation.id, unread.id):
        declined = bank.decline(number)
        assert (declined.action, declined.actor, declined.status) == ("NOOP", "user", "applied")
    assert bank.to_review() == []
    assert texts(bank) == []
    with pytest.raises(InputError, match="cannot be declined: it was applied, not held"):
        bank.decline(declined.id)


def test_the_same_is_not_held_twice(bank: MemoryBank) -> None:
    memory = bank.add(COFFEE)
    first, delete = held(bank, adding(TEA), deleting(memory.id))
    for operation, before in zip(held(bank, adding(TEA.upper()), deleting(memory.id)), (first, delete), strict=True):
        assert operation.status == "rejected"
        assert operation.reason == f"operation {before.id}, which is held, proposes this already"
    bank.decline(first.id)
    assert held(bank, adding(TEA))[0].status == "held"


def test_open_proposals_are_not_hidden_by_settled_ones(bank: MemoryBank) -> None:
    [old] = held(bank, adding(TEA))
    for i in range(3):
        bank.accept(held(bank, adding(f"User likes tea number {i}."))[0].id)
    assert [o.id for o in bank.to_review(limit=1)] == [old.id]


def test_a_reply_on_a_memory_that_has_changed_is_held_as_a_whole(bank: MemoryBank) -> None:
    oslo = bank.add("User lives in Oslo.")
    bank.apply([updating(oslo.id, "User lives in Bergen.")], actor="user", observed_at=NOON)
    reply = [deleting(oslo.id), adding("User lives in Rome.")]
    done = bank.apply(reply, actor="manager", observed_at=NOON, seen=[oslo])
    assert [(o.status, o.reason) for o in done] == [("held", f"memory {oslo.id} has changed since it was read")] * 2


def test_a_memory_that_says_what_it_said_has_not_changed(bank: MemoryBank) -> None:
    oslo = bank.add("User lives in Oslo.")
    bank.undo(bank.undo(bank.apply([updating(oslo.id, "Rome")], actor="manager", observed_at=NOON)[0].id).id)
    bank.undo()
    reply = [updating(oslo.id, "User lives in Lima."), deleting(oslo.id)]
    assert [o.status for o in bank.apply(reply, actor="manager", observed_at=NOON, seen=[oslo])] == ["applied"] * 2


def test_a_memory_that_has_changed_since_is_left_alone(bank: MemoryBank) -> None:
    memory = bank.add(TEA)
    [operation] = held(bank, updating(memory.id, COFFEE))
    bank.apply([updating(memory.id, "User likes milk.")], actor="manager", observed_at=NOON)
    with pytest.raises(InputError, match=f"memory {memory.id} has changed since"):
        bank.accept(operation.id)
    assert texts(bank) == ["User likes milk."]


def test_what_cannot_be_done_any_more_says_why(bank: MemoryBank) -> None:
    memory = bank.add(TEA)
    [delete] = held(bank, deleting(memory.id))
    [add] = held(bank, adding(COFFEE))
    bank.forget(memory.id)
    bank.add(COFFEE)
    journal = bank.operations()
    with pytest.raises(InputError, match=f"memory {memory.id} is forgotten"):
        bank.accept(delete.id)
    with pytest.raises(InputError, match="already says this"):
        bank.accept(add.id)
    assert bank.operations() == journal, "a refusal leaves no trace"


def test_only_an_operation_that_was_held_can_be_accepted(bank: MemoryBank) -> None:
    [done] = bank.apply([adding(TEA)], actor="manager", observed_at=NOON)
    unread = bank.hold("Hm.", "not an operation", source_message_id=None)
    with pytest.raises(InputError, match="it was applied, not held"):
        bank.accept(done.id)
    with pytest.raises(InputError, match="a reply that could not be read"):
        bank.accept(unread.id)
    with pytest.raises(NotFoundError):
        bank.accept(99)


def test_a_purged_text_does_not_come_back_as_a_held_one(bank: MemoryBank) -> None:
    [operation] = held(bank, adding(TEA))
    bank.forget(bank.add(TEA).id, purge=True)
    assert [(o.id, o.status, o.text, o.reason) for o in bank.to_review()] == [
        (operation.id, "rejected", "(purged)", "(purged)")
    ]
    with pytest.raises(InputError, match="it was rejected, not held"):
        bank.accept(operation.id)


def test_a_forgotten_text_does_not_come_back_from_an_older_message(bank: MemoryBank) -> None:
    [operation] = held(bank, adding(TEA))
    bank.forget(bank.add(TEA).id)
    with pytest.raises(InputError, match="you had this forgotten"):
        bank.accept(operation.id)


def test_what_is_accepted_in_other_words_says_those_and_is_kept_as_an_edit(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "I like tea.", created_at=NOON)
    [operation] = held(bank, adding(TEA), message_id=message.id)
    done = bank.accept(operation.id, text=" User likes\tgreen tea. ")
    assert (done.action, done.text, done.actor, done.source_message_id) == (
        "ADD",
        "User likes green tea.",
        "user",
        message.id,
    )
    [memory] = bank.memories()
    assert (memory.text, memory.observed_at) == ("User likes green tea.", NOON)
    assert bank.proposals() == []
    assert [(f.kind, f.memory_id, f.operation_id) for f in bank.feedback()] == [("edited", memory.id, done.id)]


def test_an_update_is_accepted_in_other_words_and_in_its_own_it_is_no_edit(bank: MemoryBank) -> None:
    bank.add(TEA)
    first, second = held(bank, updating(1, COFFEE), adding("User likes milk."))
    bank.accept(first.id, text="User likes cocoa.")
    bank.accept(second.id, text="User likes milk.")
    assert texts(bank) == ["User likes cocoa.", "User likes milk."]
    assert len(bank.feedback()) == 1


def test_other_words_are_refused_where_they_cannot_be(bank: MemoryBank) -> None:
    bank.add(TEA)
    delete, update = held(bank, deleting(1), updating(1, COFFEE))
    with pytest.raises(InputError, match="lets go of a memory, so no text can take the place of its own"):
        bank.accept(delete.id, text=COFFEE)
    for text, why in ((" ", "the text is empty"), (TEA, "memory 1 already says this")):
        with pytest.raises(InputError, match=why):
            bank.accept(update.id, text=text)
    assert texts(bank) == [TEA]
    assert [p.operation.id for p in bank.proposals()] == [update.id, delete.id]


def test_what_was_forgotten_comes_back_only_in_the_users_own_words(bank: MemoryBank) -> None:
    [operation] = held(bank, adding(TEA))
    bank.forget(bank.add(TEA).id)
    with pytest.raises(InputError, match="you had this forgotten"):
        bank.accept(operation.id, text=TEA)
    bank.accept(operation.id, text="User likes mint tea.")
    assert texts(bank) == ["User likes mint tea."]


def test_proposals_are_what_is_held_and_open_with_where_it_came_from(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "I like tea and coffee.", created_at=NOON)
    tea, coffee, milk = held(bank, adding(TEA), adding(COFFEE), adding("User likes milk."), message_id=message.id)
    held(bank, deleting(7))
    bank.decline(coffee.id)
    unread = bank.hold("Hm.", "not an operation", source_message_id=None)
    assert [(p.operation.id, p.message, p.stale, p.hidden) for p in bank.proposals()] == [
        (unread.id, None, "it is a reply that could not be read", ()),
        (milk.id, message, "", ()),
        (tea.id, message, "", ()),
    ]
    assert [p.operation.id for p in bank.proposals(limit=1)] == [unread.id]


def test_a_proposal_says_why_it_can_no_longer_be_carried_out(bank: MemoryBank) -> None:
    for text in (TEA, "User lives in Oslo.", "User has a dog."):
        bank.add(text)
    held(
        bank,
        updating(1, COFFEE),
        deleting(2),
        adding("User has a cat."),
        adding("User plays chess."),
        updating(3, "User has a bird."),
    )
    bank.edit(1, "User likes milk.")
    bank.mark_outdated(2)
    bank.add("User has a cat.")
    bank.mark_wrong(bank.add("User plays chess.").id)
    bank.add("User has a bird.")
    stale = [p.stale for p in reversed(bank.proposals())]
    assert stale == [
        "memory 1 has changed since",
        "memory 2 is retired",
        "memory 4 already says this",
        "you had this forgotten",
        "memory 6 already says this",
    ]
    for proposal in bank.proposals():
        with pytest.raises(InputError, match=proposal.stale):
            bank.accept(proposal.operation.id)


def test_what_nobody_can_see_in_a_proposal_or_its_message_is_named(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "I like\u202e tea.", created_at=NOON)
    held(bank, adding("User likes te\u0430."), message_id=message.id)
    [proposal] = bank.proposals()
    assert [(h.position, h.code_point, h.name) for h in proposal.hidden] == [
        (13, 0x430, "CYRILLIC SMALL LETTER A"),
        (6, 0x202E, "RIGHT-TO-LEFT OVERRIDE"),
    ]


def test_what_is_asked_again_is_settled_and_its_message_read_once_more(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "I like tea.", created_at=NOON, remember=True)
    job = bank.next_job()
    assert job is not None
    bank.add(COFFEE)
    [operation] = bank.apply(
        [updating(1, TEA)],
        actor="manager",
        observed_at=NOON,
        source_message_id=message.id,
        job_id=job.id,
        held_for="the model was not sure",
    )
    assert bank.pending_jobs() == 0
    done = bank.revalidate(operation.id)
    assert (done.action, done.status, done.actor, done.reason) == (
        "NOOP",
        "applied",
        "user",
        "its message is read again",
    )
    assert bank.proposals() == []
    again = bank.next_job()
    assert again is not None
    assert (again.message_id, again.attempts) == (message.id, 1)
    with pytest.raises(InputError, match="has been accepted or declined already"):
        bank.revalidate(operation.id)


def test_a_message_that_was_never_queued_or_waits_is_read_once(bank: MemoryBank) -> None:
    message = bank.add_message(bank.new_conversation().id, "user", "I like tea.", created_at=NOON)
    for operation in held(bank, adding(TEA), adding(COFFEE), message_id=message.id):
        bank.revalidate(operation.id)
    assert bank.pending_jobs() == 1


def test_only_what_came_from_a_message_of_the_users_can_be_asked_again(bank: MemoryBank) -> None:
    conversation = bank.new_conversation().id
    reply = bank.add_message(conversation, "assistant", "You like tea.")
    message = bank.add_message(conversation, "user", "I do.")
    [alone], [of_reply] = held(bank, adding(TEA)), held(bank, adding(COFFEE), message_id=reply.id)
    [of_message] = held(bank, adding("User likes milk."), message_id=message.id)
    bank.exclude_conversation(conversation, True)
    for operation, why in (
        (alone, "it came from no message"),
        (of_reply, "it came from no message of yours"),
        (of_message, "nothing may be learned from its conversation"),
    ):
        with pytest.raises(InputError, match=rf"cannot be asked for again: {why}\."):
            bank.revalidate(operation.id)
    assert len(bank.proposals()) == 3
    assert bank.pending_jobs() == 0
