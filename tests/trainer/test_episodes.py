"""Episodes hold the bank as it was, and ask what the message is evidence of."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from assistant.agents.completions import format_operations
from assistant.agents.manager import MemoryManager
from assistant.conversation.queue import ManagerQueue
from assistant.memory.bank import MemoryBank
from tests.scripted import ScriptedGenerator
from trainer.data.facts import Fact
from trainer.data.lives import ABSTAIN, Change, Life, Question, Turn
from trainer.data.simulate import simulate
from trainer.data.wordings import Split, Wordings
from trainer.dialogues import Asked, Dialogue, Said
from trainer.environments import ManagerEnvironment
from trainer.episodes import Remembered, answers_from, answers_of_life, of_life, replayed
from trainer.examples import gold_operations, known_after
from trainer.sampling import Sampled

DOG = Fact("pet", ("User", "dog"), ("Buddy",), "User has a dog named Buddy.")
DOGS = Fact("pet", ("User", "dog"), ("Buddy", "Scout"), "User has two dogs named Buddy and Scout.")
HOME = Fact("home", ("User",), ("Lima",), "User lives in Lima.")
HOW_MANY = Question("pet.count", "How many dogs do I have?", "Two", DOGS)
JOB = Question("work", "Where do I work?", ABSTAIN, None)
LIFE = Life(
    ("User",),
    (
        Turn("User", "I adopted a dog, Buddy.", "new", (), (Change(None, DOG),), ()),
        Turn("User", "I moved to Lima.", "new", (DOG,), (Change(None, HOME),), ()),
        Turn("User", "Nice weather.", "small talk: remark", (DOG, HOME), (), ()),
        Turn("User", "I adopted another dog, Scout.", "merge", (DOG, HOME), (Change(DOG, DOGS),), (HOW_MANY, JOB)),
    ),
)
FIRST = datetime(2026, 1, 1, 16, tzinfo=UTC)


def test_a_message_of_a_life_is_asked_about_on_the_bank_that_was_right_before_it() -> None:
    [episode] = of_life(LIFE, "life 7")
    assert episode.id == "life 7, turn 4"
    assert episode.before == (
        Remembered("User has a dog named Buddy.", FIRST),
        Remembered("User lives in Lima.", FIRST + timedelta(hours=7)),
    )
    assert (episode.message.text, [said.text for said in episode.earlier]) == (
        "I adopted another dog, Scout.",
        ["I moved to Lima.", "Nice weather."],
    )
    assert episode.questions == (
        Asked("How many dogs do I have?", "Two", ("life 7, turn 4",), "pet.count"),
        Asked("Where do I work?", ABSTAIN, ("life 7, turn 4",), "work", abstain=True),
    )


def test_a_question_of_a_life_is_offered_what_the_right_bank_holds_after_its_turn() -> None:
    count, job = answers_of_life(LIFE, "life 7", offer=8)
    assert count.offered == ("User has two dogs named Buddy and Scout.", "User lives in Lima.")
    assert (count.id, job.question.abstain) == ("life 7, turn 4, question 1", True)


def test_the_right_completions_of_a_simulated_life_leave_the_bank_that_is_right() -> None:
    life = simulate("episodes", Wordings.load(Split.TRAIN), turns=30)
    turns = [turn for turn in life.turns if turn.questions]
    environment = ManagerEnvironment(lambda prompts: [Sampled("Memories: none\nAnswer: Hm.", (), True)] * len(prompts))
    episodes = of_life(life, "life")
    assert len(episodes) == len(turns) > 5
    for turn, episode in zip(turns, episodes, strict=True):
        offered = re.findall(r"^(.*) \[\d+\]$", environment.prompt(episode)[-1].text, re.MULTILINE)
        right = format_operations(gold_operations(turn.changes, offered), offered)
        [[outcome]] = environment.outcomes([episode], [[Sampled(right, (), True)]])
        assert outcome.bank_before == tuple(fact.text for fact in turn.known)
        assert sorted(outcome.bank_after) == sorted(fact.text for fact in known_after(turn))
    environment.close()


def said(number: int, text: str, *, assistant: bool = False) -> Said:
    return Said(f"D1:{number}", "Ana", text, FIRST + timedelta(minutes=number), assistant)


DIALOGUE = Dialogue(
    "conv-1",
    (
        said(1, "I have a cat, Tom."),
        said(2, "How nice!", assistant=True),
        said(3, "I live in Oslo."),
        said(4, "Tom turned three."),
    ),
    (Asked("How old is Tom?", "three", ("D1:1", "D1:4")), Asked("Does it matter?", "no", ("D1:2",))),
)


def told(window: int) -> tuple[tuple[Remembered, ...], ...]:
    scripted = ScriptedGenerator(
        manager=["ADD: Ana has a cat named Tom.", "ADD: Ana lives in Oslo."], default_manager="NOOP"
    )
    with MemoryBank.temporary() as bank:
        manager = MemoryManager(scripted)
        episodes = replayed(DIALOGUE, bank, lambda bank: ManagerQueue(bank, manager).run_pending(), window=window)
        assert [episode.message.id for episode in episodes] == ["D1:1", "D1:4"]
        assert [said.text for said in episodes[1].earlier] == ["I have a cat, Tom.", "I live in Oslo."]
        [answer, _] = answers_from(bank, DIALOGUE.questions, 8, "conv-1")
        assert answer.offered == ("Ana has a cat named Tom.", "Ana lives in Oslo.")
        return tuple(episode.before for episode in episodes)


def test_a_replayed_dialogue_asks_at_each_message_that_is_evidence_of_a_question() -> None:
    first, last = told(window=50)
    assert first == ()
    assert [remembered.text for remembered in last] == ["Ana has a cat named Tom.", "Ana lives in Oslo."]
    assert last[1].at == FIRST + timedelta(minutes=3)


def test_the_bank_before_a_message_holds_what_came_from_the_turns_of_the_window() -> None:
    _, last = told(window=2)
    assert [remembered.text for remembered in last] == ["Ana lives in Oslo."]
