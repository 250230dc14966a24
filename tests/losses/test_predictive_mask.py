"""The term that keeps a learnt mask from vanishing."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from selfsup_depth.losses import predictive_mask_loss


def test_predictive_mask_loss_is_a_fifth_of_the_cross_entropy() -> None:
    mask = torch.rand(2, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    expected = 0.2 * F.binary_cross_entropy(mask, torch.ones_like(mask))
    torch.testing.assert_close(predictive_mask_loss(mask), expected)
    assert predictive_mask_loss(torch.full((1, 1, 2, 2), math.exp(-1))).item() == pytest.approx(0.2)
    assert predictive_mask_loss(torch.ones(1, 1, 2, 2)).item() == 0.0


def test_predictive_mask_loss_of_a_saturated_mask_stays_finite() -> None:
    mask = torch.tensor([0.0, 0.5]).reshape(1, 1, 1, 2).requires_grad_()
    loss = predictive_mask_loss(mask)
    loss.backward()
    assert loss.isfinite()
    assert mask.grad is not None
    torch.testing.assert_close(mask.grad.flatten(), torch.tensor([0.0, -0.2]))


def test_predictive_mask_loss_of_half_precision_is_computed_in_single() -> None:
    mask = torch.linspace(0.1, 1, 10).bfloat16()
    assert predictive_mask_loss(mask).item() == predictive_mask_loss(mask.float()).item()
