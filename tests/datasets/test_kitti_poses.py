"""Poses and times of KITTI's sequences; those of raw drives' oxts packets are tested with odometry."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from posed_wall import walk

from geometry.se3 import invert_transform
from selfsup_depth.datasets import DatasetRequest, ReaderOptions
from selfsup_depth.datasets.kitti import KittiRaw
from selfsup_depth.datasets.kitti_devkit import read_times, read_timestamps
from selfsup_depth.datasets.kitti_odom import KittiOdometry
from selfsup_depth.errors import UserError
from splits import SplitLine

DRIVE = "2011_09_26/2011_09_26_drive_0001_sync"


def odometry(path, **options) -> KittiOdometry:
    return KittiOdometry(DatasetRequest(32, 64, data_path=path, options=ReaderOptions(**options)))


@pytest.fixture
def sequence(trees):
    """Sequence 09 with three poses for four frames."""
    path = trees.kitti_odom()
    rows = walk(np.arange(3))[:, :3].reshape(3, 12)
    (path / "poses" / "09.txt").write_text("".join(" ".join(map(repr, row.tolist())) + "\n" for row in rows))
    return path


def test_the_pose_of_a_camera_is_beside_that_of_camera_0(sequence):
    source = odometry(sequence)
    for side, camera in (("l", 2), ("r", 3)):
        pose = source.world_T_camera(SplitLine("9", 1, side))
        assert pose.dtype == torch.float64
        # P = K [I | t] of calib.txt projects points of camera 0 as this camera's K does its own
        projection = source.cameras("9")[camera].projection
        in_world = np.array([0.7, -0.3, 6.0, 1.0])
        of_camera0 = np.linalg.inv(walk(np.array([1]))[0]) @ in_world
        own = (invert_transform(pose).numpy() @ in_world)[:3]
        np.testing.assert_allclose(projection[:, :3] @ own, projection @ of_camera0, atol=1e-9)


def test_both_cameras_stand_as_the_stereo_pair_says(sequence):
    source = odometry(sequence)
    left, right = (SplitLine("9", 2, side) for side in "lr")
    between = invert_transform(source.world_T_camera(right)) @ source.world_T_camera(left)
    torch.testing.assert_close(between, source.stereo_T_target(left), atol=1e-12, rtol=0)


def test_where_no_pose_is_known(sequence):
    assert odometry(sequence).world_T_camera(SplitLine("9", 3, "l")) is None  # beyond the last one
    assert odometry(sequence).world_T_camera(SplitLine("11", 0, "l")) is None  # not published
    (sequence / "sequences" / "09" / "calib.txt").unlink()
    source = odometry(sequence, kitti_intrinsics="published")
    assert source.world_T_camera(SplitLine("9", 0, "l")) is None  # nobody knows where the camera stood on the car


def test_damaged_poses_are_an_error(sequence):
    (sequence / "poses" / "09.txt").write_text("1 0 0\n")
    with pytest.raises(UserError, match=r"09\.txt, line 1: expected the twelve numbers"):
        odometry(sequence).world_T_camera(SplitLine("9", 0, "l"))


def test_times_of_odometry(sequence):
    assert odometry(sequence).time_s(SplitLine("9", 0, "l")) is None
    (sequence / "sequences" / "09" / "times.txt").write_text("0.000000e+00\n1.036224e-01\n")
    source = odometry(sequence)
    assert [source.time_s(SplitLine("9", n, "r")) for n in range(3)] == [0.0, 0.1036224, None]
    (sequence / "sequences" / "09" / "times.txt").write_text("0.0\nnoon\n")
    with pytest.raises(UserError, match=r"times\.txt, line 2: expected a time, found 'noon'"):
        read_times(sequence / "sequences" / "09" / "times.txt")


def test_times_of_raw_drives(trees):
    path = trees.kitti_raw()
    view = SplitLine(DRIVE, 1, "r")
    source = KittiRaw(DatasetRequest(32, 64, data_path=path))
    assert source.time_s(view) is None
    stamps = path / DRIVE / "image_03" / "timestamps.txt"
    stamps.write_text("2011-09-26 13:02:25.964389445\n2011-09-26 13:02:26.064499008\n")
    source = KittiRaw(DatasetRequest(32, 64, data_path=path))
    since = source.time_s(view) - datetime(2011, 9, 26, 13, 2, 26, tzinfo=UTC).timestamp()
    assert since == pytest.approx(0.064499, abs=1e-6)
    assert source.time_s(SplitLine(DRIVE, 2, "r")) is None and source.time_s(SplitLine(DRIVE, 1, "l")) is None
    stamps.write_text("2011-09-26 13:02:25\n\n")
    with pytest.raises(UserError, match=r"timestamps\.txt, line 2: expected a time, found ''"):
        read_timestamps(stamps)
