"""Sobel slopes, soft steps, and quantiles of any number of counted pixels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from depth_maps import noise
from hypothesis import given, settings
from hypothesis import strategies as st

from selfsup_depth.losses.edges import (
    crop_border,
    gradient_magnitude,
    image_mean,
    image_quantile,
    sobel,
    soft_edges,
    whole_windows,
)


def test_sobel_of_a_plane_is_its_slope() -> None:
    row, column = torch.arange(8.0)[:, None], torch.arange(9.0)
    gx, gy = sobel((0.5 * column - 2 * row)[None, None])
    assert (gx[..., 1:-1] == 0.5).all()
    assert (gy[..., 1:-1, :] == -2).all()
    assert (gx[..., 0] == 0.25).all()  # the border is repeated


def test_sobel_is_the_convolution_with_repeated_borders() -> None:
    depth = noise(2, 1, 8, 11)
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64) / 8
    kernels = torch.stack((kernel, kernel.T))[:, None]
    expected = F.conv2d(F.pad(depth, (1, 1, 1, 1), mode="replicate"), kernels)
    torch.testing.assert_close(torch.cat(sobel(depth), 1), expected)
    torch.testing.assert_close(gradient_magnitude(depth, 1e-6), (expected**2).sum(1, keepdim=True).add(1e-6).sqrt())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_magnitude_of_a_flat_map_is_nothing_and_has_a_finite_slope(dtype: torch.dtype) -> None:
    depth = torch.full((1, 1, 8, 8), 3.0, dtype=dtype, requires_grad=True)
    magnitude = gradient_magnitude(depth)
    assert magnitude.max() < 1e-18
    magnitude.sum().backward()
    assert depth.grad is not None and (depth.grad == 0).all()


def test_magnitude_gradient() -> None:
    assert torch.autograd.gradcheck(gradient_magnitude, noise(1, 1, 8, 9).requires_grad_())


def test_soft_step() -> None:
    magnitude = torch.tensor([0.0, 0.9, 1.0, 1.1, 100.0], dtype=torch.float64)
    edges = soft_edges(magnitude, torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.1))
    torch.testing.assert_close(edges[:4], torch.tensor([0.5 - 5 / 11, 0.25, 0.5, 0.75], dtype=torch.float64))
    assert 0.999 < edges[4] < 1
    seven = soft_edges(7 * magnitude, torch.tensor(7.0, dtype=torch.float64), torch.tensor(0.7))
    torch.testing.assert_close(seven, edges)


def test_a_border_that_would_eat_the_image_is_smaller() -> None:
    assert crop_border(torch.zeros(1, 1, 20, 30), 5).shape == (1, 1, 10, 20)
    assert crop_border(torch.zeros(1, 1, 8, 30), 5).shape == (1, 1, 4, 26)
    assert crop_border(torch.zeros(1, 1, 8, 30), 0).shape == (1, 1, 8, 30)


def test_windows_with_an_invalid_pixel() -> None:
    valid = torch.ones(1, 1, 8, 9, dtype=torch.bool)
    assert whole_windows(valid).all()
    valid[0, 0, 0, 4] = False
    expected = torch.ones_like(valid)
    expected[0, 0, :2, 3:6] = False
    assert torch.equal(whole_windows(valid), expected)


@settings(deadline=None, max_examples=80)
@given(
    st.integers(1, 4), st.integers(8, 20), st.integers(8, 20), st.floats(0, 1), st.floats(0, 1), st.integers(0, 1000)
)
def test_quantile_is_that_of_the_counted_pixels(
    batch: int, height: int, width: int, quantile: float, share: float, seed: int
) -> None:
    values = noise(batch, 1, height, width, seed=seed)
    counted = noise(batch, 1, height, width, seed=seed + 1) < share
    values[~counted] = torch.nan
    ours = image_quantile(values, counted, quantile)
    assert ours.shape == (batch, 1, 1, 1)
    for image in range(batch):
        left = values[image][counted[image]]
        expected = left.quantile(quantile) if len(left) else torch.zeros((), dtype=torch.float64)
        torch.testing.assert_close(ours[image].squeeze(), expected, rtol=0, atol=1e-5)


def test_quantile_of_more_than_the_sixteen_million_pixels_of_torch_quantile() -> None:
    values = torch.linspace(0, 1, 4200 * 4000).reshape(1, 1, 4200, 4000)
    assert image_quantile(values, torch.ones_like(values).bool(), 0.95).item() == pytest.approx(0.95, abs=1e-6)


def test_quantile_gives_no_gradient() -> None:
    values = noise(1, 1, 8, 8).requires_grad_()
    assert not image_quantile(values, torch.ones_like(values).bool(), 0.95).requires_grad


def test_mean_of_the_counted_pixels() -> None:
    values = torch.tensor([[1.0, 2.0, torch.nan], [4.0, 5.0, 6.0]])[:, None, None]
    counted = torch.tensor([[True, True, False], [False, False, False]])[:, None, None]
    assert image_mean(values, counted).tolist() == [1.5, 0.0]
