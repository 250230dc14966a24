"""Errors of trajectories: the published golden value, closed forms, and a reference tool's numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from selfsup_depth.odometry.errors import (
    absolute_error,
    aligned,
    kitti_drift,
    published_ate,
    snippet_ate,
    snippet_ate_of_poses,
    walk,
)
from selfsup_depth.odometry.trajectory import chain, steps_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "selfsup_golden.json").read_text())


def pose(angle: float, translation, axis=(0.0, 1.0, 0.0)) -> np.ndarray:
    result = np.eye(4)
    result[:3, :3] = Rotation.from_rotvec(angle * np.array(axis)).as_matrix()
    result[:3, 3] = translation
    return result


def wandering(count: int, seed: int = 0) -> np.ndarray:
    """A path that turns and climbs a little, about a metre a frame."""
    random = np.random.default_rng(seed)
    steps = [pose(0.03 * random.standard_normal(), (0, 0.02 * random.standard_normal(), -1.0)) for _ in range(count)]
    return chain(np.stack(steps))


def noisy(path: np.ndarray, scale: float = 1.0, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    steps = steps_of(path)
    disturbed = [pose(0.002 * random.standard_normal(), 0.02 * random.standard_normal(3)) @ step for step in steps]
    result = np.stack(disturbed)
    result[:, :3, 3] *= scale
    return chain(result)


def test_the_published_snippet_error():
    """Appendix G: truth accumulates P(0..3), the prediction is 0.3 of what P(1.1 k + 0.2) accumulates."""

    def accumulated(numbers) -> np.ndarray:
        return np.stack([pose(0.05 * k, (0.1 * k, 0.01 * k, 1.0)) for k in numbers])

    truth, predicted = accumulated(range(4)), accumulated(1.1 * k + 0.2 for k in range(4))
    # one snippet of five points; the factor 0.3 is of the positions, which the alignment removes

    assert published_ate(walk(truth), 0.3 * walk(predicted)) == pytest.approx(
        GOLDEN["net_md2"]["ate 5 frames"], rel=1e-9
    )
    assert snippet_ate(predicted, truth).count == 4


def test_snippets_at_the_end_are_shorter_as_published():
    steps = steps_of(wandering(6))
    wrong = steps.copy()
    wrong[-1, :3, 3] += (0.5, 0, 0)  # only the last step: seen by the last four snippets
    assert snippet_ate(steps, steps).mean == pytest.approx(0, abs=1e-12)
    shorter = snippet_ate(wrong[-1:], steps[-1:])  # two points, the first of them the origin
    assert shorter.count == 1
    moved, true = wrong[-1, :3, 3], steps[-1, :3, 3]
    residual = np.linalg.norm(moved * (moved @ true) / (moved @ moved) - true)
    assert shorter.mean == pytest.approx(residual / 2)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 20), st.integers(0, 1000))
def test_snippets_know_no_scale(factor, seed):
    path = wandering(12, seed)
    other = noisy(path, seed=seed + 1)
    scaled = other.copy()
    scaled[:, :3, 3] *= factor
    assert snippet_ate_of_poses(scaled, path).mean == pytest.approx(snippet_ate_of_poses(other, path).mean, rel=1e-6)


def straight(count: int, step: float) -> np.ndarray:
    return chain(np.stack([pose(0.0, (0, 0, -step))] * count))


def test_drift_of_a_wrong_scale_is_that_share():
    drift = kitti_drift(straight(1000, 1.05), straight(1000, 1.0))
    assert drift.translation_percent == pytest.approx(5.0, rel=0.01)  # 101 m are walked where 100 were asked for
    assert drift.rotation_deg_per_100m == pytest.approx(0, abs=1e-6)
    # starts at frames 0, 10, ..., and the length L fits while more than L metres are left
    expected = sum(first + length < 1000 for length in range(100, 900, 100) for first in range(0, 1001, 10))
    assert drift.sub_sequences == expected


def test_drift_of_a_steady_turn():
    per_frame = math.radians(0.01)
    turning = chain(np.stack([pose(per_frame, (0, 0, -1.0))] * 500))
    drift = kitti_drift(turning, straight(500, 1.0), lengths_m=(100,))
    assert drift.rotation_deg_per_100m == pytest.approx(0.01 * 101, rel=1e-6)


def test_a_short_walk_has_no_drift_to_speak_of():
    drift = kitti_drift(straight(50, 1.0), straight(50, 1.0))
    assert (drift.translation_percent, drift.sub_sequences) == (None, 0)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 5), st.floats(-3, 3), st.integers(0, 1000))
def test_alignments_remove_what_they_name(factor, angle, seed):
    path = wandering(40, seed)
    other = pose(angle, (3.0, -2.0, 8.0), (0.6, 0.0, 0.8)) @ path  # another world
    assert absolute_error(other, path, "none") == pytest.approx(0, abs=1e-9)  # worlds are the first camera's
    scaled = other.copy()
    scaled[:, :3, 3] *= factor
    assert absolute_error(scaled, path, "scale") == pytest.approx(0, abs=1e-9)
    assert absolute_error(scaled, path, "sim3") == pytest.approx(0, abs=1e-8)
    turned = path.copy()
    turned[0, :3, :3] = turned[0, :3, :3] @ pose(0.2, (0, 0, 0))[:3, :3]  # a first frame that looks aside
    assert absolute_error(turned, path, "none") > 0.1
    assert absolute_error(turned, path, "se3") == pytest.approx(0, abs=1e-8)


def test_aligned_poses_stay_rigid():
    path = wandering(40)
    for alignment in ("none", "scale", "se3", "sim3"):
        rotations = aligned(noisy(path, 0.4), path, alignment)[:, :3, :3]
        np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (41, 1, 1)), atol=1e-9)
        assert np.linalg.det(rotations) == pytest.approx(1)


def test_errors_equal_those_of_a_reference_tool():
    """evo 1.38.1 (GPL, so never imported here): evo_ape kitti of these two paths, plain, with -a and with -as."""
    truth = wandering(400)
    predicted = noisy(truth, 0.7)
    assert absolute_error(predicted, truth, "none") == pytest.approx(66.809059, abs=1e-5)
    assert absolute_error(predicted, truth, "se3") == pytest.approx(33.919213, abs=1e-5)
    assert absolute_error(predicted, truth, "sim3") == pytest.approx(0.545245, abs=1e-5)
    # its rpe_base and its path lengths over the devkit's 64 pairs of frames, from files of nine digits
    drift = kitti_drift(predicted, truth)
    assert drift.translation_percent == pytest.approx(29.518420920722242, rel=1e-8)
    assert drift.rotation_deg_per_100m == pytest.approx(0.607884354607973, rel=1e-8)
    assert drift.sub_sequences == 64
