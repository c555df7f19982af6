"""Muon: what it makes of gradients, beside the implementation in torch."""

from __future__ import annotations

import torch

from trainer.muon import Muon, orthogonal


def test_singular_values_come_out_near_one_for_every_shape() -> None:
    for shape in ((3, 32, 32), (2, 96, 32), (2, 32, 96)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
        assert float(values.min()) > 0.5
        assert float(values.max()) < 1.3


def test_steps_are_those_of_torchs_own() -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in ((16, 16), (48, 16), (16, 16), (16, 48))]
    ours, theirs = ([torch.nn.Parameter(weights.clone()) for weights in start] for _ in range(2))
    optimisers = (
        Muon(ours, 0.01, weight_decay=0.1),
        torch.optim.Muon(theirs, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    )

    for _ in range(5):
        gradients = [torch.randn(weights.shape, generator=generator) for weights in start]
        for parameters, optimiser in zip((ours, theirs), optimisers, strict=True):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient.clone()
            optimiser.step()

    for mine, torchs, before in zip(ours, theirs, start, strict=True):
        assert (mine - torchs).norm() < 0.05 * (mine - before).norm()


def test_its_state_survives_being_saved() -> None:
    weights = torch.nn.Parameter(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)))
    optimiser = Muon([weights], 0.01, weight_decay=0.0)
    weights.grad = torch.ones(8, 8)
    optimiser.step()
    again = Muon([weights], 0.01, weight_decay=0.0)
    again.load_state_dict(optimiser.state_dict())

    assert torch.equal(again.state[weights]["momentum"], optimiser.state[weights]["momentum"])
