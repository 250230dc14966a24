from __future__ import annotations

import numpy as np
import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.edges import depth_edges, directed_scores, edge_scores, why_sparse

SIZE = 64
EVERYWHERE = np.ones((SIZE, SIZE), bool)


def step(column: int, near: float = 2.0, far: float = 4.0) -> np.ndarray:
    """[64, 64] metres: a wall at `near` left of the column, the room behind it at `far`."""
    depth = np.full((SIZE, SIZE), far)
    depth[:, :column] = near
    return depth


@pytest.mark.parametrize("shift", [0, 1, 3, 7, 10])
def test_an_edge_that_is_k_pixels_off_is_k_pixels_off(shift):
    scores = edge_scores(step(20 + shift), step(20), EVERYWHERE)
    assert scores is not None and (scores.accuracy, scores.completeness) == (shift, shift)


def test_beyond_ten_pixels_an_edge_is_of_something_else():
    scores = edge_scores(step(35), step(20), EVERYWHERE)
    assert scores is not None and (scores.accuracy, scores.completeness) == (10.0, 15.0)
    # One edge in place and one 15 pixels off: accuracy is of the former alone.
    both = step(20)
    both[:, 35:] = 8.0
    scores = edge_scores(both, step(20), EVERYWHERE)
    assert scores is not None and (scores.accuracy, scores.completeness) == (0.0, 0.0)


def test_a_missed_edge_costs_completeness_and_not_accuracy():
    truth = step(20)
    truth[:, 40:] = 8.0
    scores = edge_scores(step(20), truth, EVERYWHERE)
    columns = np.nonzero(depth_edges(truth, EVERYWHERE))[1]
    assert set(columns) == {20, 39, 40}  # a jump lies between two pixels: one of them is the edge, or both
    assert scores is not None and scores.accuracy == 0.0
    assert scores.completeness == pytest.approx(np.mean(columns - 20))


def test_a_flat_prediction_has_ten_by_definition_and_says_so():
    scores = edge_scores(np.full((SIZE, SIZE), 3.0), step(20), EVERYWHERE)
    assert scores is not None
    assert (scores.accuracy, scores.completeness, scores.predicted_pixels) == (10.0, 10.0, 0)


def test_truth_without_edges_has_nothing_to_find():
    assert edge_scores(step(20), np.full((SIZE, SIZE), 3.0), EVERYWHERE) is None


def test_a_scale_factor_changes_nothing():
    rng = np.random.default_rng(0)
    prediction = step(22) * (1 + 0.005 * rng.standard_normal((SIZE, SIZE)))
    assert edge_scores(prediction, step(20), EVERYWHERE) == edge_scores(5.4 * prediction, step(20), EVERYWHERE)


def test_relative_jumps_are_edges():
    # ln 1.083 is the threshold: 5 cm at 1 m is none, 10 cm is one, and so is 1 m at 10 m.
    assert not depth_edges(step(20, 1.0, 1.05), EVERYWHERE).any()
    for near, far in ((1.0, 1.1), (10.0, 11.0)):
        assert set(np.nonzero(depth_edges(step(20, near, far), EVERYWHERE))[1]) <= {19, 20}
        assert depth_edges(step(20, near, far), EVERYWHERE).any()


def test_the_rim_of_a_hole_is_no_edge():
    valid = EVERYWHERE.copy()
    valid[:, 40:44] = False
    truth = step(20)
    truth[:, 44:] = 8.0  # the jump is hidden in the hole
    truth[~valid] = 0.0
    scores = edge_scores(step(23), truth, valid)
    assert scores is not None and (scores.accuracy, scores.completeness) == (3.0, 3.0)


def test_sparse_truth_is_refused_with_its_share():
    sparse = np.zeros((SIZE, SIZE), bool)
    sparse[::4, ::2] = True
    with pytest.raises(UserError, match=r"12\.5 % of the pixels are valid and of these 0\.0 % have only valid neigh"):
        edge_scores(step(20), step(20), sparse)
    assert why_sparse(np.zeros((4, 4), bool)) is not None
    dense = EVERYWHERE.copy()
    dense[:40] = False  # little of the image, but all of it together
    assert why_sparse(dense) is None


def test_directed_error_counts_sides_of_the_plane():
    truth, prediction = np.array([[1.0, 2.0, 4.0, 5.0]]), np.array([[9.0, 2.5, 2.0, 4.0]])
    scores = directed_scores(prediction, truth, np.ones((1, 4), bool), 3.0)
    assert (scores.correct, scores.too_near, scores.too_far) == (50.0, 25.0, 25.0)
    one = directed_scores(prediction, truth, np.array([[True, False, False, False]]), 3.0)
    assert (one.correct, one.too_near, one.too_far) == (0.0, 0.0, 100.0)
    assert directed_scores(prediction, truth, np.ones((1, 4), bool), 10.0).correct == 100.0
    with pytest.raises(ValueError, match="at least one valid pixel"):
        directed_scores(prediction, truth, np.zeros((1, 4), bool), 3.0)
