"""Poses from GPS/IMU packets equal those that the packets were made from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from selfsup_depth.datasets import DatasetRequest, build_source
from selfsup_depth.datasets.builtin.kitti_text import DRIVE, write_calibration, write_oxts, write_poses
from selfsup_depth.datasets.builtin.rig import CAMERA_X, Rig
from selfsup_depth.errors import UserError
from splits import SplitLine

FRAMES = 30


@pytest.fixture
def drive(tmp_path):
    """A car on a curve: world x east, y north, z up; the rectified camera looks along the road."""
    rig = Rig(416, 128)
    axes = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])  # camera (right, down, forward) in (forward, left, up)
    pose, path = np.eye(4), []
    for frame in range(FRAMES):
        heading = Rotation.from_euler("z", 0.03 * frame).as_matrix()
        pose[:3, :3] = heading @ axes
        pose[:3, 3] += heading @ (0.8, 0.0, 0.02)
        path.append(pose.copy())
    world_T_rect = np.stack(path)
    write_calibration(tmp_path, rig)
    write_poses(tmp_path, world_T_rect)
    write_oxts(tmp_path, world_T_rect @ rig.rect_T_velo @ rig.velo_T_imu)
    return tmp_path


def source_of(root):
    return build_source("kitti", DatasetRequest(64, 96, data_path=root, lines=(f"{DRIVE} 1 l",)))


def test_packets_tell_where_each_camera_was(drive):
    source = source_of(drive)
    rows = np.loadtxt(drive / DRIVE / "poses.txt").reshape(-1, 3, 4)  # of camera 0, whose first frame is the world
    truth = np.concatenate([rows, np.tile([[[0, 0, 0, 1.0]]], (FRAMES, 1, 1))], axis=1)
    for side, camera in (("l", 2), ("r", 3)):
        rect_T_camera = np.eye(4)
        rect_T_camera[0, 3] = CAMERA_X[camera]
        found = np.stack([source.world_T_camera(SplitLine(DRIVE, n, side)).numpy() for n in range(FRAMES)])
        expected = truth @ rect_T_camera
        relative = np.linalg.inv(found[0]) @ found
        np.testing.assert_allclose(relative, np.linalg.inv(expected[0]) @ expected, atol=2e-4)


def test_a_drive_without_packets_has_no_poses(drive):
    assert source_of(drive).world_T_camera(SplitLine(DRIVE, FRAMES, "l")) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [("1 2 3", "expected 30 numbers, found 3"), ("a b c d e f", "is not an oxts packet of 30 numbers")],
)
def test_a_broken_packet_is_named(drive, text, message):
    (drive / DRIVE / "oxts" / "data" / f"{4:010d}.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        source_of(drive).world_T_camera(SplitLine(DRIVE, 4, "l"))
