"""Log-probabilities: those of each completion alone, whatever stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tests.trainer.tiny_checkpoint import tiny_qwen2
from trainer.scoring import log_probs

PROMPTS = [[5, 6, 7], [9] * 40, [250, 3, 4, 80, 80, 12, 11], [4]]
COMPLETIONS = [[30, 31, 2], [8], [7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 2], [2]]


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_qwen2()


def gpt2() -> Any:
    """Knows absolute positions, where a Qwen2 only sees how far apart tokens are."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=266, n_positions=128, n_embd=32, n_layer=2, n_head=2, initializer_range=0.3)
    return GPT2LMHeadModel(config).eval()


def alone(model: Any, prompt: list[int], completion: list[int], temperature: float) -> list[tuple[float, float]]:
    """(log-probability, entropy) of each token, without padding or mask, the sums in float64."""
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *completion]])).logits[0].double() / temperature
    told = []
    for n, token in enumerate(completion):
        row = logits[len(prompt) - 1 + n]
        logs = row - row.exp().sum().log()
        told.append((float(logs[token]), float(-(logs.exp() * logs).sum())))
    return told


@pytest.mark.parametrize("micro_batch", [1, 2, 16])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("make", [tiny_qwen2, gpt2])
def test_padding_never_changes_a_log_probability(make: Callable[[], Any], micro_batch: int, temperature: float) -> None:
    model = make()
    found = log_probs(model, PROMPTS, COMPLETIONS, temperature=temperature, micro_batch=micro_batch)

    assert found.mask.tolist() == [[n < len(one) for n in range(11)] for one in COMPLETIONS]
    assert not found.values[~found.mask].any()
    assert not found.entropies[~found.mask].any()
    for row, (prompt, completion) in enumerate(zip(PROMPTS, COMPLETIONS, strict=True)):
        expected = alone(model, prompt, completion, temperature)
        there = len(completion)
        assert found.values[row, :there].tolist() == pytest.approx([v for v, _ in expected], abs=1e-5)
        assert found.entropies[row, :there].tolist() == pytest.approx([e for _, e in expected], abs=1e-5)


@pytest.mark.parametrize("beside", [([3] * 100, [4]), ([3], [4] * 100), ([3], [4])], ids=["left", "right", "none"])
def test_neither_side_of_padding_matters_nor_what_it_is_made_of(
    model: Any, beside: tuple[list[int], list[int]]
) -> None:
    bare = log_probs(model, PROMPTS[:1], COMPLETIONS[:1]).values[0]

    for pad in (0, 77):
        padded = log_probs(model, [PROMPTS[0], beside[0]], [COMPLETIONS[0], beside[1]], pad=pad)
        assert torch.allclose(padded.values[0, :3], bare, atol=1e-5, rtol=0)


def test_a_token_of_padding_in_a_completion_counts_like_any_other(model: Any) -> None:
    found = log_probs(model, PROMPTS, COMPLETIONS, pad=0)

    assert found.values[2, 8] != 0
    assert found.values[2, 9] != 0


def test_the_vocabulary_is_computed_where_completions_stand_alone(model: Any) -> None:
    columns: list[int] = []
    hook = model.lm_head.register_forward_pre_hook(lambda _, given: columns.append(given[0].shape[1]))

    log_probs(model, PROMPTS, COMPLETIONS, micro_batch=16)
    hook.remove()

    assert columns == [12]  # Of 51: what the longest completion is predicted from, and its last token.


def test_gradients_are_the_same_in_parts_and_at_once() -> None:
    grown = []
    for micro_batch in (1, 16):
        model = tiny_qwen2()
        found = log_probs(model, PROMPTS, COMPLETIONS, micro_batch=micro_batch)
        (found.values.sum() + found.entropies.sum()).backward()
        grown.append(torch.cat([weights.grad.flatten() for weights in model.parameters()]))

    assert grown[0].abs().max() > 1
    assert torch.allclose(grown[0], grown[1], atol=1e-3, rtol=1e-4)


def test_of_no_completions_there_is_nothing(model: Any) -> None:
    found = log_probs(model, [], [])

    assert found.values.shape == found.entropies.shape == found.mask.shape == (0, 0)
