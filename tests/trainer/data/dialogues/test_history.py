"""What the user has said to the assistant as a dialogue, with the questions it answered from memories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from assistant.memory.bank import MemoryBank
from assistant.memory.operations import Action, MemoryOperation
from assistant.training.held_out import is_held_out
from trainer.data.dialogues import history
from trainer.dialogues import Asked, Said
from trainer.errors import TrainingError

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
BUDDY = "User has a dog named Buddy."
BOTH = "User has two dogs named Buddy and Scout."
DOGS = "What are my dogs called?"


class Told:
    """A bank with one conversation; message and reply number themselves: 1 and 2, 3 and 4, and so on."""

    def __init__(self, bank: MemoryBank) -> None:
        self.bank = bank
        self.conversation = bank.new_conversation("Dogs").id

    def say(self, text: str, reply: str = "I see.", *cited: int, state: str = "complete") -> None:
        said = self.bank.add_message(self.conversation, "user", text)
        answer = self.bank.add_message(self.conversation, "assistant", reply, state=state, parent_id=said.id)
        self.bank.cite(answer.id, [self.bank.memory(number) for number in cited])

    def remember(self, source: int | None, text: str, memory: int | None = None) -> int:
        operation = MemoryOperation(Action.ADD if memory is None else Action.UPDATE, memory, text)
        [done] = self.bank.apply([operation], actor="manager", observed_at=NOW, source_message_id=source)
        assert done.memory_id is not None
        return done.memory_id


@pytest.fixture
def told() -> Iterator[Told]:
    """Two dogs told of in 3 and 5, and asked about in 7."""
    with MemoryBank.temporary() as bank:
        made = Told(bank)
        made.say("Hello, I live in Lima.")
        made.say("I have a dog called Buddy.")
        made.remember(3, BUDDY)
        made.say("And another one called Scout.")
        made.remember(5, BOTH, 1)
        yield made


def test_the_hash_holds_out_the_messages_that_these_tests_take_for_held_out() -> None:
    assert [after + 1 for after in range(0, 18, 2) if is_held_out(1, after)] == [1, 13, 17]


def test_an_answer_that_cited_a_memory_is_a_question_and_its_evidence_is_all_that_the_memory_came_from(
    told: Told,
) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)

    dialogue = history.read(told.bank)

    assert dialogue.questions == (Asked(DOGS, "Buddy and Scout.", ("3", "5"), "history"),)


def test_the_reply_that_is_gold_and_what_is_held_out_are_not_among_the_messages(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    times = [message.created_at for message in told.bank.messages(told.conversation, 20)]

    dialogue = history.read(told.bank)

    assert dialogue.id == "history"
    assert dialogue.turns == (
        Said("3", "User", "I have a dog called Buddy.", times[2]),
        Said("4", "Assistant", "I see.", times[3], assistant=True),
        Said("5", "User", "And another one called Scout.", times[4]),
        Said("6", "Assistant", "I see.", times[5], assistant=True),
        Said("7", "User", DOGS, times[6]),
    )


def test_held_out_questions_are_asked_on_request_and_then_alone(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    told.say("One.")
    told.say("Two.")
    told.say("How many dogs do I have?", "Two.", 1)

    dialogue = history.read(told.bank, held_out=True)

    assert dialogue.questions == (Asked("How many dogs do I have?", "Two.", ("3", "5"), "history"),)
    assert [said.id for said in dialogue.turns] == [str(number) for number in range(1, 14)]
    assert [question.text for question in history.read(told.bank).questions] == [DOGS]
    assert "13" not in {said.id for said in history.read(told.bank).turns}


def test_without_a_held_out_question_there_is_none_to_measure_on(told: Told) -> None:
    assert history.read(told.bank, held_out=True).questions == ()


def test_a_memory_from_another_conversation_is_evidence_as_well(told: Told) -> None:
    first, told.conversation = told.conversation, told.bank.new_conversation("Later").id
    told.say("Good morning.")
    told.say(DOGS, "Buddy and Scout.", 1)

    dialogue = history.read(told.bank)

    assert dialogue.questions[0].evidence == ("3", "5")
    assert {told.bank.message(int(said.id)).conversation_id for said in dialogue.turns} == {first, first + 1}


def changed(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    told.say("And a third one, Rex.")
    told.remember(9, "User has three dogs named Buddy, Scout and Rex.", 1)


def changed_when_an_earlier_message_was_read_late(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    told.remember(5, "User has two dogs named Scout and Buddy.", 1)


def called_wrong(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    told.bank.mark_wrong(1, message_id=8)


def called_outdated(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    told.bank.mark_outdated(1)


def not_to_be_used(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    told.bank.never_use(1)


def forgotten(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    told.bank.forget(1)


def corrected_by_hand_before(told: Told) -> None:
    told.bank.edit(1, "User has two dogs, Buddy and Scout.")
    told.say(DOGS, "Buddy and Scout.", 1)


def written_by_hand(told: Told) -> None:
    told.say("Where do I live?", "In Lima.", told.bank.add("User lives in Lima.").id)


def from_nothing(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.")


def cut_off(told: Told) -> None:
    told.say(DOGS, "Buddy and", 1, state="stopped")


def from_what_is_held_out(told: Told) -> None:
    told.say("Where do I live?", "In Lima.", told.remember(1, "User lives in Lima."))


def from_what_is_excluded(told: Told) -> None:
    excluded = told.conversation
    told.conversation = told.bank.new_conversation().id
    told.say("Good morning.")
    told.say(DOGS, "Buddy and Scout.", 1)
    told.bank.exclude_conversation(excluded, True)


def said_with_a_number(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout, +49 170 1234567.", 1)


def asked_with_a_private_word(told: Told) -> None:
    told.bank.keep_private(["Anna"])
    told.say("Anna asks what my dogs are called.", "Buddy and Scout.", 1)


def answered_anew_without_memories(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    told.bank.add_message(told.conversation, "assistant", "No idea.", parent_id=7)


@pytest.mark.parametrize(
    "happens",
    [
        changed,
        changed_when_an_earlier_message_was_read_late,
        called_wrong,
        called_outdated,
        not_to_be_used,
        forgotten,
        corrected_by_hand_before,
        written_by_hand,
        from_nothing,
        cut_off,
        from_what_is_held_out,
        from_what_is_excluded,
        said_with_a_number,
        asked_with_a_private_word,
        answered_anew_without_memories,
    ],
    ids=lambda happens: happens.__name__.replace("_", " "),
)
def test_what_cannot_be_asked_again_is_no_question(told: Told, happens: Callable[[Told], None]) -> None:
    happens(told)
    with pytest.raises(TrainingError) as refused:
        history.read(told.bank)
    assert refused.value.message == ("No question in your history can be asked again: none was answered from memories.")


def test_what_should_not_be_learned_is_taken_out_of_the_messages(told: Told) -> None:
    told.bank.keep_private(["Anna"])
    told.say("Anna is at anna@example.org.")
    told.say(DOGS, "Buddy and Scout.", 1)

    said = {said.id: said.text for said in history.read(told.bank).turns}

    assert said["7"] == "[private] is at [email]."


def test_an_empty_history_is_refused_with_what_to_do() -> None:
    with MemoryBank.temporary() as bank, pytest.raises(TrainingError) as refused:
        history.read(bank)
    assert refused.value.message == "There is nothing yet in your history that may be learned from."
    assert "recollect training data" in refused.value.hint


def test_messages_of_several_conversations_come_in_the_order_of_their_times(told: Told) -> None:
    told.say(DOGS, "Buddy and Scout.", 1)
    early = told.bank.new_conversation().id
    for number in range(2):
        told.bank.add_message(early, "user", f"Long ago {number}.", created_at=NOW - timedelta(days=9000))

    assert [said.text for said in history.read(told.bank).turns][:1] == ["Long ago 0."]
