"""Colours of depth that do not flicker."""

from __future__ import annotations

import numpy as np
import pytest

from selfsup_depth.prediction.colours import (
    STEADINESS,
    ColourRange,
    SteadyRange,
    colour_range,
    paint_depth,
    side_by_side,
)

DEPTH = 1 / np.linspace(0.1, 1.0, 101, dtype=np.float32).reshape(1, -1)


def test_a_range_goes_from_the_farthest_to_the_95th_percentile_of_inverse_depth():
    found = colour_range(DEPTH)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.955)
    assert colour_range(np.array([[0.0, np.nan, 4.0]])) == ColourRange(0.25, 0.25)
    assert colour_range(np.zeros((2, 2))) == ColourRange(0.0, 1.0)


def test_near_is_bright_and_nothing_is_black():
    depth = np.array([[1.0, 2.0, 4.0, 0.0, np.inf, np.nan]], dtype=np.float32)
    brightness = paint_depth(depth, ColourRange(0.1, 1.0)).sum(-1)[0]
    assert brightness[0] > brightness[1] > brightness[2] > 0
    assert not brightness[3:].any()
    assert paint_depth(np.full((2, 2), 3.0, np.float32), ColourRange(1 / 3, 1 / 3)).shape == (2, 2, 3)


def test_the_range_of_consecutive_frames_follows_slowly_and_starts_anew_at_a_cut():
    steady = SteadyRange()
    first = steady.next(DEPTH, is_cut=True)
    assert first == colour_range(DEPTH)
    second = steady.next(DEPTH / 2, is_cut=False)
    assert second.low == pytest.approx(STEADINESS * first.low + (1 - STEADINESS) * 2 * first.low)
    assert second.high == pytest.approx(STEADINESS * first.high + (1 - STEADINESS) * 2 * first.high)
    assert steady.next(DEPTH / 2, is_cut=True) == colour_range(DEPTH / 2)


@pytest.mark.parametrize("size", [(10, 12), (100, 333)])
def test_the_legend_has_room_in_any_picture(size):
    image = np.zeros((*size, 3), dtype=np.uint8)
    shown = side_by_side(image, image, ColourRange(0.02, 0.5), "relative (up to scale)")
    assert shown.shape == (size[0] + 20, 2 * size[1], 3)
    assert shown[: size[0]].max() == 0
    assert shown[size[0] :].any()
