"""Against scipy's rotations, which are not used by the readers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from selfsup_depth.datasets.quaternions import first_not_unit, pose_matrices, slerp


def test_matrices_of_quaternions():
    turns = Rotation.random(50, random_state=0)
    places = np.random.default_rng(0).normal(size=(50, 3))
    poses = pose_matrices(places, turns.as_quat() * np.linspace(0.99, 1.01, 50)[:, None])  # nearly of length 1
    np.testing.assert_allclose(poses[:, :3, :3], turns.as_matrix(), atol=1e-12)
    np.testing.assert_array_equal(poses[:, :3, 3], places)
    np.testing.assert_array_equal(poses[:, 3], np.tile([0, 0, 0, 1], (50, 1)))


def test_a_quarter_turn_about_z():
    half = np.sqrt(0.5)
    pose = pose_matrices(np.zeros((1, 3)), np.array([[0, 0, half, half]]))[0]
    np.testing.assert_allclose(pose[:3, :3] @ [1, 0, 0], [0, 1, 0], atol=1e-15)


@pytest.mark.parametrize("sign", [1, -1])
def test_between_two_rotations(sign):
    ends = Rotation.random(2, random_state=1)
    shares = np.linspace(0, 1, 11)
    first, second = ends.as_quat()
    between = slerp(np.tile(first, (11, 1)), np.tile(sign * second, (11, 1)), shares)
    expected = Slerp([0, 1], ends)(shares).as_matrix()
    np.testing.assert_allclose(pose_matrices(np.zeros((11, 3)), between)[:, :3, :3], expected, atol=1e-12)


def test_between_equal_rotations():
    same = np.array([[0.0, 0.6, 0.0, 0.8]])
    np.testing.assert_allclose(slerp(same, same, np.array([0.3])), same, atol=1e-15)


def test_lengths():
    assert first_not_unit(np.array([[0, 0, 0, 1.0], [0, 0, 0.7071, 0.7071]])) is None
    assert first_not_unit(np.array([[0, 0, 0, 1.0], [0.5, 0, 0, 1.0]])) == 1
    assert first_not_unit(np.array([[0, 0, 0, np.nan]])) == 0
