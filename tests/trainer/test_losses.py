"""The arithmetic of PPO, beside values worked out by hand and a reference in NumPy that shares no line with it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import multiprocessing

from trainer import losses
from trainer.losses import Kl

Array = npt.NDArray[np.float64]


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lengths_mask(*lengths: int) -> torch.Tensor:
    return torch.tensor([[float(n < length) for n in range(max(lengths))] for length in lengths], dtype=torch.float64)


def test_a_clipped_ratio_counts_as_the_bound_where_more_would_pay() -> None:
    old = torch.zeros(6)
    ratios = torch.tensor([1.5, 1.5, 0.5, 0.5, 1.1, 1.25])
    advantages = torch.tensor([2.0, -2.0, 2.0, -2.0, 2.0, 2.0])

    usual = losses.policy_loss(ratios.log(), old, advantages, clip=0.2)
    higher = losses.policy_loss(ratios.log(), old, advantages, clip=0.2, clip_high=0.28)

    assert usual.tolist() == pytest.approx([-2.4, 3.0, -1.0, 1.6, -2.2, -2.4])
    assert higher.tolist() == pytest.approx([-2.56, 3.0, -1.0, 1.6, -2.2, -2.5])
    assert losses.is_clipped(ratios.log(), old, advantages, clip=0.2).tolist() == [1, 0, 0, 1, 0, 1]
    assert losses.is_clipped(ratios.log(), old, advantages, clip=0.2, clip_high=0.28).tolist() == [1, 0, 0, 1, 0, 0]


def test_the_gradient_is_exactly_zero_where_the_clip_bites_and_nowhere_else() -> None:
    log_probs = torch.tensor([1.5, 1.5, 0.5, 0.5, 1.1, 1.0]).log().requires_grad_()
    advantages = torch.tensor([2.0, -2.0, 2.0, -2.0, 2.0, -3.0])

    losses.policy_loss(log_probs, torch.zeros(6), advantages, clip=0.2).sum().backward()

    # Elsewhere it is -advantage times ratio.
    assert log_probs.grad is not None
    assert log_probs.grad.tolist() == pytest.approx([0.0, 3.0, -1.0, 0.0, -2.2, 3.0])
    assert log_probs.grad[0] == log_probs.grad[3] == 0.0


def test_the_value_loss_is_the_worse_of_the_value_and_the_one_near_the_old() -> None:
    values = torch.tensor([1.0, 1.0, 0.1], requires_grad=True)
    old, returns = torch.zeros(3), torch.tensor([2.0, 0.5, 1.0])

    loss = losses.value_loss(values, old, returns, clip=0.2)
    loss.sum().backward()

    # The first has gone 0.8 too far towards its return: (0.2 - 2)²/2. The second has shot past: (1 - 0.5)²/2.
    assert loss.tolist() == pytest.approx([1.62, 0.125, 0.405])
    assert values.grad is not None
    assert values.grad.tolist() == pytest.approx([0.0, 0.5, -0.9])
    assert losses.value_loss(values, old, returns, clip=None).tolist() == pytest.approx([0.5, 0.125, 0.405])


def test_the_three_estimates_of_kl_by_hand() -> None:
    log_probs, others = torch.tensor([0.5, 0.25]).log(), torch.tensor([0.25, 0.5]).log()
    two = math.log(2)

    assert losses.kl(log_probs, others, Kl.K1).tolist() == pytest.approx([two, -two])
    assert losses.kl(log_probs, others, Kl.K2).tolist() == pytest.approx([two**2 / 2, two**2 / 2])
    assert losses.kl(log_probs, others, Kl.K3).tolist() == pytest.approx([0.5 - 1 + two, 2 - 1 - two])


def test_k1_and_k3_are_the_true_kl_on_average_and_k2_nearly() -> None:
    first, second = (numbers(5, seed=seed).mul(0.3).log_softmax(-1) for seed in (1, 2))
    true = float((first.exp() * (first - second)).sum())

    k1, k2, k3 = (float((first.exp() * losses.kl(first, second, each)).sum()) for each in Kl)

    assert k1 == pytest.approx(true, abs=1e-12)
    assert k3 == pytest.approx(true, abs=1e-12)
    assert k2 == pytest.approx(true, rel=0.2)
    assert k2 != pytest.approx(true, rel=0.001)


def test_advantages_by_hand() -> None:
    rewards = torch.tensor([[0.0, 0.0, 1.0], [0.0, 2.0, 9.0]])
    values = torch.tensor([[0.5, 0.4, 0.8], [1.0, 0.5, 7.0]])
    mask = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])

    advantages, returns = losses.advantages_and_returns(rewards, values, mask, gamma=0.5, lambda_=0.5)

    # Last 1 - 0.8 = 0.2; before (0.5·0.8 - 0.4) + 0.25·0.2 = 0.05; first (0.5·0.4 - 0.5) + 0.25·0.05 = -0.2875.
    # The shorter: 2 - 0.5 = 1.5; (0.5·0.5 - 1) + 0.25·1.5 = -0.375; what is behind its end counts for nothing.
    assert advantages[0].tolist() == pytest.approx([-0.2875, 0.05, 0.2])
    assert advantages[1].tolist() == pytest.approx([-0.375, 1.5, 0.0])
    assert returns[0].tolist() == pytest.approx([0.2125, 0.45, 1.0])
    assert returns[1].tolist() == pytest.approx([0.625, 2.0, 0.0])


def test_without_discount_advantages_are_returns_minus_values() -> None:
    mask = lengths_mask(5, 2, 4)
    rewards, values = numbers(3, 5) * mask, numbers(3, 5, seed=1)
    to_come = rewards.flip(1).cumsum(1).flip(1)

    advantages, returns = losses.advantages_and_returns(rewards, values, mask, gamma=1.0, lambda_=1.0)

    assert torch.allclose(advantages, (to_come - values) * mask, atol=1e-12)
    assert torch.allclose(returns, to_come * mask, atol=1e-12)


def numpy_advantages(rewards: Array, values: Array, gamma: float, lambda_: float) -> Array:
    """Of one completion, as the sum over all later errors that the paper begins with."""
    errors = rewards + gamma * np.append(values[1:], 0.0) - values
    return np.array(
        [sum((gamma * lambda_) ** n * error for n, error in enumerate(errors[t:])) for t in range(len(errors))]
    )


def test_everything_is_as_in_numpy() -> None:
    lengths = (7, 1, 4, 6)
    mask = lengths_mask(*lengths)
    rewards, values, old_values = (numbers(4, 7, seed=seed) for seed in (1, 2, 3))
    log_probs, old_log_probs = numbers(4, 7, seed=4) * 0.3, numbers(4, 7, seed=5) * 0.3

    advantages, returns = losses.advantages_and_returns(rewards * mask, values, mask, gamma=0.9, lambda_=0.8)
    white = losses.whiten(advantages, mask)
    of_policy = losses.masked_mean(losses.policy_loss(log_probs, old_log_probs, white, clip=0.2, clip_high=0.3), mask)
    of_values = losses.masked_mean(losses.value_loss(values, old_values, returns, clip=0.2), mask)
    told = losses.explained_variance(values, returns, mask)

    def tokens(tensor: torch.Tensor) -> Array:
        return np.concatenate([row[:length] for row, length in zip(tensor.numpy(), lengths, strict=True)])

    each = [
        numpy_advantages(r[:n], v[:n], 0.9, 0.8)
        for r, v, n in zip(rewards.numpy(), values.numpy(), lengths, strict=True)
    ]
    flat = np.concatenate(each)
    goal = flat + tokens(values)
    whitened = (flat - flat.mean()) / np.sqrt(flat.var(ddof=1) + 1e-8)
    ratio = np.exp(tokens(log_probs) - tokens(old_log_probs))
    loss = np.where(whitened > 0, -whitened * np.minimum(ratio, 1.3), -whitened * np.maximum(ratio, 0.8)).mean()
    near = np.clip(tokens(values), tokens(old_values) - 0.2, tokens(old_values) + 0.2)
    squares = np.maximum((tokens(values) - goal) ** 2, (near - goal) ** 2)
    np.testing.assert_allclose(tokens(advantages), flat, atol=1e-12)
    np.testing.assert_allclose(tokens(returns), goal, atol=1e-12)
    np.testing.assert_allclose(tokens(white), whitened, atol=1e-12)
    assert float(of_policy) == pytest.approx(loss, abs=1e-12)
    assert float(of_values) == pytest.approx(squares.mean() / 2, abs=1e-12)
    assert float(told) == pytest.approx(1 - (goal - tokens(values)).var() / goal.var(), abs=1e-12)


def test_means_look_at_nothing_that_is_masked() -> None:
    x, mask = torch.tensor([[1.0, 2.0, 100.0], [6.0, 100.0, 100.0]]), torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])

    assert losses.masked_mean(x, mask) == 3.0
    assert losses.masked_variance(x, mask) == 7.0  # (4 + 1 + 9) / 2
    assert losses.masked_mean(x, torch.zeros(2, 3)) == 0.0
    assert losses.whiten(x, mask)[0].tolist() == pytest.approx([-2 / math.sqrt(7), -1 / math.sqrt(7), 0.0])


def test_log_probabilities_and_entropies_are_those_of_the_logits() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [math.log(2), 0.0, 0.0, -math.inf]])

    assert losses.token_log_probs(logits, torch.tensor([3, 0])).tolist() == pytest.approx([-math.log(4), -math.log(2)])
    assert losses.entropy(logits[:1]).tolist() == pytest.approx([math.log(4)])
    two = torch.tensor([[math.log(3), 0.0]])
    assert losses.entropy(two).tolist() == pytest.approx([-0.75 * math.log(0.75) - 0.25 * math.log(0.25)])


def test_explained_variance_goes_from_all_to_nothing_and_below() -> None:
    returns, mask = torch.tensor([[0.0, 1.0, 2.0, 5.0]]), torch.tensor([[1.0, 1.0, 1.0, 0.0]])

    assert losses.explained_variance(returns + 3, returns, mask) == 1.0
    assert losses.explained_variance(torch.zeros(1, 4), returns, mask) == 0.0
    assert losses.explained_variance(-returns, returns, mask) == -3.0
    assert losses.explained_variance(returns, torch.ones(1, 4), mask) == 0.0


def whiten_one_row(rank: int, folder: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    x, mask = numbers(2, 5) + 3, lengths_mask(5, 2)
    torch.save(losses.whiten(x[rank], mask[rank]), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_whitening_on_two_ranks_is_whitening_of_the_whole(tmp_path: Path) -> None:
    multiprocessing.spawn(whiten_one_row, (tmp_path,), nprocs=2)

    rows = torch.stack([torch.load(tmp_path / f"{rank}.pt") for rank in range(2)])
    x, mask = numbers(2, 5) + 3, lengths_mask(5, 2)
    assert torch.allclose(rows, losses.whiten(x, mask), atol=1e-12)
    assert not torch.allclose(rows[0], losses.whiten(x[0], mask[0]), atol=0.01)
