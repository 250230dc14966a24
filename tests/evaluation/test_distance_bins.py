"""Scores by distance, against values one can work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from selfsup_depth.evaluation.distance_bins import binned_scores

TRUTH = np.array([1.0, 2.0, 4.0, 10.0, 80.0])


def test_each_pixel_is_in_the_bin_of_its_true_depth():
    scores = binned_scores(TRUTH * [1.5, 1.1, 0.9, 0.5, 1.0], TRUTH, farthest=80.0)
    assert [one.label for one in scores] == ["0-2 m", "2-5 m", "5-10 m", "10-20 m", "20-40 m", "40-80 m"]
    assert [one.share for one in scores] == pytest.approx([20, 40, 0, 20, 0, 20])
    first, second, empty, fourth, _, last = scores
    assert (first.abs_rel, first.rmse, first.bias) == pytest.approx((0.5, 0.5, 0.5))  # 2 m begins the next bin
    assert (second.abs_rel, second.bias) == pytest.approx((0.1, 0.0))
    assert second.rmse == pytest.approx(np.sqrt((0.2**2 + 0.4**2) / 2))
    assert (empty.abs_rel, empty.rmse, empty.bias) == (None, None, None)
    assert (fourth.bias, last.abs_rel) == pytest.approx((-0.5, 0.0))  # the cap itself belongs to the last bin


def test_bins_end_where_the_protocol_ends():
    labels = [one.label for one in binned_scores(TRUTH[:3], TRUTH[:3], farthest=10.0)]
    assert labels == ["0-2 m", "2-5 m", "5-10 m"]
    assert [one.label for one in binned_scores(TRUTH[:3], TRUTH[:3], farthest=12.0)][-1] == "10-12 m"


def test_what_is_beyond_the_last_border_is_in_no_bin():
    scores = binned_scores(np.array([100.0, 1.0]), np.array([100.0, 1.0]))
    assert sum(one.share for one in scores) == 50


def test_nothing_cannot_be_scored():
    with pytest.raises(ValueError, match="two equal, non-empty arrays"):
        binned_scores(np.array([]), np.array([]))
    with pytest.raises(ValueError, match="two equal, non-empty arrays"):
        binned_scores(TRUTH, TRUTH[:2])
