"""Two runs on the same images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.paired import PairedDifference, paired_differences, paired_scores, refuse_unequal

GENERATOR = np.random.default_rng(0)
HARD = GENERATOR.uniform(0.1, 0.5, size=40)  # images differ much more than runs do


def paired_difference(metric: str, first: np.ndarray, second: np.ndarray) -> PairedDifference:
    return paired_differences([metric], first[:, None], second[:, None])[0]


def test_a_small_steady_gain_is_seen_although_images_differ_a_lot():
    pair = paired_difference("abs_rel", HARD, HARD - 0.01 + 0.005 * GENERATOR.standard_normal(40))
    assert pair.difference == pytest.approx(-0.01, abs=0.002)
    assert pair.low < -0.01 < pair.high < 0 and pair.high - pair.low < 0.005
    assert pair.p_value < 1e-4 and pair.clear and not pair.too_few and pair.second_wins
    assert pair.better[1] > 35 and sum(pair.better) == 40
    assert pair.means == pytest.approx((HARD.mean(), HARD.mean() + pair.difference))


def test_chance_is_called_chance():
    low = [paired_difference("rmse", HARD, HARD + GENERATOR.normal(0, 0.01, 40)).p_value < 0.05 for _ in range(100)]
    assert np.mean(low) < 0.15


def test_larger_is_better_for_accuracies():
    pair = paired_difference("a1", np.array([0.5, 0.6, 0.7]), np.array([0.6, 0.7, 0.7]))
    assert pair.difference > 0 and pair.better == (0, 2) and pair.second_wins
    assert not paired_difference("abs_rel", np.array([0.5]), np.array([0.6])).second_wins


def test_few_images_are_never_clear():
    """Five wins of five have an interval of resampled images without 0, and yet happen by chance one time in 16."""
    five, six = (paired_difference("abs_rel", np.full(n, 0.3), np.linspace(0.1, 0.2, n)) for n in (5, 6))
    assert (five.p_value, five.clear, five.too_few, five.low, five.high) == (2 / 2**5, False, True, -np.inf, np.inf)
    assert (six.p_value, six.clear, six.too_few) == (2 / 2**6, True, False) and six.high < 0


def test_a_score_that_is_not_finite_makes_nothing_clear():
    pair = paired_difference("abs_rel", np.full(9, 0.3), np.array([np.nan, *np.full(8, 0.1)]))
    assert np.isnan(pair.p_value) and not pair.clear


def test_metrics_keep_their_columns():
    first, second = np.array([[0.3, 0.5], [0.3, 0.5]]), np.array([[0.2, 0.9], [0.2, 0.7]])
    abs_rel, a1 = paired_differences(["abs_rel", "a1"], first, second)
    assert abs_rel.means == pytest.approx((0.3, 0.2)) and a1.means == pytest.approx((0.5, 0.8))
    assert abs_rel.better == a1.better == (0, 2)


def test_equal_runs_do_not_differ():
    pair = paired_difference("abs_rel", HARD, HARD)
    assert (pair.difference, pair.low, pair.high, pair.p_value, pair.better) == (0, 0, 0, 1, (0, 0))


def test_arrays_of_other_lengths_are_refused():
    for second in (HARD[:3], HARD[:0]):
        with pytest.raises(ValueError, match="two equal, non-empty arrays"):
            paired_difference("abs_rel", HARD, second)
    with pytest.raises(ValueError, match="a column for each of 2 metrics"):
        paired_differences(["abs_rel", "a1"], HARD[:, None], HARD[:, None])


def summary(scores: dict[str, float | None], protocol: str = "builtin", pixels: int = 100) -> dict[str, Any]:
    rows = [
        {"name": name, "valid_pixels": pixels if score is not None else 0,
         "aligned": None if score is None else {"abs_rel": score}}
        for name, score in scores.items()
    ]  # fmt: skip
    return {"protocol": {"name": protocol, "version": 1}, "rows": rows}


NAMES = ("mdp", "other")


def test_images_are_paired_by_name_not_by_place():
    first, second = summary({"a": 0.1, "b": 0.4, "c": None}), summary({"c": None, "b": 0.3, "a": 0.2})
    refuse_unequal(first, second, NAMES)
    (pair,) = paired_scores(first["rows"], second["rows"], "aligned", ["abs_rel"])
    assert pair.images == 2 and pair.better == (1, 1) and pair.difference == pytest.approx(0.0)


def test_runs_that_score_no_image_in_common_are_refused():
    first, second = summary({"a": 0.1, "b": None}), summary({"a": None, "b": None})
    with pytest.raises(UserError, match=r"of 2 validation images the first scores 1 and the second 0 \(aligned\)"):
        paired_scores(first["rows"], second["rows"], "aligned", ["abs_rel"])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (summary({"a": 0.1}, "indoor"), "other was validated by protocol indoor version 1, but mdp by builtin"),
        (summary({"a": 0.1, "b": 0.2}), r"other images than mdp \(1 only in other: b\): compare runs"),
        (summary({"b": 0.1}), r"other images than mdp \(1 only in mdp: a; 1 only in other: b\)"),
        (summary({"a": 0.1}, pixels=99), r"another ground truth \(1 valid pixels differ: a\)"),
    ],
    ids=["protocol", "more", "others", "truth"],
)
def test_runs_of_other_images_are_refused(second, message):
    with pytest.raises(UserError, match=message) as caught:
        refuse_unequal(summary({"a": 0.1}), second, NAMES)
    assert "\n" not in str(caught.value)
