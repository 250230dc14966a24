"""Calibrations of OpenCV's and ROS's programs, as text and as cv2 itself writes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from calibration_files import DISTORTION, camera_matrix, opencv_matrix, opencv_pair, opencv_single, ros_camera

from selfsup_depth.datasets.cameras import read_rig
from selfsup_depth.errors import UserError

#: the principal point counts from pixel centres in these files and from the corner in ours
INTRINSICS = [[512.5, 0.0, 320.0], [0.0, 511.25, 240.0], [0.0, 0.0, 1.0]]
ROTATION = [[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]]


@pytest.mark.parametrize("header", ["%YAML:1.0", "%YAML 1.2", "%YAML 1.0"])
def test_one_camera_of_opencvs_sample(tmp_path, header):
    rig = read_rig(opencv_single(tmp_path / "camera.yml", header=header))
    assert rig.left.intrinsics.tolist() == INTRINSICS
    assert rig.left.intrinsics.dtype == torch.float64
    assert (rig.left.size, rig.left.distortion, rig.left.model) == ((640, 480), DISTORTION, "pinhole")
    assert (rig.right, rig.right_T_left, rig.baseline_m) == (None, None, None)
    assert rig.source == str(tmp_path / "camera.yml")
    assert rig.left.is_distorted


@pytest.mark.parametrize(("matrix", "distortion"), [("K", "D"), ("cameraMatrix", "distCoeffs")])
def test_other_names_of_the_same(tmp_path, matrix, distortion):
    path = opencv_single(tmp_path / "camera.yml")
    text = path.read_text().replace("camera_matrix", matrix).replace("distortion_coefficients", distortion)
    path.write_text(text)
    assert read_rig(path).left.intrinsics.tolist() == INTRINSICS
    assert read_rig(path).left.distortion == DISTORTION


def test_a_fisheye_camera_of_opencvs_sample(tmp_path):
    path = opencv_single(tmp_path / "camera.yml", extra="image_width: 640\nimage_height: 480\nfisheye_model: 1\n")
    with pytest.raises(UserError, match=r"camera\.yml: the distortion of a fisheye camera has 4 numbers .*, found 5"):
        read_rig(path)
    path.write_text(path.read_text().replace("rows: 5", "rows: 4").replace(", 0.0625 ]", " ]"))
    camera = read_rig(path).left
    assert (camera.model, camera.distortion) == ("fisheye", DISTORTION[:4])


@pytest.mark.parametrize(
    ("model", "count", "expected"),
    [("plumb_bob", 5, "pinhole"), ("rational_polynomial", 8, "pinhole"), ("equidistant", 4, "fisheye")],
)
def test_ros_camera_info(tmp_path, model, count, expected):
    distortion = [0.01 * (i + 1) for i in range(count)]
    camera = read_rig(ros_camera(tmp_path / "camera_info.yaml", model, distortion)).left
    assert camera.intrinsics.tolist() == INTRINSICS
    assert (camera.model, camera.distortion) == (expected, tuple(distortion))
    assert camera.size == (640, 480)


def test_the_motion_of_a_pair_from_its_two_ros_files():
    """As docs/your_own_data.md says it, from what OpenCV's rectification, which ROS's files hold, makes of a rig."""
    cv2 = pytest.importorskip("cv2")
    rotation, _ = cv2.Rodrigues(np.array([0.014, -0.02, 0.012]))
    translation = np.array([-0.3, 0.004, 0.006])
    left, right = (np.array([[f, 0, 159.0], [0, f, 120.0], [0, 0, 1]]) for f in (230.0, 233.0))
    none = np.zeros(5)
    rectified = cv2.stereoRectify(left, none, right, none, (320, 240), rotation, translation[:, None])
    of_left, of_right, _, projection = rectified[:4]
    np.testing.assert_allclose(of_right.T @ of_left, rotation, atol=1e-9)
    moved = of_right.T @ [projection[0, 3] / projection[0, 0], 0, 0]
    np.testing.assert_allclose(moved, translation, atol=1e-9)


def test_ros_camera_info_as_a_message(tmp_path):
    matrix = camera_matrix(512.5, 511.25, 319.5, 239.5)
    text = f"height: 480\nwidth: 640\ndistortion_model: plumb_bob\nD: []\nK: {matrix}\n"
    (tmp_path / "camera_info.yaml").write_text(text + "R: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]\n")
    camera = read_rig(tmp_path / "camera_info.yaml").left
    assert (camera.intrinsics.tolist(), camera.distortion, camera.is_distorted) == (INTRINSICS, (), False)


def test_an_unknown_distortion_model(tmp_path):
    with pytest.raises(UserError, match=r"'distortion_model' is 'omni', but known are plumb_bob, "):
        read_rig(ros_camera(tmp_path / "camera_info.yaml", "omni"))


@pytest.mark.parametrize("pointed_at", ["", "intrinsics.yml", "extrinsics.yml"])
def test_the_two_files_of_opencvs_stereo_sample(tmp_path, pointed_at):
    folder = opencv_pair(tmp_path / "rig", [-0.12, 0.001, 0.002], size="image_width: 640\nimage_height: 480\n")
    rig = read_rig(folder / pointed_at if pointed_at else folder)
    assert rig.left.intrinsics.tolist() == INTRINSICS
    assert rig.right.intrinsics.tolist() == [[515.0, 0.0, 323.0], [0.0, 514.0, 242.0], [0.0, 0.0, 1.0]]
    assert rig.right_T_left[:3, :3].tolist() == ROTATION
    assert rig.right_T_left[:3, 3].tolist() == [-0.12, 0.001, 0.002]
    assert rig.right_T_left[3].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert not rig.is_rectified


def test_the_stereo_sample_does_not_say_the_image_size(tmp_path):
    folder = opencv_pair(tmp_path / "rig", [-0.12, 0.0, 0.0])
    with pytest.raises(UserError, match=r"intrinsics\.yml does not say the size of its images: add lines 'image_width"):
        read_rig(folder)
    assert read_rig(folder, size=(640, 480)).right.size == (640, 480)
    with pytest.raises(UserError, match=r"principal point \(320, 240\) is not near the middle of yours \(1280x960\)"):
        read_rig(folder, size=(1280, 960))


@pytest.mark.parametrize(("missing", "what"), [("extrinsics", "R and T"), ("intrinsics", "M1, D1, M2, D2")])
def test_one_of_the_two_files_alone(tmp_path, missing, what):
    folder = opencv_pair(tmp_path / "rig", [-0.12, 0.0, 0.0])
    (folder / f"{missing}.yml").unlink()
    other = "intrinsics" if missing == "extrinsics" else "extrinsics"
    with pytest.raises(UserError, match=rf"{other}\.yml lacks {what} of a pair, and {missing}\.yml beside it.*missing"):
        read_rig(folder / f"{other}.yml")


def test_a_pair_with_one_camera_matrix(tmp_path):
    folder = opencv_pair(tmp_path / "rig", [-0.12, 0.0, 0.0])
    path = folder / "intrinsics.yml"
    path.write_text(path.read_text().replace("M2", "N2"))
    with pytest.raises(UserError, match=r"'M2' is missing: a pair has M1, D1, M2, D2, R and T"):
        read_rig(folder, size=(640, 480))


@pytest.mark.parametrize(
    ("translation", "message"),
    [
        ([-60.0, 0.1, 0.2], r"T has the length 60.*looks like millimetres \(0.0600.* m\) or centimetres.*--baseline"),
        ([-12.0, 0.0, 0.0], r"T has the length 12, .*centimetres \(0.12 m\) or squares of the chessboard"),
        ([-2.4, 0.0, 0.0], r"T has the length 2.4, "),
        ([0.0, 0.0, 0.0], "the length of T is 0, expected metres"),
        ([0.12, 0.0, 0.0], r"the right camera would stand to the left of the left one \(x of the translation is 0.12"),
        ([0.0, -0.12, 0.0], "the cameras do not stand side by side"),
    ],
)
def test_translations_that_cannot_be_metres_from_left_to_right(tmp_path, translation, message):
    with pytest.raises(UserError, match=message):
        read_rig(opencv_pair(tmp_path / "rig", translation), size=(640, 480))


def test_a_baseline_given_replaces_the_length(tmp_path):
    rig = read_rig(opencv_pair(tmp_path / "rig", [-60.0, 0.0, 0.0]), size=(640, 480), baseline=0.0625)
    assert rig.right_T_left[:3, 3].tolist() == [-0.0625, 0.0, 0.0]
    assert rig.baseline_m == 0.0625
    assert rig.source.endswith("--baseline 0.0625")


def test_a_rotation_that_is_none(tmp_path):
    folder = opencv_pair(tmp_path / "rig", [-0.12, 0.0, 0.0])
    path = folder / "extrinsics.yml"
    path.write_text(path.read_text().replace("0.8", "0.9"))
    with pytest.raises(UserError, match=r"extrinsics\.yml: the rotation from the left to the right camera is no rotat"):
        read_rig(folder, size=(640, 480))


@pytest.mark.parametrize(
    ("find", "replace", "message"),
    [
        ("rows: 3\n   cols: 3\n   dt: d\n   data: [ 512.5, ", "rows: 3\n   data: [ ", "must have 3x3 numbers, found 8"),
        ("data: [ 512.5,", "data: [ .Nan,", "'camera_matrix' must be a list of numbers in plain text, found"),
        ("data: [ 512.5, 0., 319.5, 0., 511.25, 239.5, 0., 0., 1. ]", "data: !!binary |\n      MWQg", "in plain text"),
        ("image_width: 640", "image_width: -640", "the image size is -640x480"),
        ("image_width: 640\nimage_height: 480", "size: [640, 480, 3]", "'size' must be width and height, found 3"),
        ("distortion_coefficients", "D", None),
    ],
)
def test_damaged_files(tmp_path, find, replace, message):
    path = opencv_single(tmp_path / "camera.yml")
    assert find in path.read_text()
    path.write_text(path.read_text().replace(find, replace))
    if message is None:
        assert read_rig(path).left.distortion == DISTORTION
        return
    with pytest.raises(UserError, match=message):
        read_rig(path)


# ------------------------------------------------------------------ as cv2 writes it


def write_with_cv2(path: Path, entries: dict[str, object]) -> Path:
    cv2 = pytest.importorskip("cv2", reason="OpenCV (the extra 'video') is not installed")
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in entries.items():
        storage.write(name, value)
    storage.release()
    return path


@pytest.mark.parametrize("suffix", [".yml", ".yaml", ".xml", ".json"])
def test_a_file_that_cv2_writes(tmp_path, suffix):
    matrix = np.array(camera_matrix(512.5, 511.25, 319.5, 239.5)).reshape(3, 3)
    entries = {"image_width": 640, "image_height": 480, "camera_matrix": matrix}
    path = write_with_cv2(tmp_path / f"c{suffix}", entries | {"distortion_coefficients": np.array([DISTORTION])})
    camera = read_rig(path).left
    assert (camera.intrinsics.tolist(), camera.distortion, camera.size) == (INTRINSICS, DISTORTION, (640, 480))


@pytest.mark.parametrize("suffix", [".yml", ".xml", ".json"])
@pytest.mark.parametrize("form", ["numbers", "size"])
def test_a_stereo_file_that_cv2_writes(tmp_path, suffix, form):
    matrix = np.array(camera_matrix(512.5, 511.25, 319.5, 239.5)).reshape(3, 3)
    pair = {"M1": matrix, "D1": np.array([DISTORTION]), "M2": matrix, "D2": np.zeros((1, 5)), "R": np.array(ROTATION)}
    size = {"image_width": 640, "image_height": 480} if form == "numbers" else {"size": np.array([640, 480])}
    entries = pair | size | {"T": np.array([[-0.1], [0.0], [0.05]], dtype=np.float64)}
    rig = read_rig(write_with_cv2(tmp_path / f"c{suffix}", entries))
    assert rig.left.size == rig.right.size == (640, 480)
    assert rig.right_T_left[:3, 3].tolist() == [-0.1, 0.0, 0.05]
    assert (rig.left.is_distorted, rig.right.is_distorted) == (True, False)


def test_what_cv2_calls_R_and_T_maps_left_to_right(tmp_path):
    """Points seen by two known cameras -> cv2.stereoCalibrate -> file -> our right_T_left."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV (the extra 'video') is not installed")
    random = np.random.default_rng(0)
    board = np.array([[0.03 * x, 0.03 * y, 0.0] for y in range(6) for x in range(8)], dtype=np.float32)
    matrix = np.array(camera_matrix(512.5, 511.25, 319.5, 239.5)).reshape(3, 3)
    rotation, _ = cv2.Rodrigues(np.array([0.01, -0.03, 0.02]))
    translation = np.array([[-0.12], [0.003], [0.002]])
    left, right = [], []
    for _ in range(8):
        turn, _ = cv2.Rodrigues(random.uniform(-0.4, 0.4, 3))
        place = random.uniform([-0.15, -0.1, 0.5], [0.0, 0.0, 0.8]).reshape(3, 1)
        for points, R, t in ((left, turn, place), (right, rotation @ turn, rotation @ place + translation)):
            points.append(cv2.projectPoints(board, cv2.Rodrigues(R)[0], t, matrix, None)[0].astype(np.float32))
    found = cv2.stereoCalibrate(
        [board] * 8, left, right, matrix, None, matrix, None, (640, 480), flags=cv2.CALIB_FIX_INTRINSIC
    )
    R, T = found[5], found[6]
    entries = {"M1": matrix, "M2": matrix, "R": R, "T": T, "image_width": 640, "image_height": 480}
    rig = read_rig(write_with_cv2(tmp_path / "stereo.yml", entries))
    assert np.allclose(rig.right_T_left[:3, :3], rotation, atol=1e-3)
    assert np.allclose(rig.right_T_left[:3, 3], translation[:, 0], atol=1e-3)


def test_json_tables_by_hand(tmp_path):
    content = {"K": [[512.5, 0, 319.5], [0, 511.25, 239.5], [0, 0, 1]], "D": [0, 0, 0, 0], "imageSize": [640, 480]}
    (tmp_path / "camera.json").write_text(json.dumps(content))
    camera = read_rig(tmp_path / "camera.json").left
    assert camera.intrinsics.tolist() == INTRINSICS
    assert not camera.is_distorted


def test_numbers_without_a_point_are_read(tmp_path):
    matrix = opencv_matrix("K", 3, 3, [500, 0, 320, 0, 500, 240, 0, 0, 1])
    (tmp_path / "a.yml").write_text(f"%YAML:1.0\nimage_width: 640\nimage_height: 480\n{matrix}")
    assert read_rig(tmp_path / "a.yml").left.intrinsics[0].tolist() == [500.0, 0.0, 320.5]
