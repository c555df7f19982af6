"""What of the user's own history may be learned from, what not and why, and what is held out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.memory.bank import MemoryBank, Mode
from assistant.memory.operations import Action, MemoryOperation
from assistant.training.held_out import is_held_out
from assistant.training.learnable import Bar, Source, learnable
from assistant.training.preview import previewed

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def bank(tmp_path: Path) -> MemoryBank:
    return MemoryBank.open(tmp_path / "recollect.db")


def talk(bank: MemoryBank, *said: str, title: str = "Dogs", sample: bool = False) -> int:
    conversation = bank.new_conversation(title, is_sample=sample).id
    for text in said:
        bank.add_message(conversation, "user", text)
        bank.add_message(conversation, "assistant", "I see.")
    return conversation


def only(bank: MemoryBank) -> Source:
    (source,) = learnable(bank.lessons()).sources
    return source


def test_what_was_said_and_done_is_counted_by_conversation(bank: MemoryBank) -> None:
    conversation = talk(bank, "My dog Buddy likes cats and cold water.", "He is well.", "And a cat.")
    first = bank.messages(conversation, 10)[0].id
    bank.mode = Mode.ASK

    def proposed(text: str) -> int:
        operation = MemoryOperation(Action.ADD, None, text)
        [held] = bank.apply([operation], actor="manager", observed_at=NOW, source_message_id=first)
        return held.id

    bank.accept(proposed("User has a dog named Buddy."))
    bank.accept(proposed("Buddy likes cold water."), "Buddy the dog likes cold water.")
    bank.decline(proposed("User likes cold water."))
    bank.revalidate(proposed("Buddy likes cats."))
    bank.mode = Mode.AUTOMATIC
    cat = MemoryOperation(Action.ADD, None, "Cats like Buddy.")
    [added] = bank.apply([cat], actor="manager", observed_at=NOW, source_message_id=first)
    bank.undo(added.id)
    bank.pin(bank.memories()[0].id)

    source = only(bank)
    lessons = source.lessons
    assert (lessons.title, lessons.user_messages) == ("Dogs", 3)
    assert (lessons.accepted, lessons.declined, lessons.edited, lessons.undone, lessons.feedback) == (1, 1, 1, 1, 1)
    assert (source.signals, source.questions, source.is_learned_from) == (5, 3, True)


def test_what_keeps_itself_out_says_why(bank: MemoryBank) -> None:
    short = talk(bank, "Hello.")
    sample = talk(bank, "One.", "Two.", sample=True)
    imported = talk(bank, "One.", "Two.")
    bank.add_message(imported, "user", "Three.", external_id="file:3")
    struck = talk(bank, "I have a goldfish named Bubbles.", "Fine.")
    bars = talk(bank, "The bar is \u2588\u2588\u2588.", "Two.")
    assert only_of(bank, bars).bar is None
    [operation] = bank.apply(
        [MemoryOperation(Action.ADD, None, "User has a goldfish named Bubbles.")],
        actor="manager",
        observed_at=NOW,
        source_message_id=bank.messages(struck, 10)[0].id,
    )
    assert operation.memory_id is not None
    bank.forget(operation.memory_id, purge=True)

    found = {source.lessons.conversation_id: source.bar for source in learnable(bank.lessons()).sources}
    assert found[short] is Bar.SHORT
    assert found[sample] is Bar.SAMPLE
    assert found[imported] is Bar.IMPORTED
    assert found[struck] is Bar.STRUCK
    assert all(bar.why.endswith(".") for bar in Bar)


def only_of(bank: MemoryBank, conversation: int) -> Source:
    return next(s for s in learnable(bank.lessons()).sources if s.lessons.conversation_id == conversation)


def test_what_the_user_excludes_is_out_until_it_is_let_in(bank: MemoryBank) -> None:
    conversation = talk(bank, "One.", "Two.")
    bank.exclude_conversation(conversation, True)
    found = learnable(bank.lessons())
    assert (found.messages, found.questions, found.learned_from, found.sources[0].bar) == (0, 0, (), None)
    bank.exclude_conversation(conversation, False)
    assert learnable(bank.lessons()).messages == 2


def test_the_same_fifth_of_the_questions_is_held_out_for_good() -> None:
    assert [after for after in range(0, 60, 2) if is_held_out(1, after)] == [
        *(0, 12, 16, 26, 30, 34, 36, 40, 50, 58),
    ]
    held_out = sum(is_held_out(conversation, after) for conversation in range(100) for after in range(100))
    assert held_out == 1990


def test_other_wordings_of_a_question_are_on_its_side(bank: MemoryBank) -> None:
    conversation = talk(bank, "One.", "Two.")
    first, reply = bank.messages(conversation, 10)[:2]
    again = bank.add_message(conversation, "user", "Two, I mean.", parent_id=reply.id)
    bank.add_message(conversation, "assistant", "I see.", parent_id=again.id)

    source = only_of(bank, conversation)
    assert (source.lessons.user_messages, source.lessons.turns) == (3, (0, reply.id))
    assert first.parent_id is None


def test_a_question_without_a_whole_answer_is_none(bank: MemoryBank) -> None:
    conversation = talk(bank, "One.", "Two.")
    bank.add_message(conversation, "user", "Three?")
    bank.add_message(conversation, "assistant", "Well", state="stopped")
    assert only_of(bank, conversation).questions == 2


def test_a_preview_shows_what_is_taken_out_and_what_is_held_out(bank: MemoryBank) -> None:
    talk(bank, *["Mail anna@example.org, Anna Smith!"] * 12)
    shown = previewed(bank.messages(1, 100), ("anna smith",))

    assert shown[0].redacted.text == "Mail [email], [private]!"
    assert shown[0].bracketed == "Mail [email: anna@example.org], [private: Anna Smith]!"
    held_out = [one.is_held_out for one in shown]
    assert held_out[::2] == held_out[1::2], "a reply is on the side of its question"
    assert sum(held_out[::2]) == only(bank).held_out > 0


def test_words_to_hide_are_kept_in_the_bank_each_once(bank: MemoryBank) -> None:
    assert bank.private_words() == ()
    assert bank.keep_private([" Anna  Smith", "ANNA SMITH", "", "Acme"]) == ("Anna Smith", "Acme")
    assert bank.private_words() == ("Anna Smith", "Acme")
    with pytest.raises(InputError, match="at most 100 characters"):
        bank.keep_private(["x" * 101])
    assert bank.keep_private([]) == bank.private_words() == ()
