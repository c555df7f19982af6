"""The queue of messages that the Memory Manager reads, on a real bank and with a manager that follows a script."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from assistant.agents.generation import USUAL_TRAITS, Completion, FinishReason, ModelTraits
from assistant.agents.manager import MemoryManager
from assistant.conversation.chat import save_message
from assistant.conversation.queue import ManagerQueue, Receipt
from assistant.errors import EngineCrashed, EngineError, StorageError
from assistant.memory.bank import MemoryBank, MessageRole
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from tests.scripted import Breaks, FakeEmbedder, ScriptedGenerator, deletes, updates

BUDDY = "User has a dog named Buddy."
BOTH = "User has two dogs named Buddy and Scout."
CRASH = EngineCrashed("The model process ended unexpectedly (signal 11).", "See engine.log.")
THEN = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def queue_of(bank, *completions, traits=USUAL_TRAITS, **options):
    return ManagerQueue(bank, MemoryManager(ScriptedGenerator(manager=completions), traits), **options)


def done(receipts):
    return [(o.action, o.text, o.status) for receipt in receipts for o in receipt.operations]


def test_buddy_and_then_scout_make_one_memory_with_both_and_undo_gives_back_buddy(bank):
    save_message(bank, "I adopted a dog named Buddy.", None)
    queue = queue_of(bank, f"ADD: {BUDDY}", updates(1, BOTH))
    assert done(queue.run_pending()) == [(Action.ADD, BUDDY, OperationStatus.APPLIED)]
    save_message(bank, "I adopted another dog named Scout.", None)
    assert done(queue.run_pending()) == [(Action.UPDATE, BOTH, OperationStatus.APPLIED)]
    assert [m.text for m in bank.memories()] == [BOTH]
    bank.undo()
    assert [m.text for m in bank.memories()] == [BUDDY]


def test_short_ids_are_the_memories_on_offer_and_not_the_numbers_of_the_bank(bank):
    bank.add("User lives in Oslo.")
    dog = bank.add(BUDDY)
    bank.add("Buddy is User's favourite dog.")
    message = save_message(bank, "My dog Buddy has died, my favourite.", None)
    [receipt] = queue_of(bank, deletes(2)).run_pending()
    assert receipt.message_id == message.id
    [operation] = receipt.operations
    assert (operation.action, operation.memory_id, operation.actor) == (Action.DELETE, dog.id, "manager")
    assert [m.text for m in bank.memories()] == ["User lives in Oslo.", "Buddy is User's favourite dog."]


def test_a_memory_knows_its_message_and_its_date(bank):
    conversation = bank.new_conversation("")
    message = bank.add_message(conversation.id, "user", "I live in Oslo.", created_at=THEN, remember=True)
    queue_of(bank, "ADD: User lives in Oslo.").run_pending()
    [memory] = bank.memories()
    assert (memory.source_message_id, memory.observed_at) == (message.id, THEN)


def test_the_manager_sees_the_two_messages_before_but_none_of_the_assistants(bank):
    conversation = bank.new_conversation("")
    for i in range(3):
        bank.add_message(conversation.id, MessageRole.USER, f"Message {i}.")
        bank.add_message(conversation.id, MessageRole.ASSISTANT, "You have two dogs.")
    bank.add_message(conversation.id, MessageRole.USER, "Yes.", remember=True)
    generator = ScriptedGenerator(manager=["NOOP"])
    ManagerQueue(bank, MemoryManager(generator)).run_pending()
    assert generator.calls[0].question == (
        "Memories: none\nEarlier: User: Message 1.\nEarlier: User: Message 2.\nNow: User: Yes."
    )


def test_a_long_earlier_message_does_not_crowd_out_the_message_itself(bank):
    conversation = bank.new_conversation("")
    bank.add_message(conversation.id, MessageRole.USER, "x" * 1000)
    bank.add_message(conversation.id, MessageRole.USER, "I live in Oslo.", remember=True)
    generator = ScriptedGenerator(manager=["NOOP"])
    ManagerQueue(bank, MemoryManager(generator)).run_pending()
    assert generator.calls[0].question == f"Memories: none\nEarlier: User: {'x' * 300}\nNow: User: I live in Oslo."


def test_named_speakers_are_named_to_the_manager(bank):
    conversation = bank.new_conversation("")
    bank.add_message(conversation.id, "user", "How are you?", speaker="Melanie")
    bank.add_message(conversation.id, "user", "I moved to Oslo.", speaker="Caroline", external_id="x:1", remember=True)
    generator = ScriptedGenerator(manager=["ADD: Caroline lives in Oslo."])
    [receipt] = ManagerQueue(bank, MemoryManager(generator)).run_pending()
    assert generator.calls[0].question == (
        "Memories: none\nEarlier: Melanie: How are you?\nNow: Caroline: I moved to Oslo."
    )
    assert receipt.operations[0].actor == "import"


def test_what_the_assistant_says_is_never_read_for_facts(bank):
    conversation = bank.new_conversation("")
    message = bank.add_message(conversation.id, MessageRole.ASSISTANT, "You have two dogs.", remember=True)
    assert queue_of(bank).run_pending() == [Receipt(message.id, ())]
    assert bank.pending_jobs() == 0
    assert bank.memories() == []


def test_a_reply_without_form_is_held_for_review_and_the_queue_goes_on(bank):
    first = save_message(bank, "Hm.", None)
    save_message(bank, "I live in Oslo.", first.conversation_id)
    receipts = queue_of(bank, "I'd rather not say.", "ADD: User lives in Oslo.").run_pending()
    assert [o.status for r in receipts for o in r.operations] == [OperationStatus.HELD, OperationStatus.APPLIED]
    held = receipts[0].operations[0]
    assert held.completion == "I'd rather not say."
    assert held.reason == 'not an operation: "I\'d rather not say."'
    assert held.source_message_id == first.id
    assert bank.pending_jobs() == 0


def test_a_reply_cut_off_by_the_length_limit_is_held(bank):
    save_message(bank, "I live in Oslo.", None)
    [receipt] = queue_of(bank, Completion("ADD: User lives in Os", FinishReason.LENGTH)).run_pending()
    assert [o.reason for o in receipt.operations] == ["the reply was cut off (length)"]
    assert bank.memories() == []


def test_what_the_model_is_not_sure_of_is_held_with_the_reason(bank):
    traits = ModelTraits(least_confidence=0.9)
    unsure = Completion(f"ADD: {BUDDY}", FinishReason.STOP, confidence=0.89)
    sure = Completion("ADD: User lives in Oslo.", FinishReason.STOP, confidence=0.9)
    nothing = Completion("NOOP", FinishReason.STOP, confidence=0.5)
    for text in ("Buddy barks.", "I live in Oslo.", "Hm."):
        save_message(bank, text, None)
    receipts = queue_of(bank, unsure, sure, nothing, traits=traits).run_pending()
    assert done(receipts) == [
        (Action.ADD, BUDDY, OperationStatus.HELD),
        (Action.ADD, "User lives in Oslo.", OperationStatus.APPLIED),
        (Action.NOOP, None, OperationStatus.APPLIED),
    ]
    assert receipts[0].operations[0].reason == "the model was not sure"
    assert bank.pending_jobs() == 0


def test_noop_is_written_down_and_changes_nothing(bank):
    save_message(bank, "Hello!", None)
    assert done(queue_of(bank, "NOOP").run_pending()) == [(Action.NOOP, None, OperationStatus.APPLIED)]
    assert [o.completion for o in bank.operations()] == ["NOOP"]


def test_a_fact_that_is_known_already_is_rejected_with_the_reason(bank):
    bank.add("User lives in Oslo.")
    save_message(bank, "I live in Oslo.", None)
    [receipt] = queue_of(bank, "ADD: User lives in Oslo.").run_pending()
    assert [(o.status, o.reason) for o in receipt.operations] == [
        (OperationStatus.REJECTED, "memory 1 already says this")
    ]


def test_a_memory_forgotten_while_the_manager_thinks_is_not_changed_any_more(bank):
    dog = bank.add(BUDDY)

    def forget_meanwhile(call):
        bank.forget(dog.id)
        return updates(1, BOTH)(call)

    save_message(bank, "I adopted another dog named Scout.", None)
    [receipt] = queue_of(bank, forget_meanwhile).run_pending()
    assert receipt.operations[0].status is OperationStatus.REJECTED
    assert bank.memories() == []


def test_what_the_user_changed_while_the_manager_thought_is_not_overwritten(bank):
    save_message(bank, "I adopted a dog named Buddy.", None)
    queue_of(bank, f"ADD: {BUDDY}").run_pending()
    [dog] = bank.memories()

    def edit_meanwhile(call):
        edited = MemoryOperation(Action.UPDATE, dog.id, "User has a poodle named Buddy.")
        bank.apply([edited], actor="user", observed_at=THEN)
        return updates(1, BOTH)(call)

    save_message(bank, "I adopted another dog named Scout.", None)
    [receipt] = queue_of(bank, edit_meanwhile).run_pending()
    [operation] = receipt.operations
    assert (operation.status, operation.reason) == ("held", f"memory {dog.id} has changed since it was read")
    assert [m.text for m in bank.memories()] == ["User has a poodle named Buddy."]


def test_a_crash_puts_the_job_back_and_the_third_one_holds_it_for_review(bank):
    message = save_message(bank, "I live in Oslo.", None)
    queue = queue_of(bank, *[Breaks("ADD:", CRASH)] * 3)
    for pending_after in (1, 1, 0):
        with pytest.raises(EngineCrashed):
            queue.run_pending()
        assert bank.pending_jobs() == pending_after
    [held] = bank.operations()
    assert (held.status, held.source_message_id) == (OperationStatus.HELD, message.id)
    assert "signal 11" in held.reason


def test_cancelling_puts_the_job_back_as_if_it_had_not_been_tried(bank):
    save_message(bank, "I live in Oslo.", None)
    cancel = threading.Event()

    def cancel_meanwhile(call):
        cancel.set()
        return "ADD: User lives in Oslo."

    assert queue_of(bank, cancel_meanwhile).run_pending(cancel=cancel) == []
    assert bank.memories() == []
    job = bank.next_job()
    assert (job.message_id, job.attempts) == (1, 1)


def test_a_queue_that_is_cancelled_already_takes_no_job(bank):
    save_message(bank, "I live in Oslo.", None)
    cancel = threading.Event()
    cancel.set()
    assert queue_of(bank).run_pending(cancel=cancel) == []
    assert bank.pending_jobs() == 1


def test_an_interrupt_puts_the_job_back(bank):
    save_message(bank, "I live in Oslo.", None)

    def interrupt(call):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue_of(bank, interrupt).run_pending()
    assert done(queue_of(bank, "ADD: User lives in Oslo.").run_pending()) == [
        (Action.ADD, "User lives in Oslo.", OperationStatus.APPLIED)
    ]


def test_a_decision_that_cannot_be_written_puts_the_job_back(bank, monkeypatch):
    save_message(bank, "I live in Oslo.", None)

    def disk_full(*_args, **_options):
        raise StorageError("The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(bank, "apply", disk_full)
        with pytest.raises(StorageError):
            queue_of(bank, "ADD: User lives in Oslo.").run_pending()
    assert bank.next_job().attempts == 1


def test_only_messages_before_a_given_one_are_read(bank):
    first = save_message(bank, "I live in Oslo.", None)
    second = save_message(bank, "Where do I live?", first.conversation_id)
    receipts = queue_of(bank, "ADD: User lives in Oslo.").run_pending(before_message_id=second.id)
    assert [receipt.message_id for receipt in receipts] == [first.id]
    assert bank.pending_jobs() == 1


def test_each_receipt_is_told_as_soon_as_it_is_known(bank):
    first = save_message(bank, "I live in Oslo.", None)
    save_message(bank, "Hello!", first.conversation_id)
    told = []

    def check(call):
        assert [receipt.message_id for receipt in told] == [first.id]
        return "NOOP"

    receipts = queue_of(bank, "ADD: User lives in Oslo.", check).run_pending(told.append)
    assert told == receipts


def test_memories_get_their_vectors_so_that_the_next_message_finds_them(path):
    with MemoryBank.open(path, FakeEmbedder()) as bank:
        save_message(bank, "I live in Oslo.", None)
        queue_of(bank, "ADD: User lives in Oslo.").run_pending()
        assert bank.index_pending(kinds=["memory"]) == 0
        assert [hit.matched_by for hit in bank.search("Who lives in Oslo?")] == ["both"]


def test_an_embedder_that_fails_does_not_stop_the_manager(path):
    class Broken(FakeEmbedder):
        def embed(self, texts):
            raise EngineError("It failed.")

    with MemoryBank.open(path, Broken()) as bank:
        save_message(bank, "I live in Oslo.", None)
        queue_of(bank, "ADD: User lives in Oslo.").run_pending()
        assert [m.text for m in bank.memories()] == ["User lives in Oslo."]


def test_waiting_gives_the_receipt_of_one_message_after_those_before_it(bank):
    first = save_message(bank, "I live in Oslo.", None)
    second = save_message(bank, "I have a dog.", first.conversation_id)
    receipt = queue_of(bank, "ADD: User lives in Oslo.", "ADD: User has a dog.").wait_for(second.id)
    assert (receipt.message_id, [o.text for o in receipt.operations]) == (second.id, ["User has a dog."])


def test_waiting_also_sees_what_another_process_did(bank, path):
    message = save_message(bank, "I live in Oslo.", None)
    with MemoryBank.open(path) as other:
        queue_of(other, "ADD: User lives in Oslo.").run_pending()
    receipt = queue_of(bank).wait_for(message.id)
    assert [o.text for o in receipt.operations] == ["User lives in Oslo."]


def test_waiting_for_another_process_that_never_ends_ends_with_what_to_do(bank, path):
    message = save_message(bank, "I live in Oslo.", None)
    with MemoryBank.open(path) as other:
        assert other.next_job() is not None
        with pytest.raises(EngineError) as waited:
            queue_of(bank).wait_for(message.id, timeout=0.0)
    assert waited.value.message == "Another Recollect took message 1 and has not finished with it."


def test_two_processes_never_read_the_same_message(bank, path):
    message = save_message(bank, "I live in Oslo.", None)

    def other_process_meanwhile(call):
        with MemoryBank.open(path) as other:
            assert queue_of(other).run_pending() == []
        return "ADD: User lives in Oslo."

    queue_of(bank, other_process_meanwhile).run_pending()
    assert [o.source_message_id for o in bank.operations()] == [message.id]


def test_a_message_said_anew_is_read_with_what_was_said_before_it_on_its_branch(bank):
    first = save_message(bank, "Hello there.", None)
    conversation = first.conversation_id
    wrong = save_message(bank, "I have a dgo.", conversation)
    save_message(bank, "It is called Scout.", conversation)
    edited = save_message(bank, "I have a dog.", None, instead_of=wrong)
    last = save_message(bank, "It is called Buddy.", conversation)
    generator = ScriptedGenerator(default_manager="NOOP")
    receipts = ManagerQueue(bank, MemoryManager(generator)).run_pending()
    assert [receipt.message_id for receipt in receipts] == [1, 3, edited.id, last.id]
    earlier = [[line for line in call.question.split("\n") if "Earlier" in line] for call in generator.calls]
    assert earlier[2:] == [
        ["Earlier: User: Hello there."],
        ["Earlier: User: Hello there.", "Earlier: User: I have a dog."],
    ]


def test_a_message_of_a_conversation_that_is_removed_meanwhile_comes_to_nothing(bank):
    message = save_message(bank, "I live in Oslo.", None)

    def remove(call):
        bank.remove_conversation(message.conversation_id)
        return "ADD: User lives in Oslo."

    assert queue_of(bank, remove).run_pending() == [Receipt(message.id, ())]
    assert (bank.memories(), bank.operations(), bank.pending_jobs()) == ([], [], 0)


def test_in_a_pause_nobody_waits_for_what_is_never_read(bank):
    before = save_message(bank, "I live in Oslo.", None)
    bank.pause()
    during = save_message(bank, "I live in Rome.", before.conversation_id)
    queue = queue_of(bank, "ADD: User lives in Oslo.")
    assert queue.wait_for(before.id) == Receipt(before.id, ())
    assert queue.wait_for(during.id) == Receipt(during.id, ())
    bank.resume()
    assert queue.wait_for(during.id) == Receipt(during.id, ())
    assert [memory.text for memory in bank.memories()] == ["User lives in Oslo."]
