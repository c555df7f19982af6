from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.llm.sampling import Sampler, Scores, Text

END = 256
CONTROL = 257


def piece(token: int) -> bytes:
    return bytes([token]) if token < 256 else b""


def text_of(data: bytes) -> Text:
    text = Text(piece)
    for byte in data:
        assert text.fits(byte)
        text.add(byte)
    return text


class Only:
    """A constraint that allows some tokens and remembers what it was asked."""

    def __init__(self, *tokens: int) -> None:
        self.tokens = tokens
        self.accepted: list[int] = []
        self.narrowed = 0

    def allows(self, token: int) -> bool:
        return token in self.tokens

    def narrow(self, scores: Scores) -> None:
        self.narrowed += 1
        scores[[token for token in range(len(scores)) if token not in self.tokens]] = -np.inf

    def accept(self, token: int) -> None:
        self.accepted.append(token)


def sampler(text: Text, constraint: Only | None = None, temperature: float = 0.0, seed: int = 0) -> Sampler:
    return Sampler(
        text,
        ends=frozenset({END}),
        constraint=constraint,
        temperature=temperature,
        seed=seed,
    )


def logits(**best: float) -> Scores:
    scores = np.zeros(258, np.float32)
    for token, score in best.items():
        scores[int(token[1:])] = score
    return scores


@pytest.mark.parametrize(
    ("before", "byte"),
    [
        (b"", 0x80),
        (b"", 0xC0),
        (b"", 0xC1),
        (b"\xe0", 0x80),
        (b"\xed", 0xA0),
        (b"\xf0", 0x80),
        (b"\xf4", 0x90),
        (b"", 0xF5),
        (b"", 0xF8),
    ],
    ids=["tail", "nul in two", "A in two", "overlong", "surrogate", "overlong in four", "past Unicode", "F5", "F8"],
)
def test_a_byte_after_which_no_character_can_be_finished_does_not_fit(before: bytes, byte: int) -> None:
    assert not text_of(before).fits(byte)


@given(st.text(max_size=20))
def test_every_byte_of_any_text_fits(written: str) -> None:
    assert str(text_of(written.encode())) == written


def test_a_character_appears_with_its_last_byte() -> None:
    text = Text(piece)
    assert [text.add(byte) for byte in "a€b".encode()] == ["a", "", "", "€", "b"]
    assert str(text) == "a€b"


def test_a_character_begun_must_be_finished() -> None:
    text = text_of(b"\xe2\x82")
    assert not text.whole
    assert not text.fits(ord("x"))
    assert text.fits(0xAC)


def test_without_a_temperature_the_best_token_is_taken() -> None:
    assert sampler(Text(piece)).next(logits(_65=1.0, _66=2.0)) == 66


def test_a_control_token_is_never_taken_even_if_it_is_the_best() -> None:
    assert sampler(Text(piece)).next(logits(_257=9.0, _66=2.0)) == 66
    assert sampler(Text(piece), Only(CONTROL, 66)).next(logits(_257=9.0, _66=2.0)) == 66


def test_the_end_is_not_taken_within_a_character() -> None:
    assert sampler(text_of(b"\xe2\x82")).next(logits(_256=9.0, _172=1.0)) == 0xAC
    assert sampler(text_of(b"a")).next(logits(_256=9.0, _172=1.0)) == END


def test_the_constraint_sees_the_whole_vocabulary_only_when_the_best_few_are_refused() -> None:
    constraint = Only(65, 66)
    assert sampler(Text(piece), constraint).next(logits(_65=2.0, _67=1.0)) == 65
    assert sampler(Text(piece), constraint).next(logits(_65=1.0, _66=2.0, _67=3.0)) == 66
    assert constraint.narrowed == 0
    worst = logits() + 1
    worst[65:67] = 0.0, 0.5
    assert sampler(Text(piece), constraint).next(worst) == 66
    assert constraint.narrowed == 1
    assert constraint.accepted == [65, 66, 66]


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=258, max_size=258), st.sets(st.integers(0, 255), min_size=1))
def test_what_is_taken_is_the_best_that_is_allowed_and_of_equals_the_first_of_the_few(
    values: list[float], allowed: set[int]
) -> None:
    scores = np.array(values, np.float32)
    taken = sampler(Text(lambda token: b"a" if token < 256 else b""), Only(*allowed)).next(scores)
    assert taken in allowed
    assert scores[taken] == max(scores[token] for token in allowed)


def test_the_end_is_never_told_to_the_constraint() -> None:
    constraint = Only(END)
    assert sampler(Text(piece), constraint).next(logits(_65=2.0)) == END
    assert constraint.accepted == []


def test_nothing_is_taken_where_nothing_may_follow() -> None:
    assert sampler(Text(piece), Only()).next(logits(_65=2.0)) is None
    assert sampler(text_of(b"\xe2\x82"), Only(65)).next(logits(_65=2.0)) is None


def test_a_seed_repeats_what_was_sampled() -> None:
    first, second = (sampler(Text(piece), temperature=1.0, seed=7) for _ in range(2))
    scores = np.zeros(258, np.float32)
    scores[128:] = -np.inf
    assert [first.next(scores) for _ in range(50)] == [second.next(scores) for _ in range(50)]


def test_what_is_left_after_refusals_is_sampled_with_its_own_odds() -> None:
    scores = np.full(258, -np.inf, np.float32)
    scores[[65, 66, 67]] = np.log([0.1, 0.3, 0.6])
    sample = sampler(Text(piece), Only(65, 66), temperature=1.0)
    counts = Counter(sample.next(scores) for _ in range(4000))
    # 1 : 3 between the two allowed ones; the standard deviation of the count is 27.
    assert set(counts) == {65, 66}
    assert 900 < counts[65] < 1100


def test_temperature_sharpens_the_odds() -> None:
    scores = np.full(258, -np.inf, np.float32)
    scores[[65, 66]] = np.log([0.25, 0.75])
    sample = sampler(Text(piece), temperature=0.5)
    counts = Counter(sample.next(scores) for _ in range(4000))
    # 1 : 9 at half the temperature; the standard deviation of the count is 19.
    assert 320 < counts[65] < 480


def test_confidence_is_the_geometric_mean_of_what_the_model_gave_each_token() -> None:
    scores = np.full(258, -np.inf, np.float32)
    scores[[65, 66]] = np.log([0.2, 0.8])
    free, held_to_a = sampler(Text(piece)), sampler(Text(piece), constraint=Only(65))
    assert free.confidence == 1.0
    assert [free.next(scores), free.next(scores), free.confidence] == [66, 66, pytest.approx(0.8)]
    # What the grammar forces upon a model is no more likely for that.
    assert [held_to_a.next(scores), held_to_a.confidence] == [65, pytest.approx(0.2)]
    scores[66] = -np.inf
    assert [held_to_a.next(scores), held_to_a.confidence] == [65, pytest.approx(0.2**0.5)]
