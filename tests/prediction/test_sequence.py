"""Temporal smoothing in closed form, and cuts."""

from __future__ import annotations

import pytest
import torch

from selfsup_depth.prediction.sequence import CUT, CutDetector, TemporalSmoothing


def test_the_logarithm_follows_with_exponentially_falling_weights():
    smoothing = TemporalSmoothing(0.75)
    values = [1.0, 16.0, 16.0]
    found = [smoothing.next(torch.full((1, 2, 3), value), is_cut=number == 0) for number, value in enumerate(values)]
    for smoothed, expected in zip(found, (1.0, 16**0.25, 16 ** (1 - 0.75**2)), strict=True):
        torch.testing.assert_close(smoothed, torch.full((1, 2, 3), expected))


def test_depth_and_inverse_depth_are_smoothed_alike():
    one, other = TemporalSmoothing(0.5), TemporalSmoothing(0.5)
    for value in (2.0, 5.0, 3.0):
        map_ = torch.full((1, 2, 2), value)
        smoothed, inverse = one.next(map_, is_cut=False), other.next(1 / map_, is_cut=False)
    torch.testing.assert_close(smoothed, 1 / inverse)


def test_a_cut_forgets_the_past():
    smoothing = TemporalSmoothing(0.9)
    smoothing.next(torch.full((1, 2, 2), 1.0), is_cut=True)
    torch.testing.assert_close(smoothing.next(torch.full((1, 2, 2), 9.0), is_cut=True), torch.full((1, 2, 2), 9.0))


@pytest.mark.parametrize(("change", "cut"), [(0.8 * CUT, False), (1.2 * CUT, True)])
def test_a_big_change_of_the_picture_is_a_cut(change, cut):
    cuts = CutDetector()
    picture = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0)) * 0.5
    assert cuts.find(torch.stack([picture, picture + change])) == [True, cut]


def test_a_moved_camera_is_no_cut():
    cuts = CutDetector()
    picture = torch.rand(3, 48, 80, generator=torch.Generator().manual_seed(0))
    assert cuts.find(picture[None, ..., :64]) == [True]
    assert cuts.find(picture[None, ..., 3:67]) == [False]
