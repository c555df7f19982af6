"""What training needs of whatever writes completions, and of whatever rewards them. Knows nothing of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.agents.generation import Agent, ChatMessage


@dataclass(frozen=True, slots=True)
class Sampled:
    """A completion: its `text`, its `tokens` with the end if it has `ended` by itself, not by its length."""

    text: str
    tokens: tuple[int, ...]
    ended: bool


class Sampler(Protocol):
    """Writes completions, many at once."""

    def sample(
        self,
        agent: Agent,
        prompts: Sequence[Sequence[ChatMessage]],
        *,
        count: int = 1,
        temperature: float = 0.0,
        max_tokens: int = 128,
    ) -> list[list[Sampled]]:
        """`count` completions of each prompt, in the order of the prompts; greedy at temperature 0."""
        ...


class Scored(Protocol):
    """What a completion is worth, and what that is made of, by name."""

    @property
    def total(self) -> float: ...

    @property
    def parts(self) -> Mapping[str, float]: ...


Score = Callable[[list[int], list[Sampled]], Sequence[Scored]]
"""The rewards of completions, given the number of each one's episode. Its errors are bugs, and stop the run."""
