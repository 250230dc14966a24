from __future__ import annotations

import numpy as np
import pytest

from selfsup_depth.evaluation.baselines import best_constant_depth, constant_baseline
from selfsup_depth.evaluation.metrics import depth_scores, mean_scores
from selfsup_depth.evaluation.protocols import PROTOCOLS

BUILTIN = PROTOCOLS["builtin"]


def images() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.lognormal(2, 0.7, size).astype(np.float32).clip(0.1, 79) for size in (5, 400, 60)]


def test_no_other_constant_is_better():
    baseline = constant_baseline(images(), BUILTIN)

    def mean_abs_rel(constant: float) -> float:
        return mean_scores([depth_scores(i, np.full(i.shape, constant)) for i in images()]).abs_rel

    assert mean_abs_rel(baseline.depth) == pytest.approx(baseline.unaligned.abs_rel)
    scan = [mean_abs_rel(constant) for constant in np.geomspace(0.5, 80, 4000)]
    assert baseline.unaligned.abs_rel <= min(scan) + 1e-12
    assert min(scan) == pytest.approx(baseline.unaligned.abs_rel, rel=1e-3)


def test_it_is_the_weighted_median_of_all_pixels_sorted():
    rng = np.random.default_rng(0)
    for _ in range(50):
        sizes = rng.integers(1, 300, rng.integers(1, 6))
        spread = rng.choice([5.0, 2e-5])  # from many bins to a few
        maps = [(10 + rng.uniform(-spread, spread, size)).astype(np.float32) for size in sizes]
        depths = np.concatenate(maps).astype(np.float64)
        weights = np.concatenate([1 / (image.size * image.astype(np.float64)) for image in maps])
        order = np.argsort(depths)
        reached = np.cumsum(weights[order])
        assert constant_baseline(maps, BUILTIN).depth == depths[order][np.searchsorted(reached, reached[-1] / 2)]


def test_by_hand():
    # |1 - c| / 1 + |4 - c| / 4 is smallest at c = 1: errors 0 and 3/4.
    baseline = constant_baseline([np.array([1.0, 4.0])], BUILTIN)
    assert baseline.depth == 1.0
    assert baseline.unaligned.abs_rel == pytest.approx(0.375)
    # Aligned: the image's median 2.5 everywhere.
    assert baseline.aligned.abs_rel == pytest.approx((1.5 / 1 + 1.5 / 4) / 2)


def test_aligned_constants_follow_the_protocols_median():
    # torch.median of 1 and 4 is 1: errors 0 and 3/4.
    baseline = constant_baseline([np.array([1.0, 4.0])], PROTOCOLS["simsin"])
    assert baseline.aligned.abs_rel == pytest.approx(0.375) and baseline.aligned.mae == pytest.approx(1.5)


def test_whole_maps_are_cropped_as_the_protocol_says():
    truth = np.full((480, 640), 9.0)
    truth[16:464, 16:624] = 2.0
    assert best_constant_depth([truth], PROTOCOLS["nyuv2"]).abs_rel == 0


def test_images_count_the_same_however_many_pixels():
    # One pixel at 2 m against a thousand at 40 m; per image the weights are 1/2 and 1/40: 2 m wins.
    assert constant_baseline([np.array([2.0]), np.full(1000, 40.0)], BUILTIN).depth == 2.0


def test_from_whole_maps_with_the_protocols_mask():
    truth = np.array([[0.0, 10.0, 10.0, 95.0]])
    assert best_constant_depth([truth, None, np.zeros((2, 2))], BUILTIN).abs_rel == 0
    with pytest.raises(ValueError, match="at least one image"):
        best_constant_depth([None, np.zeros((2, 2))], BUILTIN)


def test_the_constant_stays_within_the_range_predictions_are_clamped_to():
    assert constant_baseline([np.array([100.0, 110.0])], PROTOCOLS["eigen_benchmark"]).depth == 80.0
