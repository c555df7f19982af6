"""What an agent is trained on: prompts, and a reward for each completion of them.

Promises that completions of the same episode are judged together, and that a bug in a reward stops the run. Knows
nothing of how a model learns from rewards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from assistant.agents.generation import Agent
from trainer.environments import AnswerEnvironment, ManagerEnvironment, Prompt
from trainer.episodes import AnswerEpisode, ManagerEpisode
from trainer.rewards import Reward, Weights, answer_reward, manager_reward
from trainer.sampling import Sampled


class Task(Protocol):
    """Prompts for one agent, and what completions of them are worth."""

    @property
    def agent(self) -> Agent:
        """Which one."""
        ...

    @property
    def prompts(self) -> Sequence[Prompt]:
        """What it is asked in each episode."""
        ...

    def rewards(self, numbers: Sequence[int], sampled: Sequence[Sampled]) -> list[Reward]:
        """The reward of each completion, of the prompt with that number."""
        ...


class ManagerTask:
    """The Memory Manager, rewarded by what the frozen Answer Agent says from the bank after it."""

    agent = Agent.MANAGER

    def __init__(self, episodes: Sequence[ManagerEpisode], environment: ManagerEnvironment, weights: Weights) -> None:
        self._episodes, self._environment, self._weights = episodes, environment, weights
        self.prompts = [environment.prompt(episode) for episode in episodes]

    def rewards(self, numbers: Sequence[int], sampled: Sequence[Sampled]) -> list[Reward]:
        """See `Task`."""
        groups = _grouped(numbers, sampled)
        episodes = [self._episodes[number] for number in groups]
        outcomes = self._environment.outcomes(episodes, list(groups.values()))
        found = {
            number: iter([manager_reward(outcome, self._weights) for outcome in each])
            for number, each in zip(groups, outcomes, strict=True)
        }
        return [next(found[number]) for number in numbers]


class AnswerTask:
    """The Answer Agent on fixed banks, rewarded by its own answers."""

    agent = Agent.ANSWER

    def __init__(self, episodes: Sequence[AnswerEpisode], environment: AnswerEnvironment, weights: Weights) -> None:
        self._episodes, self._environment, self._weights = episodes, environment, weights
        self.prompts = [environment.prompt(episode) for episode in episodes]

    def rewards(self, numbers: Sequence[int], sampled: Sequence[Sampled]) -> list[Reward]:
        """See `Task`."""
        episodes = [self._episodes[number] for number in numbers]
        outcomes = self._environment.outcomes(episodes, [[each] for each in sampled])
        return [answer_reward(outcome, self._weights) for [outcome] in outcomes]


def _grouped(numbers: Sequence[int], sampled: Sequence[Sampled]) -> dict[int, list[Sampled]]:
    groups: dict[int, list[Sampled]] = defaultdict(list)
    for number, each in zip(numbers, sampled, strict=True):
        groups[number].append(each)
    return groups
