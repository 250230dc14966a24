"""Our own calibration file: one camera, a rectified pair, a pair before rectification, scenes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from selfsup_depth.datasets.cameras import RigFile, fit_rig, read_rig
from selfsup_depth.errors import UserError

ONE = {
    "image_width": 640, "image_height": 480, "fx": 512.5, "fy": 511.25, "cx": 319.5, "cy": 239.5,
    "pixel_origin": "centre",
}  # fmt: skip
LEFT = {"fx": 512.5, "fy": 511.25, "cx": 319.5, "cy": 239.5, "distortion": [-0.25, 0.125, 0.0, 0.0, 0.0]}
RIGHT = {"fx": 515.0, "fy": 514.0, "cx": 322.5, "cy": 241.5}
ROTATION = [[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]]
RAW = {
    "image_width": 640, "image_height": 480, "pixel_origin": "centre", "left": LEFT, "right": RIGHT,
    "rotation": ROTATION, "translation_m": [-0.12, 0.001, 0.002],
}  # fmt: skip


def written(folder: Path, content: dict[str, object], name: str = "calib.json", **changes: object) -> Path:
    table = {key: value for key, value in (content | changes).items() if value != "absent"}
    path = folder / name
    path.write_text(json.dumps(table) if name.endswith(".json") else yaml.safe_dump(table))
    return path


@pytest.mark.parametrize("name", ["calib.json", "calib.yaml", "calib.yml"])
def test_one_camera(tmp_path, name):
    rig = read_rig(written(tmp_path, ONE, name))
    assert rig.left.intrinsics.tolist() == [[512.5, 0.0, 320.0], [0.0, 511.25, 240.0], [0.0, 0.0, 1.0]]
    assert rig.left.size == (640, 480)
    assert not rig.is_distorted and not rig.is_rectified
    assert (rig.right, rig.right_T_left, rig.baseline_m, rig.source) == (None, None, None, str(tmp_path / name))


def test_distortion_and_lens_model(tmp_path):
    camera = read_rig(written(tmp_path, ONE, distortion=[0.1, -0.2, 0.0, 0.0, 0.01])).left
    assert (camera.distortion, camera.model, camera.is_distorted) == ((0.1, -0.2, 0.0, 0.0, 0.01), "pinhole", True)
    assert not read_rig(written(tmp_path, ONE, distortion=[0, 0, 0, 0])).left.is_distorted
    camera = read_rig(written(tmp_path, ONE, model="fisheye", distortion=[0.0, 0.0, 0.0, 0.0])).left
    assert (camera.model, camera.is_distorted) == ("fisheye", True)


def test_a_rectified_pair(tmp_path):
    rig = read_rig(written(tmp_path, ONE, baseline_m=0.12, cx_right=325.5))
    assert rig.right.intrinsics[0].tolist() == [512.5, 0.0, 326.0]
    assert rig.right_T_left.tolist() == [[1, 0, 0, -0.12], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert rig.baseline_m == 0.12
    assert rig.is_rectified


def test_a_rectified_pair_of_two_tables(tmp_path):
    content = {key: value for key, value in RAW.items() if key not in ("rotation", "translation_m")}
    content["left"] = {key: value for key, value in LEFT.items() if key != "distortion"}
    rig = read_rig(written(tmp_path, content, baseline_m=0.12))
    assert rig.right.intrinsics[0].tolist() == [515.0, 0.0, 323.0]
    assert rig.baseline_m == 0.12
    assert not rig.is_rectified  # the rows do not agree
    assert read_rig(written(tmp_path, content)).right_T_left is None
    rows_agree = content | {"right": RIGHT | {"fy": 511.25, "cy": 239.5}}
    assert read_rig(written(tmp_path, rows_agree), baseline=0.1).is_rectified


def test_a_pair_before_rectification(tmp_path):
    rig = read_rig(written(tmp_path, RAW, "calib.yaml"))
    assert rig.left.distortion == (-0.25, 0.125, 0.0, 0.0, 0.0)
    assert (rig.right.distortion, rig.right.size) == ((), (640, 480))
    assert rig.right.intrinsics.tolist() == [[515.0, 0.0, 323.0], [0.0, 514.0, 242.0], [0.0, 0.0, 1.0]]
    assert rig.right_T_left[:3, :3].tolist() == ROTATION
    assert rig.right_T_left[:3, 3].tolist() == [-0.12, 0.001, 0.002]
    assert not rig.is_rectified


def test_the_motion_as_one_matrix(tmp_path):
    motion = [[1, 0, 0, -0.12], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    rig = read_rig(written(tmp_path, RAW, rotation="absent", translation_m="absent", right_T_left=motion))
    assert rig.right_T_left.tolist() == motion


def test_a_baseline_given_replaces_the_length(tmp_path):
    assert read_rig(written(tmp_path, ONE), baseline=0.25).baseline_m == 0.25
    assert read_rig(written(tmp_path, ONE, baseline_m=0.12), baseline=0.25).baseline_m == 0.25
    rig = read_rig(written(tmp_path, RAW), baseline=0.25)
    assert rig.baseline_m == pytest.approx(0.25)
    assert torch.allclose(rig.right_T_left[:3, 3], torch.tensor([-0.12, 0.001, 0.002]).double() * 0.25 / 0.12003, 1e-4)


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (ONE, {"pixel_origin": "absent"}, "'pixel_origin' must be 'corner'.*it is missing"),
        (ONE, {"baseline_m": 120}, "'baseline_m' is 120, .*millimetres"),
        (ONE, {"baseline_m": 0.12, "distortion": [0.1, 0, 0, 0]}, "one description with distortion for a stereo pair"),
        (ONE, {"distortion": [0.1, 0, 0]}, "has 0, 4, 5, 8, 12 or 14 numbers .*found 3"),
        (ONE, {"distortion": [0.1, 0, 0, "x"]}, "'distortion' must be a list of numbers"),
        (ONE, {"distortion": [0.1, 0, 0, True]}, "'distortion' must be a list of numbers"),
        (ONE, {"distortion": [0.1] * 5, "model": "fisheye"}, "of a fisheye camera has 4 numbers .*found 5"),
        (ONE, {"model": "omni"}, "'model' must be pinhole or fisheye, found 'omni'"),
        (RAW, {"left": "absent"}, "'left' must be a table of that camera .*it is missing"),
        (RAW, {"right": 3}, "'right' must be a table of that camera .*found int"),
        (RAW, {"right": {"fx": 500.0}}, "calib.json, right: 'fy' is missing"),
        (RAW, {"rotation": "absent"}, "'rotation' is missing: a motion needs"),
        (RAW, {"translation_m": "absent"}, "'translation_m' is missing: a motion needs"),
        (RAW, {"translation_m": [-120.0, 0, 0]}, "the length of 'translation_m' is 120, .*millimetres"),
        (RAW, {"translation_m": [0.12, 0, 0]}, "the right camera would stand to the left of the left one"),
        (RAW, {"rotation": [[1, 0, 0], [0, 1, 0], [0, 0, -1]]}, "is no rotation"),
        (RAW, {"rotation": [1, 0, 0]}, "'rotation' must have 3x3 numbers, found 3"),
        (RAW, {"rotation": "absent", "translation_m": "absent"}, "the motion between left and right is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path, content, changes, message):
    baseline = 0.1 if message.startswith("the motion") else None
    with pytest.raises(UserError, match=message):
        read_rig(written(tmp_path, content, **changes), baseline=baseline)


def test_scenes_have_a_camera_each(tmp_path):
    file = RigFile(written(tmp_path, ONE, scenes={"a": {"fx": 600.0}, "b": {"distortion": [0.1, 0, 0, 0]}}))
    assert file.of_scene("a").left.intrinsics[0, 0] == 600.0
    assert file.of_scene("a").source == f"{tmp_path}/calib.json, scene a"
    assert file.of_scene("b").left.is_distorted
    with pytest.raises(UserError, match="has no entry for scene 'c' in 'scenes': add it"):
        file.of_scene("c")
    with pytest.raises(UserError, match="has a camera for each scene, but nothing says which scene is meant"):
        read_rig(file.path)


def test_a_rig_is_fitted_to_resized_images_and_not_to_cropped_ones(tmp_path):
    rig = read_rig(written(tmp_path, RAW))
    half = fit_rig(rig, (320, 240), "a.png")
    assert half.left.intrinsics.tolist() == [[256.25, 0.0, 160.0], [0.0, 255.625, 120.0], [0.0, 0.0, 1.0]]
    assert half.right.size == (320, 240)
    assert (half.left.distortion, half.right_T_left) == (rig.left.distortion, rig.right_T_left)
    with pytest.raises(UserError, match=r"calib\.json is for images of 640x480, but a\.png has 640x360, another shape"):
        fit_rig(rig, (640, 360), "a.png")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("calib.txt", "P0: 1", r"calib\.txt is no calibration that is known: expected a file in \.json, "),
        ("calib.yaml", "a: [", r"calib\.yaml cannot be parsed"),
        ("calib.xml", "<a>", r"calib\.xml cannot be parsed"),
        ("calib.xml", "<a>3</a>", r"calib\.xml must be a table .*found NoneType"),
        ("calib.yaml", "- 1", r"calib\.yaml must be a table .*found list"),
        ("calib.yaml", "focal: 3\nname: x", r"calib\.yaml is no calibration that is known.*found focal, name"),
        ("calib.yaml", "{}", r"calib\.yaml is no calibration that is known.*found nothing"),
    ],
)
def test_files_that_are_no_calibration(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        read_rig(tmp_path / name)


def test_what_is_not_there(tmp_path):
    with pytest.raises(UserError, match="none.yaml: there is no such calibration file"):
        read_rig(tmp_path / "none.yaml")
    with pytest.raises(UserError, match=r"has no calibration: expected calib, calibration, camera_info \(\.json"):
        read_rig(tmp_path)
    written(tmp_path, ONE)
    assert read_rig(tmp_path).left.size == (640, 480)
    written(tmp_path, ONE, "calibration.yaml")
    with pytest.raises(UserError, match=r"has several calibrations \(calib.json, calibration.yaml\): name the one"):
        read_rig(tmp_path)
