"""Both agents at once: whole dialogues as episodes, in which every operation is credited by the questions at the end.

The paper trains one agent while the other is frozen and names this as future work. A dialogue is told to several banks
of its own, both agents sampled. The reward of a telling is the mean of its answers; its advantage is relative to the
other tellings of the same dialogue, and every decision of the Manager in it gets that. An answer's own advantage is
relative to the answers to the same question in the other tellings. Reads straight down: tell, credit, learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import fmean, pstdev

import torch

from assistant.agents.generation import ModelTraits
from assistant.memory.bank import MemoryBank, MessageRole
from trainer.dialogues import Asked, Dialogue, Said
from trainer.environments import Prompt, applied, question_prompt, read_answer, waiting_prompt
from trainer.errors import TrainingError
from trainer.policy import Policy, mixed
from trainer.rewards import Weights, answer_reward
from trainer.sampling import Sampled
from trainer.scoring import log_probs

SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True)
class Joint:
    """How is learned: `dialogues` are told `tellings` times in each step; completions are sampled at `temperature`.

    Each is learned from once, so that no step can go far from what was sampled. `longest` is in tokens of a completion.
    """

    steps: int
    learning_rate: float
    dialogues: int = 4
    tellings: int = 8
    temperature: float = 1.0
    longest: int = 96
    micro_batch: int = 16
    gradient_clip: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tellings < 2:
            raise TrainingError(
                "A dialogue that is told once has nothing to compare with.", "Take two tellings or more."
            )


@dataclass(slots=True)
class Telling:
    """One dialogue as it was told once: what was decided and answered, in order, and what each answer was worth."""

    decided: list[tuple[Prompt, Sampled]] = field(default_factory=list)
    answered: list[tuple[Prompt, Sampled]] = field(default_factory=list)
    worth: list[float] = field(default_factory=list)

    @property
    def reward(self) -> float:
        return fmean(self.worth)


@dataclass(frozen=True, slots=True)
class Credited:
    """A completion and its advantage."""

    prompt: Prompt
    sampled: Sampled
    advantage: float


Write = Callable[[Sequence[Prompt], Sequence[int]], list[Sampled]]
"""A completion of each prompt, drawn by its seed."""
Worth = Callable[[Asked, Sampled, Sequence[str]], float]
"""What a completion of the Answer Agent is worth, given the memories that were on offer."""


def told(
    dialogues: Sequence[Dialogue],
    tellings: int,
    decide: Write,
    answer: Write,
    worth: Worth,
    traits: ModelTraits,
    seed: int,
) -> list[list[Telling]]:
    """Tells each dialogue `tellings` times. All go on side by side, so that each turn is one batch.

    `decide` and `answer` are the two agents. Raises TrainingError for a dialogue in which nothing is asked.
    """
    if any(not dialogue.questions for dialogue in dialogues):
        raise TrainingError("A dialogue without a question teaches nothing.", "Leave it out.")
    found = [[Telling() for _ in range(tellings)] for _ in dialogues]
    turns = max(len(dialogue.turns) for dialogue in dialogues)
    with ExitStack() as open_banks:
        banks = [[open_banks.enter_context(MemoryBank.temporary()) for _ in range(tellings)] for _ in dialogues]
        for turn in range(turns):
            waiting: list[tuple[MemoryBank, Telling]] = []
            for dialogue, some_banks, some in zip(dialogues, banks, found, strict=True):
                if turn < len(dialogue.turns):
                    for bank in some_banks:
                        _say(bank, dialogue.turns[turn])
                    waiting += [] if dialogue.turns[turn].assistant else zip(some_banks, some, strict=True)
            prompts = [waiting_prompt(bank, traits) for bank, _ in waiting]
            seeds = [mixed(seed, turn, place) for place in range(len(waiting))]
            for (bank, telling), prompt, sampled in zip(waiting, prompts, decide(prompts, seeds), strict=True):
                applied(bank, sampled, traits)
                telling.decided.append((prompt, sampled))
        _ask(dialogues, banks, found, answer, worth, traits, mixed(seed, turns))
    return found


def _say(bank: MemoryBank, said: Said) -> None:
    """Adds a message to the one conversation of `bank`; the Manager is to read what a person says."""
    conversations = bank.conversations()
    number = conversations[0].id if conversations else bank.new_conversation().id
    role = MessageRole.ASSISTANT if said.assistant else MessageRole.USER
    speaker = None if said.assistant else said.speaker
    bank.add_message(number, role, said.text, speaker=speaker, created_at=said.at, remember=not said.assistant)


def _ask(
    dialogues: Sequence[Dialogue],
    banks: Sequence[Sequence[MemoryBank]],
    found: Sequence[Sequence[Telling]],
    answer: Write,
    worth: Worth,
    traits: ModelTraits,
    seed: int,
) -> None:
    asked = [
        (telling, question, *question_prompt(bank, question, traits))
        for dialogue, some_banks, some in zip(dialogues, banks, found, strict=True)
        for bank, telling in zip(some_banks, some, strict=True)
        for question in dialogue.questions
    ]
    seeds = [mixed(seed, place) for place in range(len(asked))]
    completions = answer([prompt for _, _, prompt, _ in asked], seeds)
    for (telling, question, prompt, offered), sampled in zip(asked, completions, strict=True):
        telling.answered.append((prompt, sampled))
        telling.worth.append(worth(question, sampled, offered))


def credited(tellings: Sequence[Telling]) -> tuple[list[Credited], list[Credited]]:
    """The decisions and the answers of all `tellings` of one dialogue, each with its advantage."""
    of_telling = relative([telling.reward for telling in tellings])
    decisions = [
        Credited(prompt, sampled, advantage)
        for telling, advantage in zip(tellings, of_telling, strict=True)
        for prompt, sampled in telling.decided
    ]
    answers = []
    for question in range(len(tellings[0].answered)):
        advantages = relative([telling.worth[question] for telling in tellings])
        answers += [
            Credited(*telling.answered[question], advantage)
            for telling, advantage in zip(tellings, advantages, strict=True)
        ]
    return decisions, answers


def relative(rewards: Sequence[float]) -> list[float]:
    """(r - mean) / standard deviation of the group; all 0 where the group agrees."""
    mean, deviation = fmean(rewards), pstdev(rewards)
    return [(reward - mean) / deviation if deviation > SMALLEST_DEVIATION else 0.0 for reward in rewards]


def learn(policy: Policy, optimiser: torch.optim.Optimizer, learned: Sequence[Credited], how: Joint) -> float:
    """One step on all of `learned` that say anything, tokens weighing alike. Returns the loss; 0 if none says anything.

    Raises TrainingError, before any weight changes, where the loss is no number.
    """
    some = [each for each in learned if each.advantage and each.sampled.tokens]
    tokens = sum(len(each.sampled.tokens) for each in some)
    total = 0.0
    optimiser.zero_grad(set_to_none=True)
    for start in range(0, len(some), how.micro_batch):
        part = some[start : start + how.micro_batch]
        scored = log_probs(
            policy.model,
            [policy.prompting.tokens(each.prompt) for each in part],
            [each.sampled.tokens for each in part],
            temperature=how.temperature,
            micro_batch=how.micro_batch,
            pad=policy.prompting.pad,
        )
        advantages = torch.tensor([[each.advantage] for each in part], device=scored.values.device)
        ratios = (scored.values - scored.values.detach()).exp()  # 1, with the gradient of the log-probabilities.
        loss = -(advantages * ratios * scored.mask).sum() / tokens
        if not torch.isfinite(loss):
            raise TrainingError("The loss is no number.", "Start again from the last model with a lower learning rate.")
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    if some:
        torch.nn.utils.clip_grad_norm_(policy.model.parameters(), how.gradient_clip)
        optimiser.step()
    return total


def train(
    manager: Policy,
    answerer: Policy,
    dialogues: Sequence[Dialogue],
    worth: Worth,
    traits: ModelTraits,
    how: Joint,
) -> Iterator[dict[str, float]]:
    """Trains both policies, which may be one, and tells of each step: reward, its deviation, and the losses."""
    policies = [manager] if manager is answerer else [manager, answerer]
    optimisers = [torch.optim.AdamW(each.model.parameters(), how.learning_rate, weight_decay=0) for each in policies]
    chance = torch.Generator().manual_seed(how.seed)
    for step in range(how.steps):
        chosen = [dialogues[int(n)] for n in torch.randperm(len(dialogues), generator=chance)[: how.dialogues]]
        tellings = told(
            chosen, how.tellings, _written(manager, how), _written(answerer, how), worth, traits, mixed(how.seed, step)
        )
        pairs = [credited(each) for each in tellings]
        decisions = [each for some, _ in pairs for each in some]
        answers = [each for _, some in pairs for each in some]
        rewards = [telling.reward for each in tellings for telling in each]
        metrics = {"step": step + 1, "reward": fmean(rewards), "reward_std": pstdev(rewards)}
        if manager is answerer:
            metrics["loss"] = learn(manager, optimisers[0], [*decisions, *answers], how)
        else:
            metrics["manager_loss"] = learn(manager, optimisers[0], decisions, how)
            metrics["answer_loss"] = learn(answerer, optimisers[1], answers, how)
        yield metrics


def worth_by(weights: Weights) -> Worth:
    """What an answer is worth by `weights`, as in training the Answer Agent alone."""

    def worth(question: Asked, sampled: Sampled, offered: Sequence[str]) -> float:
        return answer_reward(read_answer(question, sampled, offered), weights).total

    return worth


def _written(policy: Policy, how: Joint) -> Write:
    def write(prompts: Sequence[Prompt], seeds: Sequence[int]) -> list[Sampled]:
        tokens = [policy.prompting.tokens(prompt) for prompt in prompts]
        each = policy.write(tokens, [[seed] for seed in seeds], temperature=how.temperature, max_tokens=how.longest)
        return [sampled for [sampled] in each]

    return write
