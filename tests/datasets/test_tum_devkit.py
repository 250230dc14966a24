"""Files of the TUM RGB-D benchmark: times, trajectories and published cameras."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from posed_wall import walk
from tum_files import trajectory_row

from selfsup_depth.datasets.tum_devkit import nearest, published_camera, read_files, read_trajectory
from selfsup_depth.errors import UserError


def trajectory(tmp_path, times, poses):
    path = tmp_path / "groundtruth.txt"
    path.write_text("# comment\n\n" + "".join(trajectory_row(*row) for row in zip(times, poses, strict=True)))
    return read_trajectory(path)


def test_poses_between_two_are_interpolated(tmp_path):
    steps = np.array([0.0, 1.0])
    poses = trajectory(tmp_path, 100 + 0.05 * steps, walk(steps))
    wanted = np.array([100.0, 100.0125, 100.025, 100.05])
    matrices, known = poses.at(wanted)
    assert known.all() and matrices.dtype == np.float64
    first, last = walk(steps)
    np.testing.assert_allclose(matrices[0], first, atol=1e-8)
    np.testing.assert_allclose(matrices[3], last, atol=1e-8)
    np.testing.assert_allclose(matrices[1, :3, 3], 0.75 * first[:3, 3] + 0.25 * last[:3, 3], atol=1e-8)
    there, back = matrices[2, :3, :3] @ first[:3, :3].T, last[:3, :3] @ matrices[2, :3, :3].T
    np.testing.assert_allclose(there, back, atol=1e-7)  # half way


def test_where_no_pose_is_known(tmp_path):
    times = np.array([10.0, 10.05, 10.5, 10.55])
    poses = trajectory(tmp_path, times, walk(np.arange(4.0)))
    wanted = np.array([9.9, 9.9995, 10.0, 10.02, 10.0505, 10.2, 10.4, 10.4995, 10.55, 10.5505, 10.6])
    assert poses.at(wanted)[1].tolist() == [False, True, True, True, True, False, False, True, True, True, False]
    np.testing.assert_allclose(poses.at(wanted)[0][1], walk(np.zeros(1))[0], atol=1e-8)  # not beyond the first
    alone = trajectory(tmp_path, times[:1], walk(np.zeros(1)))
    assert alone.at(wanted)[1].tolist() == [False, True, True] + [False] * 8


def test_nearest_in_time():
    times = np.array([1.0, 1.03, 1.06])
    wanted = np.array([0.9, 0.99, 1.014, 1.016, 1.045, 1.079, 1.081])
    assert nearest(times, wanted).tolist() == [-1, 0, 0, 1, 1, 2, -1]
    assert nearest(times[:1], wanted).tolist() == [-1, 0, 0, 0, -1, -1, -1]
    assert nearest(np.zeros(0), wanted).tolist() == [-1] * 7


def test_files_may_have_blanks_in_their_names(tmp_path):
    text = "\ufeff# a comment\n1.5 rgb/a b.png\n\n1.5 rgb/ä.png\n2 c.png\n"
    (tmp_path / "rgb.txt").write_text(text, encoding="utf-8")
    files = read_files(tmp_path / "rgb.txt")
    assert files.files == ("rgb/a b.png", "rgb/ä.png", "c.png") and files.times.tolist() == [1.5, 1.5, 2.0]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rgb.txt", "1.0\n", "rgb.txt, line 1: expected 'time file', found '1.0'"),
        ("rgb.txt", "# no\nrgb/a.png 1.0\n", "rgb.txt, line 2: expected 'time file'"),
        ("rgb.txt", "inf rgb/a.png\n", "rgb.txt, line 1: expected 'time file'"),
        ("rgb.txt", "# nothing\n", "rgb.txt has no lines 'time file'"),
        ("rgb.txt", "1.0 a\n2.0 b\n1.5 c\n", "is not in order of time: 1.500000 follows 2.000000; sort its lines"),
        ("groundtruth.txt", "1 0 0 0 0 0 0\n", "line 1: expected 'time tx ty tz qx qy qz qw', found '1 0 0 0 0 0 0'"),
        ("groundtruth.txt", "1 0 0 0 0 0 0 1 0\n", "line 1: expected 'time tx ty tz qx qy qz qw'"),
        ("groundtruth.txt", "1 0 nan 0 0 0 0 1\n", "line 1: expected 'time tx ty tz qx qy qz qw'"),
        ("groundtruth.txt", "1 0 0 0 0 0 0 1\n2 0 0 0 0 0.5 0 1\n", "the pose at 2.000000 does not end with a unit"),
        ("groundtruth.txt", "1 0 0 0 0 0 0 0\n", "unit quaternion qx qy qz qw, found 0 0 0 0"),
        ("groundtruth.txt", "2 0 0 0 0 0 0 1\n1 0 0 0 0 0 0 1\n", "is not in order of time"),
    ],
)
def test_files_that_are_something_else(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    read = read_files if name == "rgb.txt" else read_trajectory
    with pytest.raises(UserError, match=message):
        read(tmp_path / name)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"rgb\.txt cannot be read"):
        read_files(tmp_path / "rgb.txt")
    (tmp_path / "rgb.txt").write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(UserError, match=r"rgb\.txt cannot be read"):
        read_files(tmp_path / "rgb.txt")


@pytest.mark.parametrize(
    ("name", "fx"),
    [
        ("rgbd_dataset_freiburg1_desk", 517.3),
        ("rgbd_dataset_freiburg2_xyz", 520.9),
        ("fr3_long_office", 535.4),
        ("Freiburg3", 535.4),
        ("rgbd_dataset_freiburg4_desk", None),
        ("freiburg12", None),
        ("kitchen", None),
    ],
)
def test_the_published_cameras(name, fx):
    camera = published_camera(name)
    if fx is None:
        assert camera is None
        return
    assert camera is not None and camera.size == (640, 480)
    assert camera.intrinsics[0, 0].item() == fx and camera.is_distorted == (fx != 535.4)


def test_their_centre_counts_from_the_middle_of_the_first_pixel():
    camera = published_camera("freiburg3")
    assert camera is not None
    assert torch.equal(camera.intrinsics[:2, 2], torch.tensor([320.6, 248.1], dtype=torch.float64))


def test_how_far_off_a_pinhole_would_be():
    """The numbers of the refusal: 3 to 6 pixels half way to the corners, 15 to 37 in them."""
    cv2 = pytest.importorskip("cv2")
    for share, low, high in ((0.5, 3, 6), (1.0, 15, 37)):
        off = []
        for sequence in ("freiburg1", "freiburg2"):
            camera = published_camera(sequence)
            assert camera is not None
            matrix = camera.intrinsics.numpy() - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])  # OpenCV's origin
            middle, focal = matrix[:2, 2], np.diag(matrix)[:2]
            for corner in ((0, 0), (639, 0), (0, 479), (639, 479)):
                straight = share * (corner - middle)
                point = np.array([[*(straight / focal), 1.0]])
                seen, _ = cv2.projectPoints(point, np.zeros(3), np.zeros(3), matrix, np.array(camera.distortion))
                off.append(np.linalg.norm(seen.ravel() - (middle + straight)))
        assert low <= min(off) < low + 1 and high - 1 < max(off) <= high
