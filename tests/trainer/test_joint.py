"""Both agents learn from the questions at the end of a dialogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from assistant.agents.generation import ChatMessage, ModelTraits, Role
from tests.trainer.tiny_checkpoint import tiny_checkpoint
from trainer.dialogues import Asked, Dialogue, Said
from trainer.environments import Prompt
from trainer.errors import TrainingError
from trainer.joint import Credited, Joint, Telling, credited, learn, relative, told, train, worth_by
from trainer.policy import Policy
from trainer.rewards import Weights
from trainer.sampling import Sampled
from trainer.scoring import log_probs

TRAINED = ModelTraits(trained=True)
NINE = datetime(2026, 1, 1, 9, tzinfo=UTC)
PROMPT: Prompt = (ChatMessage(Role.USER, "Hello."),)
DOGS = Dialogue(
    "dogs",
    (
        Said("t1", "User", "I adopted a dog, Buddy.", NINE),
        Said("t2", "Assistant", "All right, noted.", NINE + timedelta(minutes=1), assistant=True),
        Said("t3", "User", "I live in Lima.", NINE + timedelta(hours=1)),
    ),
    (Asked("What is my dog called?", "Buddy", ("t1",)), Asked("Where do I live?", "Lima", ("t3",))),
)
SHORT = Dialogue("short", (Said("t1", "User", "I live in Oslo.", NINE),), (Asked("Where do I live?", "Oslo"),))


def wrote(text: str) -> Sampled:
    return Sampled(text, (5, 6, 2), True)


def even_ones_remember(prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Sampled]:
    """Every second telling writes down what was said; the others nothing."""
    facts = {"Buddy.": "User has a dog named Buddy.", "Lima.": "User lives in Lima.", "Oslo.": "User lives in Oslo."}
    return [
        wrote(f"ADD: {facts[prompt[-1].text.split()[-1]]}" if place % 2 == 0 else "NOOP")
        for place, prompt in enumerate(prompts)
    ]


def from_what_is_on_offer(prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Sampled]:
    answers = []
    for prompt in prompts:
        text = prompt[-1].text
        about = "Buddy" if "called" in text else "Lima" if "Lima" in text else "Oslo"
        answers.append(wrote(f"Memories: none\nAnswer: {about if text.count(about) else 'No idea'}"))
    return answers


def test_the_tellings_of_a_dialogue_go_on_in_banks_of_their_own_and_are_asked_at_the_end() -> None:
    worth = worth_by(Weights())
    dogs, short = told([DOGS, SHORT], 4, even_ones_remember, from_what_is_on_offer, worth, TRAINED, seed=0)
    assert [telling.worth for telling in dogs] == [[1.0, 1.0], [0.0, 0.0]] * 2
    assert [telling.worth for telling in short] == [[1.0], [0.0]] * 2
    assert [sampled.text for _, sampled in dogs[0].decided] == [
        "ADD: User has a dog named Buddy.",
        "ADD: User lives in Lima.",
    ]
    # What the assistant says is heard by nobody; what one telling remembers is on offer in that one alone.
    assert dogs[0].decided[1][0][-1].text == (
        "Memories:\nUser has a dog named Buddy. [1]\nEarlier: User: I adopted a dog, Buddy.\nNow: User: I live in Lima."
    )
    assert dogs[1].decided[1][0][-1].text.startswith("Memories: none\n")


def test_every_decision_gets_the_advantage_of_its_telling_and_an_answer_that_of_its_question() -> None:
    prompt: Prompt = ()
    tellings = [
        Telling([(prompt, wrote("a")), (prompt, wrote("b"))], [(prompt, wrote("c")), (prompt, wrote("d"))], [1.0, 1.0]),
        Telling([(prompt, wrote("e")), (prompt, wrote("f"))], [(prompt, wrote("g")), (prompt, wrote("h"))], [1.0, 0.0]),
    ]
    decisions, answers = credited(tellings)
    # Rewards 1 and 0.5: mean 0.75, deviation 0.25.
    assert [(each.sampled.text, each.advantage) for each in decisions] == [("a", 1), ("b", 1), ("e", -1), ("f", -1)]
    # Both answer the first question; of the second, 1 and 0: mean 0.5, deviation 0.5.
    assert [(each.sampled.text, each.advantage) for each in answers] == [("c", 0), ("g", 0), ("d", 1), ("h", -1)]


def test_a_group_that_agrees_teaches_nothing() -> None:
    assert relative([0.5, 0.5, 0.5]) == [0, 0, 0]
    assert relative([1.0, 0.0, 0.0, 0.0]) == pytest.approx([1.7320508, -0.5773503, -0.5773503, -0.5773503])


def test_a_step_makes_what_was_good_likelier_and_what_was_bad_less_likely(tmp_path: Path) -> None:
    policy = Policy.load(tiny_checkpoint(tmp_path / "model"))
    how = Joint(steps=1, learning_rate=1e-3, longest=8)
    [[good, bad]] = policy.write([policy.prompting.tokens(PROMPT)], [[1, 2]], temperature=1.0, max_tokens=8)
    assert good.tokens != bad.tokens

    def likely(sampled: Sampled) -> float:
        with torch.no_grad():
            return float(log_probs(policy.model, [policy.prompting.tokens(PROMPT)], [sampled.tokens]).values.sum())

    before = likely(good), likely(bad)
    optimiser = torch.optim.AdamW(policy.model.parameters(), how.learning_rate)
    learn(policy, optimiser, [Credited(PROMPT, good, 1.0), Credited(PROMPT, bad, -1.0)], how)
    assert likely(good) > before[0]
    assert likely(bad) < before[1]
    weights = [each.clone() for each in policy.model.parameters()]
    assert learn(policy, optimiser, [Credited(PROMPT, good, 0.0)], how) == 0
    assert all(torch.equal(a, b) for a, b in zip(weights, policy.model.parameters(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_training_tells_of_each_step_and_is_the_same_by_its_seed(tmp_path: Path, shared: bool) -> None:
    def curve() -> list[dict[str, float]]:
        manager = Policy.load(tiny_checkpoint(tmp_path / "model"))
        answerer = manager if shared else Policy.load(tiny_checkpoint(tmp_path / "other", seed=1))
        how = Joint(steps=2, learning_rate=1e-3, dialogues=1, tellings=2, longest=8)
        return list(train(manager, answerer, [DOGS, SHORT], worth_by(Weights()), TRAINED, how))

    first = curve()
    assert first == curve()
    assert [each["step"] for each in first] == [1, 2]
    assert first[0].keys() == {"step", "reward", "reward_std"} | (
        {"loss"} if shared else {"manager_loss", "answer_loss"}
    )


def test_what_teaches_nothing_is_refused() -> None:
    with pytest.raises(TrainingError, match="A dialogue that is told once has nothing to compare with"):
        Joint(steps=1, learning_rate=1e-3, tellings=1)
    mute = Dialogue("mute", DOGS.turns, ())
    with pytest.raises(TrainingError, match="A dialogue without a question teaches nothing"):
        told([mute], 2, even_ones_remember, from_what_is_on_offer, worth_by(Weights()), TRAINED, seed=0)
