"""The calibration file of a stereo folder: what it may say and how it is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfsup_depth.datasets.stereo_calibration import CalibrationFile, find_calibration
from selfsup_depth.errors import UserError

GOOD = {
    "image_width": 640, "image_height": 192, "fx": 371.8, "fy": 369.4, "cx": 314.0, "cy": 95.0,
    "baseline_m": 0.537, "pixel_origin": "corner (centre of the top-left pixel is 0.5, 0.5)",
}  # fmt: skip


def written(folder: Path, **changes: object) -> CalibrationFile:
    content = {key: value for key, value in (GOOD | changes).items() if value != "absent"}
    (folder / "calib.json").write_text(json.dumps(content))
    return find_calibration(str(folder))


def test_corner_origin_is_kept_and_centre_origin_shifted_by_half_a_pixel(tmp_path):
    corner = written(tmp_path).of_scene("any")
    assert corner.left[:2, 2].tolist() == [314.0, 95.0]
    for word in ("centre", "Center of the first pixel is 0, 0"):
        centre = written(tmp_path, pixel_origin=word, cx_right=320.0).of_scene("any")
        assert centre.left[:2, 2].tolist() == [314.5, 95.5]
        assert centre.right[:2, 2].tolist() == [320.5, 95.5]
    assert (corner.size, corner.baseline_m) == ((640, 192), 0.537)


@pytest.mark.parametrize("key", ["fx", "fy", "cx", "cy", "baseline_m", "image_width", "image_height", "pixel_origin"])
def test_each_missing_key_is_named_with_its_file(tmp_path, key):
    with pytest.raises(UserError, match=rf"calib\.json: '{key}'.*missing"):
        written(tmp_path, **{key: "absent"}).of_scene("any")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fx": "371"}, "'fx' must be a number, found '371'"),
        ({"fx": True}, "'fx' must be a number, found True"),
        ({"cx": float("nan")}, "'cx' must be a number, found nan"),
        ({"pixel_origin": "top left"}, "'pixel_origin' must be 'corner'.*found 'top left'"),
        ({"baseline_m": 120.0}, "'baseline_m' is 120, .*millimetres"),
        ({"baseline_m": -0.5}, "'baseline_m' is -0.5"),
        ({"cx": 700.0}, r"calib\.json: .*principal point"),
        ({"cx_right": 700.0}, r"calib\.json: .*principal point"),
        ({"scenes": ["a"]}, "'scenes' must be a table of scenes, found list"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        written(tmp_path, **changes).of_scene("any")


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be parsed"), ("[1, 2]", "must be a table .*found list")])
def test_files_that_are_no_tables_are_refused(tmp_path, text, message):
    (tmp_path / "calib.json").write_text(text)
    with pytest.raises(UserError, match=rf"calib\.json {message}"):
        find_calibration(str(tmp_path))


def test_a_pair_before_rectification_is_refused(tmp_path):
    side = {key: GOOD[key] for key in ("fx", "fy", "cx", "cy")}
    turned = [[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]]
    file = written(tmp_path, left=side, right=side, rotation=turned, translation_m=[-0.5, 0.0, 0.0])
    with pytest.raises(UserError, match=r"calib\.json describes cameras before rectification, but these images"):
        file.of_scene("any")
