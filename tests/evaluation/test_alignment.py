from __future__ import annotations

import numpy as np
import pytest
import torch

from selfsup_depth.evaluation.alignment import median, median_ratio, ratio_statistics


def test_median_is_the_mean_of_the_two_middle_values():
    # numpy: medians 2.5 and 1; torch.median would give 2 and 1.
    assert median_ratio(np.array([1.0, 2.0, 3.0, 40.0]), np.ones(4)) == 2.5


def test_the_two_rules_differ_for_even_counts_alone():
    even, odd = np.array([40.0, 1.0, 3.0, 2.0]), np.array([40.0, 1.0, 3.0])
    assert median(even) == 2.5 and median(even, "lower") == 2.0
    assert median(odd) == median(odd, "lower") == 3.0
    assert median_ratio(even, np.array([1.0, 4.0]), "lower") == 2.0  # 2 / 1, not 2.5 / 2.5


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_mean_rule_is_numpys_to_the_bit(kind):
    for count in (1, 2, 3, 4, 7, 100, 1001):
        values = np.random.default_rng(count).lognormal(size=count).astype(kind)
        assert median(values) == float(np.median(values))
    assert np.isnan(median(np.array([1.0, np.nan, 0.5, 2.0], dtype=kind)))


def test_the_lower_rule_is_torchs():
    for count in (1, 2, 7, 100, 1001):
        values = np.random.default_rng(count).lognormal(size=count)
        assert median(values, "lower") == torch.from_numpy(values).median().item()
    assert np.isnan(median(np.array([1.0, np.nan, 0.5, 2.0]), "lower"))


@pytest.mark.parametrize("rule", ["mean", "lower"])
def test_no_value_has_no_median(rule):
    with pytest.raises(ValueError, match="at least one value"):
        median(np.array([]), rule)


def test_a_prediction_of_nothing_has_an_infinite_ratio():
    with np.errstate(divide="ignore"):
        assert median_ratio(np.ones(3), np.zeros(3), "lower") == np.inf


def test_ratio_statistics_by_hand():
    statistics = ratio_statistics([1.0, 2.0, 4.0])
    assert statistics.median == 2.0
    assert statistics.relative_std == pytest.approx(np.std([0.5, 1.0, 2.0]))
    with pytest.raises(ValueError, match="at least one"):
        ratio_statistics([])


def test_spread_does_not_depend_on_the_unit():
    ratios = np.array([0.9, 1.0, 1.3, 1.1])
    one, other = ratio_statistics(ratios.tolist()), ratio_statistics((5.4 * ratios).tolist())
    assert one.relative_std == pytest.approx(other.relative_std)
    assert other.median == pytest.approx(5.4 * one.median)
