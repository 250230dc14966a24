"""KITTI's calibration and pose files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from selfsup_depth.datasets.kitti_devkit import (
    camera_from_projection,
    read_calibration_file,
    read_odometry_calibration,
    read_poses,
    read_raw_calibration,
    read_velodyne_extrinsics,
    stereo_transform,
)
from selfsup_depth.errors import UserError


def projection(fx, fy, cx, cy, t) -> np.ndarray:
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    return K @ np.column_stack([np.eye(3), t])


def test_projection_splits_into_corner_intrinsics_and_translation():
    t = np.array([-0.47, 0.002, 0.005])
    camera = camera_from_projection(projection(700.0, 710.0, 600.0, 180.0, t))
    expected = torch.tensor([[700.0, 0, 600.5], [0, 710.0, 180.5], [0, 0, 1]])
    assert torch.equal(camera.intrinsics, expected)
    assert np.allclose(camera.camera_t_reference, t, atol=1e-12)


def test_stereo_transform_maps_points_of_the_left_camera_to_the_right_one():
    left = camera_from_projection(projection(700.0, 710.0, 600.0, 180.0, [0.06, 0.001, 0.003]))
    right = camera_from_projection(projection(700.0, 710.0, 600.0, 180.0, [-0.47, 0.002, 0.005]))
    in_reference = np.array([1.0, 2.0, 10.0])
    in_left, in_right = in_reference + left.camera_t_reference, in_reference + right.camera_t_reference
    right_T_left = stereo_transform(left, right)
    assert np.allclose((right_T_left @ torch.tensor([*in_left, 1.0]).double())[:3], in_right)
    assert right_T_left[0, 3] < 0  # the right camera stands at +x, so points move to -x
    assert torch.allclose(stereo_transform(right, left) @ right_T_left, torch.eye(4).double())


def test_raw_calibration_of_a_date(trees):
    date_folder = trees.kitti_raw() / "2011_09_26"
    calibration = read_raw_calibration(date_folder)
    assert calibration.cameras[2].size == calibration.cameras[3].size == (40, 12)
    assert calibration.cameras[2].intrinsics[0].tolist() == [20.0, 0.0, 19.5]
    assert np.array_equal(calibration.rectification, np.eye(3))
    velodyne_axes = read_velodyne_extrinsics(date_folder) @ np.array([5.0, 1.0, 2.0, 1.0])
    assert velodyne_axes.tolist() == [-1.0, -2.0, 5.0, 1.0]  # forward, left, up -> right, down, forward


@pytest.mark.parametrize("key", ["P_rect_02", "P_rect_03", "S_rect_03", "R_rect_00"])
def test_a_missing_key_is_named_with_its_file(trees, key):
    path = trees.kitti_raw() / "2011_09_26" / "calib_cam_to_cam.txt"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith(key)))
    with pytest.raises(UserError, match=f"calib_cam_to_cam.txt has no line '{key}:'"):
        read_raw_calibration(path.parent)


def test_a_short_line_is_named(trees):
    path = trees.kitti_raw() / "2011_09_26" / "calib_velo_to_cam.txt"
    path.write_text("R: 1 0 0\nT: 0 0 0\n")
    with pytest.raises(UserError, match=r"calib_velo_to_cam.txt, line 'R:': expected 9 numbers, found 3"):
        read_velodyne_extrinsics(path.parent)


def test_missing_files_are_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"calib\.txt is missing"):
        read_odometry_calibration(tmp_path / "calib.txt")
    with pytest.raises(UserError, match=r"09\.txt is missing: the poses"):
        read_poses(tmp_path / "09.txt")


def test_lines_of_words_are_passed_over(tmp_path: Path):
    (tmp_path / "c.txt").write_text("calib_time: 09-Jan-2012 13:57:47\n\nP2: 1 2.5e+00\n")
    assert {key: values.tolist() for key, values in read_calibration_file(tmp_path / "c.txt").items()} == {
        "P2": [1.0, 2.5]
    }


def test_poses_are_camera_to_world(tmp_path: Path):
    (tmp_path / "09.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n0 0 1 4 0 1 0 5 -1 0 0 6\n")
    poses = read_poses(tmp_path / "09.txt")
    assert poses.shape == (2, 4, 4)
    assert poses[1].tolist() == [[0, 0, 1, 4], [0, 1, 0, 5], [-1, 0, 0, 6], [0, 0, 0, 1]]
    (tmp_path / "09.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n1 2 3\n")
    with pytest.raises(UserError, match=r"09\.txt, line 2: expected the twelve numbers"):
        read_poses(tmp_path / "09.txt")
