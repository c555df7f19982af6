from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form
from assistant.agents.speed import Speed, measure


class Timed:
    """Reads for 2 seconds and then writes `written` tokens for 4 seconds, on a clock of its own."""

    def __init__(self, written: int, *, cached: int = 0, thinking: int = 0) -> None:
        self.now = 0.0
        self.prompts: list[str] = []
        self._written, self._cached, self._thinking = written, cached, thinking
        self.cancel_at: int | None = None

    def clock(self) -> float:
        return self.now

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        seed: int | None = None,
    ) -> Completion:
        self.prompts.append(prompt[-1].text)
        if len(self.prompts) == self.cancel_at:
            assert cancel is not None
            cancel.set()
            return Completion("", FinishReason.CANCELLED)
        if max_tokens == 1:
            self.now += 100.0
            return Completion("a", FinishReason.LENGTH, 10, 0, 1)
        assert on_text is not None
        self.now += 2.0
        for _ in range(self._written):
            on_text("a ")
        self.now += 4.0
        return Completion("", FinishReason.STOP, 300, self._cached, self._written, thinking_tokens=self._thinking)


def measured(timed: Timed) -> Speed | None:
    return measure(timed, Agent.ANSWER, threading.Event(), timed.clock)


def test_only_what_was_really_read_and_written_counts() -> None:
    assert measured(Timed(61, cached=100)) == Speed(100.0, 15.0, 2.0, 200, 61)


def test_what_is_loaded_at_first_use_is_no_part_of_the_speed() -> None:
    timed = Timed(61)
    assert measured(timed) == Speed(150.0, 15.0, 2.0, 300, 61)
    assert len(timed.prompts) == 2


def test_a_model_that_stops_early_writes_again_until_there_is_enough_to_tell() -> None:
    timed = Timed(21)
    assert measured(timed) == Speed(150.0, 5.0, 2.0, 900, 63)
    assert len(timed.prompts) == 4
    assert len({prompt[:9] for prompt in timed.prompts}) == 4, "no two begin alike, so that nothing is in the cache"


def test_one_that_writes_next_to_nothing_has_no_speed_of_writing() -> None:
    speed = measured(Timed(1))
    assert speed == Speed(150.0, None, 2.0, 1200, 4)
    assert speed.words == "reads 150 tokens/s, wrote too little to tell how fast, first word after 2.0 s"


def test_one_that_thinks_first_has_no_speed_of_reading() -> None:
    speed = measured(Timed(61, thinking=40))
    assert speed == Speed(None, 15.0, 2.0, 300, 61)
    assert speed.words == "does not tell how fast it reads, writes 15 tokens/s, first word after 2.0 s"


@pytest.mark.parametrize("call", [1, 2])
def test_a_measurement_that_is_stopped_has_no_result(call: int) -> None:
    timed = Timed(61)
    timed.cancel_at = call
    assert measured(timed) is None


def test_slow_models_are_told_with_a_digit_more() -> None:
    assert Speed(1234.4, 4.56, 0.31, 1, 1).words == "reads 1,234 tokens/s, writes 4.6 tokens/s, first word after 0.3 s"
