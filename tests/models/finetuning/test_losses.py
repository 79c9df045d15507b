"""The loss for Pass@N is what its paper says: by enumeration, by autograd, and at the ends of what a float can hold."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from models.finetuning.losses import completion_log_probabilities, limited_confidence


@pytest.mark.parametrize("samples", [1, 2, 3, 5])
def test_it_is_the_probability_that_one_of_n_samples_is_the_completion(samples: int) -> None:
    """All draws of `samples` completions out of three are enumerated."""
    chances = torch.tensor([0.15, 0.25, 0.6], dtype=torch.float64)
    for wanted in range(3):
        found = sum(
            math.prod(float(chances[one]) for one in drawn)
            for drawn in itertools.product(range(3), repeat=samples)
            if wanted in drawn
        )
        loss = limited_confidence(chances[wanted : wanted + 1].log(), samples)
        assert float(loss[0]) == pytest.approx(-math.log(found), rel=1e-12)


@pytest.mark.parametrize("samples", [1, 2, 10, 256])
def test_its_gradient_is_that_of_the_formula(samples: int) -> None:
    log_p = torch.log(torch.tensor([1e-6, 0.01, 0.1, 0.5, 0.9], dtype=torch.float64)).requires_grad_()
    (ours,) = torch.autograd.grad(limited_confidence(log_p, samples).sum(), log_p)
    (theirs,) = torch.autograd.grad(-torch.log(1 - (1 - log_p.exp()) ** samples).sum(), log_p)
    assert torch.allclose(ours, theirs, rtol=1e-8, atol=1e-12)
    p = log_p.detach().exp()
    factor = samples * p * (1 - p) ** (samples - 1) / (1 - (1 - p) ** samples)
    assert torch.allclose(ours, -factor, rtol=1e-8, atol=1e-12)


def test_a_rare_completion_is_learned_as_by_cross_entropy() -> None:
    """The p of a long completion is 0 in a float: the loss is -log p - log N, the gradient that of -log p."""
    log_p = torch.tensor([-40.0, -200.0, -5000.0], requires_grad=True)
    loss = limited_confidence(log_p, 10)
    assert loss.tolist() == pytest.approx([40 - math.log(10), 200 - math.log(10), 5000 - math.log(10)])
    loss.sum().backward()
    assert log_p.grad is not None
    assert log_p.grad.tolist() == pytest.approx([-1.0, -1.0, -1.0])


def test_a_certain_completion_is_left_alone() -> None:
    log_p = torch.tensor([0.0, -1e-9, -0.01], requires_grad=True)
    loss = limited_confidence(log_p, 10)
    loss.sum().backward()
    assert loss.tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-15)
    assert log_p.grad is not None
    assert log_p.grad.tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-15)


def test_with_one_sample_it_is_cross_entropy() -> None:
    log_p = torch.tensor([-100.0, -1.0, -1e-3], requires_grad=True)
    loss = limited_confidence(log_p, 1)
    assert loss.tolist() == pytest.approx([100.0, 1.0, 1e-3])
    loss.sum().backward()
    assert log_p.grad is not None
    assert log_p.grad.tolist() == pytest.approx([-1.0, -1.0, -1.0])


def test_tokens_are_summed_by_completion() -> None:
    sums = completion_log_probabilities(torch.tensor([-1.0, -2.0, -4.0, -8.0]), torch.tensor([0, 2, 0, 2]), 4)
    assert sums.tolist() == [-5.0, 0.0, -10.0, 0.0]
