"""Where pixels are."""

from __future__ import annotations

import pytest
import torch

from geometry.grid import pixel_grid


def test_first_and_last_pixel_centres() -> None:
    grid = pixel_grid(3, 5)
    assert grid.shape == (2, 3, 5)
    assert grid[:, 0, 0].tolist() == [0.5, 0.5]
    assert grid[:, 2, 4].tolist() == [4.5, 2.5]


def test_first_channel_runs_right_and_second_down() -> None:
    u, v = pixel_grid(2, 3, dtype=torch.float64)
    assert u.tolist() == [[0.5, 1.5, 2.5], [0.5, 1.5, 2.5]]
    assert v.tolist() == [[0.5, 0.5, 0.5], [1.5, 1.5, 1.5]]
    assert u.dtype == torch.float64


def test_is_centred_on_the_image() -> None:
    grid = pixel_grid(375, 1242, dtype=torch.float64)
    assert grid.mean(dim=(1, 2)).tolist() == [621.0, 187.5]


@pytest.mark.parametrize(("height", "width"), [(0, 4), (4, 0), (-1, 3)])
def test_refuses_an_image_without_pixels(height: int, width: int) -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        pixel_grid(height, width)
