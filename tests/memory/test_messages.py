from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.memory.bank import MemoryBank, MessageRole, MessageState
from tests.memory.shorthand import NOON


def test_a_message_comes_back_as_it_was_saved(bank: MemoryBank) -> None:
    conversation = bank.new_conversation("Dogs")
    saved = bank.add_message(
        conversation.id, "user", "I adopted\n\tBuddy 🐶", speaker="Ann", created_at=NOON, external_id="a:1"
    )
    assert bank.message(saved.id) == saved
    assert (saved.role, saved.speaker, saved.text) == (MessageRole.USER, "Ann", "I adopted\n\tBuddy 🐶")
    assert (saved.state, saved.external_id) == (MessageState.COMPLETE, "a:1")
    assert saved.created_at.isoformat() == "2026-03-01T12:00:00+02:00"


def test_messages_come_oldest_first_a_page_at_a_time(bank: MemoryBank) -> None:
    conversation = bank.new_conversation()
    other = bank.new_conversation()
    for text in "abcde":
        bank.add_message(conversation.id, "user", text)
        bank.add_message(other.id, "user", "elsewhere")
    last = bank.messages(conversation.id, 2)
    assert [m.text for m in last] == ["d", "e"]
    before = bank.messages(conversation.id, 2, before_id=last[0].id)
    assert [m.text for m in before] == ["b", "c"]
    assert [m.text for m in bank.messages(conversation.id, 2, before_id=before[0].id)] == ["a"]


def test_a_reply_grows_and_is_then_complete(bank: MemoryBank) -> None:
    conversation = bank.new_conversation()
    reply = bank.add_message(conversation.id, "assistant", "", state="partial")
    bank.update_message(reply.id, "You have", "partial")
    assert bank.message(reply.id).state is MessageState.PARTIAL
    bank.update_message(reply.id, "You have two dogs.", "complete")
    assert (bank.message(reply.id).text, bank.message(reply.id).state) == ("You have two dogs.", MessageState.COMPLETE)


def test_the_latest_conversation_is_the_one_last_written_in(bank: MemoryBank) -> None:
    assert bank.latest_conversation() is None
    first, second = bank.new_conversation("first"), bank.new_conversation("second")
    assert bank.latest_conversation() == second
    hello = bank.add_message(first.id, "user", "hello")
    begun = replace(first, head_id=hello.id)
    assert bank.latest_conversation() == begun
    assert bank.conversations() == [second, begun]


def test_an_imported_conversation_is_not_the_one_to_continue(bank: MemoryBank) -> None:
    mine, imported = bank.new_conversation(), bank.new_conversation("conv-26")
    hello = bank.add_message(mine.id, "user", "hello")
    bank.add_message(imported.id, "user", "long ago", external_id="locomo:conv-26:D1:1")
    assert bank.latest_conversation() == replace(mine, head_id=hello.id)


def test_a_message_with_a_known_external_id_is_saved_and_queued_once(bank: MemoryBank) -> None:
    conversation = bank.new_conversation()
    first = bank.add_message(conversation.id, "user", "I ran", external_id="locomo:1", remember=True)
    again = bank.add_message(conversation.id, "user", "I ran", external_id="locomo:1", remember=True)
    assert again == first
    assert [m.id for m in bank.messages(conversation.id, 9)] == [first.id]
    assert bank.pending_jobs() == 1


def test_citations_keep_their_order_and_the_text_of_their_time(bank: MemoryBank) -> None:
    conversation = bank.new_conversation()
    reply = bank.add_message(conversation.id, "assistant", "Two.")
    tea, dog = bank.add("User likes tea"), bank.add("User has a dog")
    bank.cite(reply.id, [dog, tea])
    bank.forget(dog.id)
    assert [(c.rank, c.memory_id, c.text) for c in bank.citations(reply.id)] == [
        (1, 2, "User has a dog"),
        (2, 1, "User likes tea"),
    ]


def test_a_citation_does_not_bring_back_what_was_purged_meanwhile(bank: MemoryBank) -> None:
    reply = bank.add_message(bank.new_conversation().id, "assistant", "Yes.")
    secret = bank.add("User has a secret")
    bank.forget(secret.id, purge=True)
    bank.cite(reply.id, [secret])
    assert [c.text for c in bank.citations(reply.id)] == ["(purged)"]


