"""Both images of a stereo camera in one: found in videos and folders, and not in any good picture."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_faults import drive
from preflight_looks import look_at

from selfsup_depth.datasets.images import read_image
from selfsup_depth.preflight import CHECKS

SIZE = ["--height", "96", "--width", "320", "--num_workers", "0"]
OF_ONE_HALF = {"fx": 190.0, "fy": 190.0, "cx": 150.0, "cy": 50.0, "image_width": 304, "image_height": 104}


def beside() -> list[np.ndarray]:
    return [np.concatenate(pair, axis=1) for pair in zip(drive().left, drive().right, strict=True)]


def above() -> list[np.ndarray]:
    return [np.concatenate(pair, axis=0) for pair in zip(drive().left, drive().right, strict=True)]


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Runs check_data.py; its findings by name."""
    import check_data

    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))

    def run(*options: object) -> dict[str, dict[str, str]]:
        out = tmp_path / "out"
        status = check_data.main([*map(str, options), *SIZE, "--output_directory", str(out)])
        findings = json.loads((out / "check.json").read_text())["findings"]
        assert status == (1 if any(finding["severity"] == "error" for finding in findings) else 0)
        return {finding["check"]: finding for finding in findings}

    return run


@pytest.fixture
def write_video():
    pytest.importorskip("cv2", reason="OpenCV writes the videos")
    from video_files import write_video

    return write_video


@pytest.mark.parametrize(("images", "layout"), [(beside, "side_by_side"), (above, "top_bottom")])
def test_a_forgotten_layout_of_a_video_is_named_and_with_it_nothing_is_wrong(
    images, layout, check, write_video, tmp_path
):
    video = write_video(tmp_path / "rig.avi", images())
    found = check("--dataset", "video", "--data_path", video, "--fov", "77", "--frame_ids", 0, -1, 1)
    assert set(found) == {"two_in_one"}
    assert f"add --stereo_layout {layout}, and --use_stereo with a calibration" in found["two_in_one"]["remedy"]
    calibration = tmp_path / "calib.json"
    calibration.write_text(json.dumps(OF_ONE_HALF | {"pixel_origin": "corner", "baseline_m": 0.4}))
    stereo = ("--stereo_layout", layout, "--use_stereo", "--frame_ids", 0, -1, 1)
    assert check("--dataset", "video", "--data_path", video, *stereo) == {}


def test_the_wrong_one_of_two_layouts_is_named(check, write_video, tmp_path):
    video = write_video(tmp_path / "rig.avi", above())
    stereo = ("--fov", "77", "--baseline", "0.4", "--use_stereo", "--stereo_layout", "side_by_side")
    found = check("--dataset", "video", "--data_path", video, *stereo)
    assert set(found) == {"two_in_one"} and "add --stereo_layout top_bottom" in found["two_in_one"]["remedy"]


def test_a_layout_of_a_video_that_shows_one_picture_is_found(check, write_video, tmp_path):
    video = write_video(tmp_path / "one.avi", drive().left)
    stereo = ("--fov", "77", "--baseline", "0.4", "--use_stereo", "--stereo_layout", "side_by_side")
    found = check("--dataset", "video", "--data_path", video, *stereo)
    assert "a --stereo_layout that the video does not have" in found["stereo_orientation"]["cause"]
    assert "leave out --stereo_layout" in found["stereo_orientation"]["remedy"]


def test_of_a_prepared_video_it_is_said_to_be_prepared_anew(check, write_video, tmp_path):
    import prepare_data

    video, prepared = write_video(tmp_path / "rig.avi", beside()), tmp_path / "prepared"
    options = ["--dataset", "video", "--data_path", str(video), "--fov", "77", *SIZE]
    assert prepare_data.main([*options, "--output_directory", str(prepared)]) == 0
    found = check("--dataset", "prepared", "--data_path", prepared)
    assert "prepare the video anew with --stereo_layout side_by_side" in found["two_in_one"]["remedy"]


def test_a_folder_of_such_images_is_to_be_cut_into_left_and_right(check, tmp_path):
    from PIL import Image

    folder = tmp_path / "frames"
    folder.mkdir()
    for number, image in enumerate(beside()):
        Image.fromarray(image).save(folder / f"frame_{number:03d}.png")
    found = check("--dataset", "folder", "--data_path", folder, "--fov", "77")
    assert set(found) == {"two_in_one"}
    remedy = found["two_in_one"]["remedy"]
    assert "into left/ and right/" in remedy and "--dataset video --stereo_layout side_by_side" in remedy


def test_a_rig_that_is_not_rectified_is_found_too():
    """Two pixels between the rows of both halves."""
    lower = [np.roll(image, 2, 0) for image in drive().right]
    images = [np.concatenate(pair, axis=1) for pair in zip(drive().left, lower, strict=True)]
    footage = look_at(replace(drive().copy(), left=images, right=images, has_depth=False))
    assert CHECKS["two_in_one"].run(footage).findings


def test_photographs_of_all_kinds_are_no_two_pictures():
    import skimage.data

    shown = 0
    for path in sorted(Path(os.path.dirname(skimage.data.__file__)).iterdir()):
        if path.suffix not in (".png", ".jpg", ".tif") or path.name == "multipage.tif":
            continue
        try:
            image = read_image(str(path)).permute(1, 2, 0).numpy()
        except ValueError:
            continue  # of 16 bits, or several pictures
        footage = look_at(replace(drive().copy(), left=[image], right=[image], has_depth=False), (0,), moments=1)
        assert CHECKS["two_in_one"].run(footage).findings == (), path.name
        shown += 1
    assert shown > 10


def test_pictures_that_show_nothing_are_not_asked():
    grey = [np.full((60, 80, 3), 90, dtype=np.uint8)] * 3
    footage = look_at(replace(drive().copy(), left=grey, right=grey, has_depth=False), (0,))
    assert not CHECKS["two_in_one"].run(footage).looked
