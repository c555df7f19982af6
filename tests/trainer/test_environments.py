"""What comes of a completion is what would come of it in the app."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from assistant.agents.generation import ChatMessage, ModelTraits, Role
from assistant.agents.manager import MemoryManager
from assistant.agents.prompts import ANSWER_SYSTEM, MANAGER_SYSTEM
from assistant.conversation.queue import ManagerQueue
from assistant.memory.bank import MemoryBank
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from tests.scripted import ScriptedGenerator
from trainer.dialogues import Asked, Said
from trainer.environments import AnswerEnvironment, ManagerEnvironment, Prompt
from trainer.episodes import AnswerEpisode, ManagerEpisode, Remembered
from trainer.outcomes import Answered, Done
from trainer.sampling import Sampled

TRAINED = ModelTraits(trained=True)
MAY, JUNE = datetime(2026, 5, 1, 9, tzinfo=UTC), datetime(2026, 6, 1, 9, tzinfo=UTC)
BUDDY, LIMA = "User has a dog named Buddy.", "User lives in Lima."
BOTH = "User has two dogs named Buddy and Scout."
HOW_MANY = Asked("How many dogs do I have?", "two", ("t1",))
WHERE = Asked("Where do I live?", "Lima", ("t0",))
EPISODE = ManagerEpisode(
    "life 1, turn 3",
    (Remembered(BUDDY, MAY), Remembered(LIMA, MAY)),
    Said("t3", "User", "I adopted another dog, Scout.", JUNE),
    (Said("t2", "User", "Guess what.", JUNE),),
    (HOW_MANY, WHERE),
)
MERGED = f"UPDATE: {BUDDY} [1]\nWITH: {BOTH}"


def wrote(text: str, *, ended: bool = True) -> Sampled:
    return Sampled(text, (), ended)


class Counting:
    """Answers with the first memory on offer, and keeps what it was asked."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Prompt]] = []

    def __call__(self, prompts: Sequence[Prompt]) -> list[Sampled]:
        self.batches.append(prompts)
        return [wrote(f"Memories: none\nAnswer: {prompt[-1].text.split(chr(10))[1]}") for prompt in prompts]


@pytest.fixture
def answerer() -> Counting:
    return Counting()


@pytest.fixture
def environment(answerer: Counting) -> Iterator[ManagerEnvironment]:
    made = ManagerEnvironment(answerer, traits=TRAINED)
    yield made
    made.close()


def test_the_manager_is_asked_what_the_app_would_ask(environment: ManagerEnvironment) -> None:
    scripted = ScriptedGenerator(manager=["NOOP"])
    with MemoryBank.temporary() as bank:
        bank.add(BUDDY, observed_at=MAY)
        bank.add(LIMA, observed_at=MAY)
        number = bank.new_conversation().id
        bank.add_message(number, "user", "Guess what.", speaker="User", created_at=JUNE)
        bank.add_message(number, "user", EPISODE.message.text, speaker="User", created_at=JUNE, remember=True)
        ManagerQueue(bank, MemoryManager(scripted, TRAINED)).run_pending()
    assert environment.prompt(EPISODE) == scripted.calls[0].prompt
    assert environment.prompt(EPISODE) == (
        ChatMessage(Role.SYSTEM, MANAGER_SYSTEM),
        ChatMessage(
            Role.USER,
            f"Memories:\n{BUDDY} [1]\n{LIMA} [2]\nEarlier: User: Guess what.\nNow: User: I adopted another dog, Scout.",
        ),
    )


def test_questions_are_answered_from_the_bank_as_the_completion_left_it(environment: ManagerEnvironment) -> None:
    [[merged, nothing]] = environment.outcomes([EPISODE], [[wrote(MERGED), wrote("NOOP")]])
    assert merged.done == (Done(MemoryOperation(Action.UPDATE, 1, BOTH), OperationStatus.APPLIED, BUDDY),)
    assert merged.bank_before == nothing.bank_before == nothing.bank_after == (BUDDY, LIMA)
    assert merged.bank_after == (BOTH, LIMA)
    assert merged.answers[0] == Answered(HOW_MANY, f"{BOTH} [1]")
    assert nothing.answers[0] == Answered(HOW_MANY, f"{BUDDY} [1]")
    assert merged.sources == ("User: I adopted another dog, Scout.", "User: Guess what.", BUDDY, LIMA)


def test_completions_of_one_message_do_not_see_each_other(environment: ManagerEnvironment) -> None:
    gone = f"DELETE: {LIMA} [2]"
    [[first, second, third]] = environment.outcomes([EPISODE], [[wrote(MERGED), wrote(gone), wrote("NOOP")]])
    assert [each.bank_after for each in (first, second, third)] == [(BOTH, LIMA), (BUDDY,), (BUDDY, LIMA)]


def test_what_is_the_same_twice_is_answered_once(environment: ManagerEnvironment, answerer: Counting) -> None:
    [outcomes] = environment.outcomes([EPISODE], [[wrote("NOOP"), wrote(MERGED), wrote("NOOP"), wrote(MERGED)]])
    assert outcomes[0] == outcomes[2]
    assert outcomes[1] == outcomes[3]
    [asked] = answerer.batches
    # To ask where one lives offers other memories after the merger, so nothing but the four different ones is asked.
    assert len(asked) == len(set(asked)) == 4


def test_what_cannot_be_read_changes_nothing_and_says_why(environment: ManagerEnvironment) -> None:
    [[nonsense, cut, unknown]] = environment.outcomes(
        [EPISODE],
        [[wrote("I will remember that!"), wrote(MERGED, ended=False), wrote("DELETE: User is tall. [3]")]],
    )
    assert nonsense.malformed == "not an operation: 'I will remember that!'"
    assert cut.malformed == "the reply was cut off (length)"
    assert unknown.malformed == "not a memory on offer: 'User is tall. [3]'"
    for outcome in (nonsense, cut, unknown):
        assert (outcome.done, outcome.bank_after) == ((), (BUDDY, LIMA))


def test_what_the_bank_holds_or_rejects_is_told(environment: ManagerEnvironment) -> None:
    [[again]] = environment.outcomes([EPISODE], [[wrote(f"ADD: {LIMA}")]])
    [done] = again.done
    assert (done.operation.action, done.status, bool(done.reason)) == (Action.ADD, OperationStatus.REJECTED, True)
    assert again.bank_after == (BUDDY, LIMA)


def test_the_answer_agent_is_asked_what_the_app_would_ask_and_its_memories_are_named() -> None:
    environment = AnswerEnvironment(TRAINED)
    episode = AnswerEpisode("q1", HOW_MANY, (BOTH, LIMA), (ChatMessage(Role.USER, "Hello."),))
    assert environment.prompt(episode) == (
        ChatMessage(Role.SYSTEM, ANSWER_SYSTEM),
        ChatMessage(Role.USER, "Hello."),
        ChatMessage(Role.USER, f"Memories:\n{BOTH} [1]\n{LIMA} [2]\nNow: User: How many dogs do I have?"),
    )
    [[right, nonsense, cut]] = environment.outcomes(
        [episode],
        [
            [
                wrote(f"Memories:\n{BOTH} [1]\nAnswer: Two"),
                wrote("Two"),
                wrote("Memories: none\nAnswer: Tw", ended=False),
            ]
        ],
    )
    assert (right.answered, right.used) == (Answered(HOW_MANY, "Two"), (BOTH,))
    assert nonsense.answered == Answered(HOW_MANY, "Two", "the reply does not quote its memories and then answer")
    assert cut.answered.malformed == "cut off"