def test_what_is_not_there_is_said_so(bank: MemoryBank) -> None:
    with pytest.raises(NotFoundError, match=r"There is no message 7\."):
        bank.message(7)
    with pytest.raises(NotFoundError, match=r"There is no message 7\."):
        bank.update_message(7, "text", "complete")
    with pytest.raises(NotFoundError, match=r"There is no conversation 7\."):
        bank.add_message(7, "user", "hello")
    with pytest.raises(NotFoundError, match=r"There is no memory 99999999999999999999\."):
        bank.memory(99999999999999999999)


def test_a_text_that_is_no_unicode_is_refused_and_leaves_nothing(bank: MemoryBank) -> None:
    conversation = bank.new_conversation()
    with pytest.raises(InputError, match="no UTF-8"):
        bank.add_message(conversation.id, "user", "bytes \udcff", remember=True)
    assert (bank.messages(conversation.id, 9), bank.pending_jobs()) == ([], 0)


def test_a_megabyte_of_text_is_kept_whole(bank: MemoryBank) -> None:
    text = "many words " * 100_000
    saved = bank.add_message(bank.new_conversation().id, "user", text)
    assert bank.message(saved.id).text == text


def test_a_time_without_a_zone_is_a_bug_and_is_not_stored(bank: MemoryBank) -> None:
    conversation = bank.new_conversation()
    with pytest.raises(ValueError, match="has no time zone"):
        bank.add_message(conversation.id, "user", "hello", created_at=datetime(2026, 3, 1))
    assert bank.messages(conversation.id, 9) == []
    assert bank.new_conversation().created_at.utcoffset() is not None


def test_what_was_typed_and_not_sent_is_kept_for_each_conversation(bank: MemoryBank) -> None:
    first, second = bank.new_conversation(), bank.new_conversation()
    assert bank.draft(None) == bank.draft(first.id) == ""
    bank.keep_draft(None, "A new one")
    bank.keep_draft(first.id, "I wan")
    bank.keep_draft(first.id, "I want\n")
    assert [bank.draft(where) for where in (None, first.id, second.id)] == ["A new one", "I want\n", ""]
    bank.keep_draft(None, "")
    assert [bank.draft(where) for where in (None, first.id)] == ["", "I want\n"]
    with pytest.raises(NotFoundError, match=r"There is no conversation 7\."):
        bank.keep_draft(7, "lost")
    with pytest.raises(InputError, match="no UTF-8"):
        bank.keep_draft(first.id, "\udcff")
    assert bank.draft(first.id) == "I want\n"


def test_a_conversation_can_be_renamed(bank: MemoryBank) -> None:
    conversation = bank.new_conversation("Dgos")
    bank.rename_conversation(conversation.id, "Dogs")
    assert bank.conversation(conversation.id).title == "Dogs"
    with pytest.raises(NotFoundError, match=r"There is no conversation 99999999999999999999\."):
        bank.rename_conversation(99999999999999999999, "Dogs")


def test_a_sample_is_not_the_conversation_to_continue(bank: MemoryBank) -> None:
    sample = bank.new_conversation("Have a look", is_sample=True)
    bank.add_message(sample.id, "user", "Hello")
    assert bank.latest_conversation() is None
    assert [c.is_sample for c in bank.conversations()] == [True]


def test_nothing_is_learned_from_a_conversation_that_is_excluded(bank: MemoryBank) -> None:
    conversation, other = bank.new_conversation(), bank.new_conversation()
    bank.add_message(conversation.id, "user", "before", remember=True)
    kept = bank.add_message(other.id, "user", "elsewhere", remember=True)
    bank.exclude_conversation(conversation.id, True)
    bank.add_message(conversation.id, "user", "while", remember=True)
    assert bank.conversation(conversation.id).excluded
    bank.exclude_conversation(conversation.id, False)
    after = bank.add_message(conversation.id, "user", "after", remember=True)
    assert not bank.conversation(conversation.id).excluded
    read = []
    while (job := bank.next_job()) is not None:
        read.append(job.message_id)
        bank.finish_job(job.id)
    assert read == [kept.id, after.id]


def test_the_newest_replies_that_used_a_memory_are_known(bank: MemoryBank) -> None:
    cat, dog = bank.add("User has a cat."), bank.add("User has a dog.")
    conversation = bank.new_conversation()
    for number, used in enumerate(([cat], [cat, dog], [dog]), 1):
        bank.cite(bank.add_message(conversation.id, "assistant", f"reply {number}").id, used)
    assert [message.text for message in bank.replies_using(cat.id, 9)] == ["reply 2", "reply 1"]
    assert [message.text for message in bank.replies_using(dog.id, 1)] == ["reply 3"]
