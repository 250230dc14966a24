"""Smoothness of disparity, away from the edges of the image."""

from __future__ import annotations

import math

import pytest
import torch
from golden_inputs import img, load_golden

from selfsup_depth.losses import edge_aware_smoothness


def test_golden_value() -> None:
    smoothness = edge_aware_smoothness(0.3 + 0.2 * img(1, 1, 6, 8, 1.0), img(1, 3, 6, 8))
    expected = load_golden()["net_md2"]["smooth loss of disp=.3+.2*img(ph=1) normalised, color=tgt"]
    assert smoothness.item() == pytest.approx(expected, rel=1e-6)


def test_a_step_of_known_size_on_a_flat_image_and_on_an_edge() -> None:
    disp = torch.tensor([1.0, 3.0]).expand(1, 1, 2, 2)  # mean 2: a step of 1 to the right, none down
    flat = torch.full((1, 3, 2, 2), 0.5)
    assert edge_aware_smoothness(disp, flat).item() == pytest.approx(1.0)
    edge = torch.tensor([0.1, 0.7]).expand(1, 3, 2, 2)
    assert edge_aware_smoothness(disp, edge).item() == pytest.approx(math.exp(-0.6))
    upright = disp.transpose(2, 3)
    assert edge_aware_smoothness(upright, edge.transpose(2, 3)).item() == pytest.approx(math.exp(-0.6))


def test_scale_of_disparity_does_not_matter_image_by_image() -> None:
    disp, image = 0.3 + 0.2 * img(2, 1, 6, 8), img(2, 3, 6, 8, 1.0)
    factors = torch.tensor([3.0, 40.0]).reshape(2, 1, 1, 1)
    assert edge_aware_smoothness(factors * disp, image).item() == pytest.approx(
        edge_aware_smoothness(disp, image).item(), rel=1e-5
    )


def test_constant_disparity_is_smooth() -> None:
    assert edge_aware_smoothness(torch.full((2, 1, 5, 4), 0.3), img(2, 3, 5, 4)).item() < 1e-6


def test_half_precision_disparity_is_raised() -> None:
    disp, image = (0.3 + 0.2 * img(2, 1, 6, 8)).bfloat16(), img(2, 3, 6, 8)
    smoothness = edge_aware_smoothness(disp, image)
    assert smoothness.dtype == torch.float32
    assert smoothness.item() == edge_aware_smoothness(disp.float(), image).item()


def test_gradients() -> None:
    disp = (0.3 + 0.2 * img(2, 1, 3, 4).double()).requires_grad_()
    assert torch.autograd.gradcheck(lambda d: edge_aware_smoothness(d, img(2, 3, 3, 4).double()), disp)
