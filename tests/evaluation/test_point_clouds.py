from __future__ import annotations

import numpy as np
import pytest

from selfsup_depth.evaluation.point_clouds import point_cloud, point_cloud_scores

SIZE = 48
CAMERA = np.array([[24.0, 0, 24], [0, 24, 24], [0, 0, 1]])  # 90 degrees
EVERYWHERE = np.ones((SIZE, SIZE), bool)


def room(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 2 + rng.random((4, 4)).repeat(SIZE // 4, 0).repeat(SIZE // 4, 1)


def test_points_lie_on_the_rays_of_pixel_centres():
    valid = np.zeros((SIZE, SIZE), bool)
    valid[0, 0] = valid[30, 47] = True
    points = point_cloud(np.full((SIZE, SIZE), 2.0), valid, CAMERA)
    expected = [[(0.5 - 24) / 12, (0.5 - 24) / 12, 2], [(47.5 - 24) / 12, (30.5 - 24) / 12, 2]]
    assert points.tolist() == pytest.approx(np.array(expected), abs=1e-12)


def test_a_perfect_prediction():
    scores = point_cloud_scores(room(), room(), EVERYWHERE, CAMERA, thresholds=(0.1, 0.2))
    assert scores.chamfer == 0
    assert [at.threshold for at in scores.at] == [0.1, 0.2]
    for at in scores.at:
        assert (at.precision, at.recall, at.f_score, at.iou) == (100, 100, 100, 100)


def test_a_plane_five_centimetres_behind():
    truth = np.full((SIZE, SIZE), 2.0)
    scores = point_cloud_scores(truth + 0.05, truth, EVERYWHERE, CAMERA, thresholds=(0.1, 0.04))
    assert (scores.at[0].precision, scores.at[0].recall, scores.at[0].f_score) == (100, 100, 100)
    assert (scores.at[1].precision, scores.at[1].recall, scores.at[1].f_score, scores.at[1].iou) == (0, 0, 0, 0)
    # both ways at least 5 cm, and a little more because the points do not face each other
    assert 0.1 < scores.chamfer < 0.13


def test_precision_and_recall_by_hand():
    """On the axis of a narrow camera, points are their depths: truth at 1, 2 and 3 m, predicted at 1.05, 1.05, 5 m."""
    camera = np.array([[1e9, 0, 1.5], [0, 1e9, 0.5], [0, 0, 1]])
    truth, prediction = np.array([[1.0, 2.0, 3.0]]), np.array([[1.05, 1.05, 5.0]])
    scores = point_cloud_scores(prediction, truth, np.ones((1, 3), bool), camera)
    at = scores.at[0]
    assert (at.precision, at.recall) == pytest.approx((200 / 3, 100 / 3))
    assert at.f_score == pytest.approx(400 / 9)  # 2 * 2/3 * 1/3 / 1
    assert at.iou == pytest.approx(200 / 7)  # (2/9) / (1 - 2/9)
    assert scores.chamfer == pytest.approx((0.05 + 0.05 + 2) / 3 + (0.05 + 0.95 + 1.95) / 3, rel=1e-6)


def test_exactly_the_threshold_is_not_nearer():
    camera = np.array([[1e9, 0, 0.5], [0, 1e9, 0.5], [0, 0, 1]])
    one = np.ones((1, 1), bool)
    scores = point_cloud_scores(np.full((1, 1), 1.5), np.ones((1, 1)), one, camera, thresholds=(0.5, 0.51))
    assert [at.precision for at in scores.at] == [0, 100]


def test_surfaces_are_compared_and_not_pixels():
    # A ramp seen shifted by a pixel is nearly the same surface, although every pixel's depth differs.
    ramp = 2 + np.arange(SIZE)[None].repeat(SIZE, 0) / 100.0
    scores = point_cloud_scores(ramp + 0.01, ramp, EVERYWHERE, CAMERA, thresholds=(0.02,))
    assert scores.at[0].f_score == 100


def test_pixels_without_truth_are_in_neither_cloud():
    truth, prediction, valid = room(), room(), EVERYWHERE.copy()
    valid[10:20] = False
    truth[10:20] = 0
    prediction[10:20] = np.nan
    assert point_cloud_scores(prediction, truth, valid, CAMERA).chamfer == 0


def test_queries_estimate_the_same_numbers_and_repeat():
    truth = room()
    prediction = truth * (1 + 0.1 * np.random.default_rng(1).random(truth.shape))
    full = point_cloud_scores(prediction, truth, EVERYWHERE, CAMERA)
    some = point_cloud_scores(prediction, truth, EVERYWHERE, CAMERA, queries=1000)
    assert some == point_cloud_scores(prediction, truth, EVERYWHERE, CAMERA, queries=1000) != full
    assert some.chamfer == pytest.approx(full.chamfer, rel=0.05)
    assert some.at[0].f_score == pytest.approx(full.at[0].f_score, abs=4)
    assert full == point_cloud_scores(prediction, truth, EVERYWHERE, CAMERA, queries=SIZE * SIZE)


def test_no_valid_pixel():
    with pytest.raises(ValueError, match="at least one valid pixel"):
        point_cloud_scores(room(), room(), ~EVERYWHERE, CAMERA)
