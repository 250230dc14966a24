from __future__ import annotations

import numpy as np
import pytest

from selfsup_depth.evaluation.alignment import median_ratio, ratio_statistics


def test_median_is_the_mean_of_the_two_middle_values():
    # numpy: medians 2.5 and 1; torch.median would give 2 and 1.
    assert median_ratio(np.array([1.0, 2.0, 3.0, 40.0]), np.ones(4)) == 2.5


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
