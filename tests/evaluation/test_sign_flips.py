"""The sign-flip test and its interval: in closed form, against scipy, and never of two minds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from selfsup_depth.evaluation.sign_flips import LEVEL, PATTERNS, fewest_images, sign_flip_test, smallest_p

GENERATOR = np.random.default_rng(0)


def test_six_gains_in_closed_form():
    """Of 2^6 patterns two are as extreme, which is rare enough; one gain less is not. The interval is their range."""
    p_values, ends = sign_flip_test(np.arange(1.0, 7.0)[:, None])
    assert p_values[0] == 2 / 2**6 and ends[0].tolist() == [1.0, 6.0]
    p_values, ends = sign_flip_test(np.arange(1.0, 6.0)[:, None])
    assert p_values[0] == 2 / 2**5 and ends[0].tolist() == [-np.inf, np.inf]
    assert fewest_images() == 6 and smallest_p(6) == 2 / 2**6 and smallest_p(1) == 1.0


def test_one_large_loss_among_small_gains():
    """Differences 1, 2, 4 and -8: the sums of all patterns are the odd numbers to 15, and 14 of 16 are 1 or farther."""
    p_values, _ = sign_flip_test(np.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [-8.0, 8.0]]))
    assert p_values.tolist() == [1.0, 2 / 16]


@pytest.mark.parametrize("images", [2, 5, 9, 12])
def test_p_is_scipys(images):
    differences = GENERATOR.normal(0.5, 1.0, (images, 1))
    theirs = permutation_test(
        (differences[:, 0],), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_test(differences)[0][0] == pytest.approx(theirs.pvalue)


def test_drawn_patterns_come_near_to_all_of_them(monkeypatch):
    differences = GENERATOR.normal(0.4, 1.0, (16, 6))
    exact, ends = sign_flip_test(differences)
    monkeypatch.setattr("selfsup_depth.evaluation.sign_flips.PATTERNS", PATTERNS // 2)
    drawn, near = sign_flip_test(differences)
    assert not np.array_equal(exact, drawn)
    assert drawn == pytest.approx(exact, abs=0.012) and near == pytest.approx(ends, abs=0.05)


def test_p_is_never_0_where_patterns_are_drawn():
    """What was seen is one of the patterns; else forty gains of forty would be impossible by chance."""
    assert sign_flip_test(np.linspace(1, 2, 40)[:, None])[0][0] == smallest_p(40) == 1 / PATTERNS


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=1, max_size=12),
    st.sampled_from([1.0, 1e-6, 1e6]),
)
def test_p_and_interval_never_disagree(values, scale):
    (p_value,), ((low, high),) = sign_flip_test(scale * np.array(values)[:, None])
    assert (p_value < LEVEL) == (not low <= 0 <= high)
    assert low <= scale * np.mean(values) <= high and smallest_p(len(values)) <= p_value <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=6, max_size=9))
def test_the_interval_is_what_the_test_does_not_reject(values):
    column = np.array(values)[:, None]
    _, ((low, high),) = sign_flip_test(column)
    width = high - low + 0.1
    shifts = np.array([low - 0.01 * width, low + 0.01 * width, high - 0.01 * width, high + 0.01 * width])
    if high - low > 0.03 * width:
        rejected = sign_flip_test(column - shifts)[0] < LEVEL
        assert rejected.tolist() == [True, False, False, True]


def test_equal_runs_are_called_different_one_time_in_twenty():
    """And intervals hold the true difference nineteen times in twenty, of few images too, where bootstraps do not."""
    for images in (6, 8, 30):
        p_values, ends = sign_flip_test(GENERATOR.normal(0.0, 1.0, (images, 2000)))
        assert np.mean(p_values < LEVEL) < LEVEL + 0.015
        assert np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0)) > 1 - LEVEL - 0.015
    assert np.mean(p_values < LEVEL) > LEVEL - 0.015  # and no rarer where there are images enough


def test_rounding_is_no_evidence():
    """0.1 + 0.2 - 0.3 is not 0 in binary: without care a pattern that exactly ties would count or not by chance."""
    p_values, _ = sign_flip_test(np.array([0.1, 0.2, -0.3, 0.1, 0.2, -0.3])[:, None])
    assert p_values[0] == 1.0


def test_a_score_that_is_not_finite_has_no_p():
    p_values, ends = sign_flip_test(np.array([[1.0, np.nan], [2.0, 1.0]]))
    assert p_values[0] == 0.5 and np.isnan(p_values[1]) and np.isnan(ends[1]).all()
