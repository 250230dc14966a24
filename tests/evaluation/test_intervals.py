"""Bootstrap intervals, against the closed form, scipy's, and their own promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from selfsup_depth.evaluation import intervals
from selfsup_depth.evaluation.intervals import bootstrap_intervals

VALUES = np.random.default_rng(3).gamma(2.0, 0.1, size=(200, 2))


def test_many_images_give_the_normal_interval():
    spread = norm.ppf(0.975) * VALUES.std(axis=0) / np.sqrt(len(VALUES))
    ends = bootstrap_intervals(VALUES)
    expected = np.stack([VALUES.mean(axis=0) - spread, VALUES.mean(axis=0) + spread], axis=1)
    assert ends == pytest.approx(expected, abs=0.1 * spread.max())


def test_it_is_scipys_percentile_interval():
    few = VALUES[:15, :1]
    theirs = bootstrap((few[:, 0],), np.mean, method="percentile", n_resamples=20000, rng=1).confidence_interval
    width = theirs.high - theirs.low
    assert bootstrap_intervals(few)[0] == pytest.approx([theirs.low, theirs.high], abs=0.04 * width)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        low, high = bootstrap_intervals(generator.normal(5.0, 1.0, size=(60, 1)))[0]
        inside += low <= 5.0 <= high
    assert 0.90 <= inside / 200 <= 0.985  # 95 %, less a little for percentiles of few images


def test_the_same_every_time_and_for_any_memory(monkeypatch):
    first = bootstrap_intervals(VALUES)
    assert (first == bootstrap_intervals(VALUES)).all()
    monkeypatch.setattr(intervals, "_AT_ONCE", 700)
    assert bootstrap_intervals(VALUES) == pytest.approx(first, abs=1e-12)


def test_columns_are_drawn_together():
    both = bootstrap_intervals(np.stack([VALUES[:, 0], 2 * VALUES[:, 0]], axis=1))
    assert both[1] == pytest.approx(2 * both[0])


def test_one_image_has_no_width_and_nan_stays_nan():
    assert bootstrap_intervals(np.array([[0.3]]))[0] == pytest.approx([0.3, 0.3])
    assert np.isnan(bootstrap_intervals(np.array([[np.nan], [1.0]]))).all()


def test_a_mean_is_over_the_images_that_have_the_number():
    """What the others are filled with does not matter; fewer images know less."""
    present = np.ones(VALUES.shape, dtype=bool)
    present[50:, 0] = False
    ends = bootstrap_intervals(VALUES, present)
    assert (ends == bootstrap_intervals(np.where(present, VALUES, 77.0), present)).all()
    assert (ends == bootstrap_intervals(np.where(present, VALUES, np.nan), present)).all()
    spread = norm.ppf(0.975) * VALUES[:50, 0].std() / np.sqrt(50)
    assert ends[0] == pytest.approx(VALUES[:50, 0].mean() + np.array([-spread, spread]), abs=0.15 * spread)
    assert ends[1] == pytest.approx(bootstrap_intervals(VALUES)[1])
    alone = bootstrap_intervals(VALUES, np.arange(len(VALUES))[:, None] < [1, 9])
    assert alone[0] == pytest.approx(VALUES[[0, 0], 0])  # draws without that image say nothing


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        bootstrap_intervals(np.empty((0, 3)))
    with pytest.raises(ValueError, match="at least one image in every column"):
        bootstrap_intervals(VALUES, np.zeros(VALUES.shape, dtype=bool))
