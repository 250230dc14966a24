"""Depth and its relatives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.depth import depth_from_disparity, depth_to_disp, disp_to_depth, stereo_disparity


def test_ends_and_middle_of_the_published_range() -> None:
    scaled, depth = disp_to_depth(torch.tensor([0.0, 0.5, 1.0]), 0.1, 100.0)
    torch.testing.assert_close(scaled, torch.tensor([0.01, 5.005, 10.0]))
    torch.testing.assert_close(depth, torch.tensor([100.0, 0.1998002, 0.1]))


@settings(deadline=None, max_examples=50)
@given(st.floats(0.0, 1.0), st.floats(0.01, 1.0), st.floats(1.5, 200.0))
def test_depth_to_disp_is_the_inverse(disp: float, min_depth: float, max_depth: float) -> None:
    given_disp = torch.tensor([disp], dtype=torch.float64)
    _, depth = disp_to_depth(given_disp, min_depth, max_depth)
    assert min_depth * (1 - 1e-12) <= depth.item() <= max_depth * (1 + 1e-12)
    torch.testing.assert_close(depth_to_disp(depth, min_depth, max_depth), given_disp, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("low", "high"), [(0.0, 100.0), (-1.0, 1.0), (10.0, 1.0), (1.0, 1.0)])
def test_impossible_ranges_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="0 < min_depth < max_depth"):
        disp_to_depth(torch.zeros(1), low, high)
    with pytest.raises(ValueError, match="0 < min_depth < max_depth"):
        depth_to_disp(torch.ones(1), low, high)


def test_half_precision_disparity_is_raised_before_it_is_divided_by() -> None:
    disp = torch.linspace(0, 1, 7)
    for half in (torch.bfloat16, torch.float16):
        _, depth = disp_to_depth(disp.to(half), 0.1, 100.0)
        assert depth.dtype == torch.float32
        torch.testing.assert_close(depth, disp_to_depth(disp.to(half).float(), 0.1, 100.0)[1])


def test_stereo_disparity_of_kitti() -> None:
    assert stereo_disparity(torch.tensor([10.0]), 721.5, 0.54).item() == pytest.approx(38.961)
    assert depth_from_disparity(torch.tensor([38.961]), 721.5, 0.54).item() == pytest.approx(10.0)


def test_invalid_stays_zero_without_spoiling_gradients() -> None:
    depth = torch.tensor([0.0, 2.0], requires_grad=True)
    disparity = stereo_disparity(depth, 100.0, 0.1)
    assert disparity.tolist() == [0.0, 5.0]
    disparity.sum().backward()
    assert depth.grad is not None
    assert depth.grad.tolist() == [0.0, -2.5]
    assert depth_from_disparity(torch.tensor([0.0, -1.0, 5.0]), 100.0, 0.1).tolist() == [0.0, 0.0, 2.0]


def test_camera_and_baseline_per_image() -> None:
    depth = torch.full((2, 1, 3, 4), 2.0)
    fx, baseline = (torch.tensor(values).reshape(2, 1, 1, 1) for values in ([100.0, 200.0], [0.1, 0.3]))
    disparity = stereo_disparity(depth, fx, baseline)
    torch.testing.assert_close(disparity[:, 0, 0, 0], torch.tensor([5.0, 30.0]))
    torch.testing.assert_close(depth_from_disparity(disparity, fx, baseline), depth)


def test_gradients() -> None:
    values = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda disp: disp_to_depth(disp, 0.1, 100.0), values)
    assert torch.autograd.gradcheck(lambda depth: depth_to_disp(depth, 0.1, 100.0), values)
    assert torch.autograd.gradcheck(lambda depth: stereo_disparity(depth, 7.0, 0.5), values)
    assert torch.autograd.gradcheck(lambda disparity: depth_from_disparity(disparity, 7.0, 0.5), values)
