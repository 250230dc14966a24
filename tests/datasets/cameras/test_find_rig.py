"""Where the cameras of a folder of images are looked for, and in which order."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calibration_files import opencv_pair, opencv_single
from PIL import ExifTags, Image

from selfsup_depth.datasets import FootageOptions
from selfsup_depth.datasets.cameras import RigFinder, find_rig
from selfsup_depth.errors import UserError

CAMERA = {
    "image_width": 640, "image_height": 480, "fx": 500.0, "fy": 500.0, "cx": 320.0, "cy": 240.0,
    "pixel_origin": "corner",
}  # fmt: skip
VGA = (640, 480)


@pytest.fixture
def images(tmp_path) -> Path:
    folder = tmp_path / "trip" / "left"
    folder.mkdir(parents=True)
    Image.new("RGB", VGA).save(folder / "a_0001.jpg")
    return folder


def focal(folder: Path, options: FootageOptions | None = None, size: tuple[int, int] = VGA) -> float:
    return float(find_rig(folder, options or FootageOptions(), folder / "a_0001.jpg", size).left.intrinsics[0, 0])


def write(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(CAMERA | changes))


def test_a_file_beside_the_images_or_above_them(images):
    write(images.parent / "calib.json", fx=510.0)
    assert focal(images) == 510.0
    write(images / "calibration.json", fx=520.0)
    assert focal(images) == 520.0
    write(images.parent.parent / "calib.json")
    assert focal(images) == 520.0


def test_no_further_above_than_is_said(images):
    write(images.parent.parent / "calib.json", fx=530.0)
    with pytest.raises(UserError, match=rf"{images}/calib\.json is missing .*nor up to {images.parent}\)"):
        focal(images)
    finder = RigFinder(FootageOptions())
    rig = finder.find(images, None, VGA, highest=images.parent.parent)
    assert rig.left.intrinsics[0, 0] == 530.0


def test_a_path_may_go_up_and_down(images, monkeypatch):
    write(images.parent / "calib.json", fx=501.0)
    (images / "below").mkdir()
    monkeypatch.chdir(images / "below")
    finder = RigFinder(FootageOptions())
    rig = finder.find(Path("../../left"), images / "a_0001.jpg", VGA, highest=images.parent)
    assert rig.left.intrinsics[0, 0] == 501


def test_the_rig_is_for_images_of_the_size_asked(images):
    write(images / "calib.json")
    rig = find_rig(images, FootageOptions(), None, (320, 240))
    assert (rig.left.size, float(rig.left.intrinsics[0, 2])) == ((320, 240), 160.0)
    with pytest.raises(UserError, match=r"is for images of 640x480, but .*a_0001\.jpg has 640x360"):
        focal(images, size=(640, 360))


def test_a_file_given_wins(images, tmp_path):
    write(images / "calib.json", fx=510.0)
    given = opencv_single(tmp_path / "camera.yml")
    assert focal(images, FootageOptions(calibration=given)) == 512.5
    with pytest.raises(UserError, match="--calibration .*none.yml: there is no such file or folder"):
        focal(images, FootageOptions(calibration=tmp_path / "none.yml"))


def test_opencvs_pair_takes_the_size_of_the_images(images):
    opencv_pair(images.parent, [-0.12, 0.0, 0.0])
    rig = find_rig(images, FootageOptions(), images / "a_0001.jpg", VGA)
    assert (rig.baseline_m, rig.right.size) == (pytest.approx(0.12), VGA)


def test_a_field_of_view_without_a_file(images):
    assert focal(images, FootageOptions(fov=90.0)) == pytest.approx(320.0)
    rig = find_rig(images, FootageOptions(fov=90.0, baseline=0.12), None, VGA)
    assert (rig.baseline_m, rig.is_rectified, rig.source) == (0.12, True, "--fov 90 and --baseline 0.12")
    write(images / "calib.json")
    with pytest.raises(UserError, match=r"--fov 90 would have no effect, because .*calib\.json describes the camera"):
        focal(images, FootageOptions(fov=90.0))


def test_a_photograph_tells(images):
    picture = Image.new("RGB", VGA)
    exif = picture.getexif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 26
    picture.save(images / "a_0001.jpg", exif=exif)
    assert focal(images) == pytest.approx(26 * 800 / 43.267, rel=1e-4)
    assert focal(images, size=(320, 240)) == pytest.approx(26 * 400 / 43.267, rel=1e-4)
    assert find_rig(images, FootageOptions(), images / "a_0001.jpg", VGA).source == "EXIF of a_0001.jpg"
    assert focal(images, FootageOptions(fov=90.0)) == pytest.approx(320.0)


def test_nothing_tells(images):
    message = r'a_0001\.jpg has no focal length in .*"image_width": 640.*--calib.*--fov 60.*--learn_intrinsics'
    with pytest.raises(UserError, match=message):
        focal(images)
    with pytest.raises(UserError, match=r"nor up to .*\): write the camera there"):
        find_rig(images, FootageOptions(), None, VGA)


def test_the_scene_is_in_the_name_of_the_image(images):
    write(images / "calib.json", scenes={"a": {"fx": 600.0}, "b": {}})
    assert focal(images) == 600.0
    rig = find_rig(images, FootageOptions(), images / "a_0001.jpg", VGA, scene="b")
    assert rig.left.intrinsics[0, 0] == 500.0


def test_a_pair_needs_more_than_one_distorted_camera(images, tmp_path):
    given = opencv_single(tmp_path / "camera.yml")
    with pytest.raises(UserError, match=r"camera\.yml has one description with distortion for a stereo pair"):
        find_rig(images, FootageOptions(calibration=given, baseline=0.12), None, VGA)


def test_a_guess_is_taken_only_where_nothing_tells(images):
    """What --learn_intrinsics starts from."""
    guess = FootageOptions(guess_fov=90.0)
    assert focal(images, guess) == pytest.approx(320.0)
    assert "a guess of 90 degrees" in find_rig(images, guess, images / "a_0001.jpg", VGA).source
    assert focal(images, replace(guess, fov=60.0)) == pytest.approx(320.0 / np.tan(np.radians(30)))
    write(images / "calib.json")
    assert focal(images, guess) == 500.0


def test_a_guess_is_of_the_longer_side_however_a_phone_is_held(images):
    guess = FootageOptions(guess_fov=90.0)
    assert focal(images, guess, size=(480, 640)) == pytest.approx(320.0)
    assert find_rig(images, guess, images / "a_0001.jpg", VGA).is_guess
    assert not find_rig(images, replace(guess, fov=60.0), images / "a_0001.jpg", VGA).is_guess
