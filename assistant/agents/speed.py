"""How fast a model reads and writes on this machine: a fixed text is read and gone on with, and timed.

Promises that only tokens that were really read and written count, and that nothing anybody said is sent to the model.
Pure but for the clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Generator, Role

WRITTEN_AT_ONCE = 64
"""Tokens that a round may write: seconds on a slow machine, and enough to tell."""
ENOUGH = 48
"""Tokens after which no other round is needed."""
ROUNDS = 4
_SENTENCES = (
    "In the morning we walked around the lake, and the dogs ran ahead of us.",
    "The market opened at eight, and by nine there was no bread left at any of the stalls.",
    "My sister wrote that the train was late again, so we waited at the station and played cards.",
    "After lunch it rained for two hours, and the children drew boats on the back of old maps.",
)
_TEXT = " ".join(_SENTENCES * 3) + " Go on with this story in your own words, and do not stop soon."


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second, None where it cannot be told, and the seconds until the first word of a reply was there.

    `read_tokens` and `written_tokens` are what was counted. A model that thought first has no speed of reading: the
    time until its first word holds both.
    """

    reading: float | None
    writing: float | None
    first_word: float
    read_tokens: int
    written_tokens: int

    @property
    def words(self) -> str:
        """As "reads 1,234 tokens/s, writes 56 tokens/s, first word after 0.3 s"."""
        reads = f"reads {rate(self.reading)} tokens/s" if self.reading else "does not tell how fast it reads"
        writes = f"writes {rate(self.writing)} tokens/s" if self.writing else "wrote too little to tell how fast"
        return f"{reads}, {writes}, first word after {self.first_word:.1f} s"


def rate(tokens: float) -> str:
    """Tokens a second, with as many digits as they deserve."""
    return f"{tokens:,.0f}" if tokens >= 10 else f"{tokens:.1f}"


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """The speed of a model, when it was measured, and the agents that it serves in the same way."""

    model: str
    agents: tuple[Agent, ...]
    at: datetime
    speed: Speed


@dataclass(frozen=True, slots=True)
class _Round:
    done: Completion
    first_word: float | None
    seconds: float


def measure(
    generator: Generator, agent: Agent, cancel: threading.Event, clock: Callable[[], float] = time.monotonic
) -> Speed | None:
    """The speed of the model of `agent`; None if `cancel` ended it. Raises what the generator raises.

    One token is written first, because what is read from the disk at first use is no part of the speed.
    """
    _ask(generator, agent, "Hello.", 1, cancel, clock)
    rounds: list[_Round] = []
    while len(rounds) < ROUNDS and sum(each.done.completion_tokens for each in rounds) < ENOUGH:
        asked = _ask(generator, agent, _TEXT, WRITTEN_AT_ONCE, cancel, clock)
        if cancel.is_set() or asked.done.finish_reason is FinishReason.CANCELLED:
            return None
        rounds.append(asked)
    return _speed(rounds)


def _ask(
    generator: Generator, agent: Agent, text: str, most: int, cancel: threading.Event, clock: Callable[[], float]
) -> _Round:
    # Begins otherwise each time: what was read before would not be read again.
    prompt = [ChatMessage(Role.USER, f"{time.monotonic_ns():x}: {text}")]
    begun = clock()
    came: list[float] = []
    done = generator.generate(
        agent, prompt, max_tokens=most, on_text=lambda _: came.append(clock() - begun), cancel=cancel
    )
    return _Round(done, came[0] if came else None, clock() - begun)


def _speed(rounds: list[_Round]) -> Speed:
    waits = [each.first_word if each.first_word is not None else each.seconds for each in rounds]
    read = sum(each.done.read_tokens for each in rounds)
    written = sum(each.done.completion_tokens for each in rounds)
    # The first token of each round is part of the wait.
    later = sum(max(0, each.done.completion_tokens - 1) for each in rounds)
    writing_seconds = sum(each.seconds for each in rounds) - sum(waits)
    thought = any(each.done.thinking_tokens for each in rounds)
    return Speed(
        reading=read / sum(waits) if read and sum(waits) > 0 and not thought else None,
        writing=later / writing_seconds if later and writing_seconds > 0 else None,
        first_word=sum(waits) / len(waits),
        read_tokens=read,
        written_tokens=written,
    )
