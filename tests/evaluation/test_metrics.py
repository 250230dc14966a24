from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.evaluation.metrics import (
    DISTDEPTH_COLUMNS,
    MONODEPTH2_COLUMNS,
    SCORE_NAMES,
    depth_scores,
    mean_scores,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "selfsup_golden.json"


def test_golden_values():
    golden = json.loads(GOLDEN.read_text())["net_md2"]
    expected = golden["compute_errors gt=linspace(1,60,50) pred=gt*(1+.3 sin k)"]
    truth = np.linspace(1, 60, 50)
    prediction = truth * (1 + 0.3 * np.sin(np.arange(50)))
    scores = depth_scores(truth, prediction)
    assert [getattr(scores, name) for name in MONODEPTH2_COLUMNS] == pytest.approx(expected, rel=1e-12)


def test_by_hand():
    # Two pixels: 2 m seen as 1 m (factor 2), 4 m seen as 5 m (factor 1.25, which is not below 1.25).
    scores = depth_scores(np.array([2.0, 4.0]), np.array([1.0, 5.0]))
    assert scores.abs_rel == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert scores.sq_rel == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert scores.rmse == pytest.approx(1.0)
    assert scores.rmse_log == pytest.approx(np.sqrt((np.log(2) ** 2 + np.log(1.25) ** 2) / 2))
    assert (scores.a1, scores.a2, scores.a3) == (0.0, 0.5, 0.5)
    assert scores.mae == pytest.approx(1.0)


@pytest.mark.parametrize("pixels", [2**14 - 1, 2**14, 2**14 + 1, 3 * 2**14 + 7])
def test_a_large_map_is_scored_as_its_pieces_are(pixels):
    rng = np.random.default_rng(pixels)
    truth, guess = rng.uniform(1, 80, (2, pixels))
    whole = depth_scores(truth, guess)
    parts = [(depth_scores(truth[place], guess[place]), place.size) for place in np.array_split(np.arange(pixels), 7)]
    for name in SCORE_NAMES:
        power = 2 if name.startswith("rmse") else 1
        mean = sum(getattr(part, name) ** power * size for part, size in parts) / pixels
        assert getattr(whole, name) ** power == pytest.approx(mean, rel=1e-12)


def test_mae_is_in_metres_and_linear():
    # Errors of 1 and 3 m: mean 2 m, while the root of the mean square is sqrt(5).
    scores = depth_scores(np.array([2.0, 4.0]), np.array([1.0, 7.0]))
    assert scores.mae == pytest.approx(2.0) and scores.rmse == pytest.approx(np.sqrt(5))


def test_each_threshold_is_a_power_of_the_first():
    scores = depth_scores(np.ones(4), np.array([1.2, 1 / 1.5, 1.9, 1 / 2.5]))  # 1.25, 1.5625, 1.953
    assert (scores.a1, scores.a2, scores.a3) == (0.25, 0.5, 0.75)


def test_sq_rel_is_divided_by_the_depth_once():
    # (3 - 1)^2 / 1 = 4 and (30 - 10)^2 / 10 = 40: it grows with the depth, as published.
    assert depth_scores(np.array([1.0]), np.array([3.0])).sq_rel == pytest.approx(4)
    assert depth_scores(np.array([10.0]), np.array([30.0])).sq_rel == pytest.approx(40)


def test_float32_input_is_scored_in_float64():
    truth = np.full(1000, 80, dtype=np.float32)
    prediction = np.full(1000, 79.99999, dtype=np.float32)
    difference = 80.0 - float(np.float32(79.99999))
    assert depth_scores(truth, prediction).rmse == pytest.approx(difference, rel=1e-9)


def test_perfect_prediction():
    truth = np.array([0.5, 7.0, 79.0])
    assert astuple(depth_scores(truth, truth)) == (0, 0, 0, 0, 1, 1, 1, 0)


@pytest.mark.parametrize(("truth", "prediction"), [([], []), ([1.0], [1.0, 2.0])])
def test_empty_or_unequal_arrays_are_refused(truth, prediction):
    with pytest.raises(ValueError, match="equal, non-empty"):
        depth_scores(np.array(truth), np.array(prediction))


def test_mean_counts_each_image_once_whatever_its_pixels():
    one = depth_scores(np.array([1.0]), np.array([2.0]))
    many = depth_scores(np.ones(99), np.ones(99))
    assert mean_scores([one, many]).abs_rel == pytest.approx(0.5)
    with pytest.raises(ValueError, match="at least one image"):
        mean_scores([])


def test_names_follow_the_published_order():
    assert MONODEPTH2_COLUMNS == ("abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3")
    assert DISTDEPTH_COLUMNS == ("mae", "abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3")
    assert set(SCORE_NAMES) == set(DISTDEPTH_COLUMNS)
    assert not depth_scores(np.array([1.0]), np.array([np.nan])).finite
