"""Whose intrinsics a point cloud has: the order of places, sides, turns, and refusals."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from painted_depth import HEIGHT, WIDTH, write_painted_checkpoint
from PIL import Image

from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.cameras import TRAINING_CAMERA, PictureCameras
from selfsup_depth.prediction.frames import Frame

CALIBRATION = {
    "image_width": WIDTH, "image_height": HEIGHT, "fx": 50.0, "fy": 51.0, "cx": 31.0, "cy": 23.0,
    "pixel_origin": "corner",
}  # fmt: skip
TRAINING = (60.0, 61.0, 30.0, 20.0)


@pytest.fixture
def meta(tmp_path):
    def make(**changes):
        return load_checkpoint(write_painted_checkpoint(tmp_path / "weights", **changes)).meta

    return make


@pytest.fixture
def frame(tmp_path):
    def make(name="photos/a.jpg", size=(HEIGHT, WIDTH), orientation=1, turned=False, film35=None):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        if film35:
            exif.get_ifd(0x8769)[41989] = film35
        stored = size[::-1] if turned and orientation >= 5 else size
        Image.new("RGB", stored[::-1]).save(path, exif=exif)
        return Frame("a", str(path), torch.zeros(3, *size, dtype=torch.uint8), path, None, orientation, turned)

    return make


def diagonal(K):
    return [float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])]


def write_calibration(folder: Path, **changes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "calib.json").write_text(json.dumps({**CALIBRATION, **changes}))
    return folder / "calib.json"


def test_the_order_of_places(meta, frame, tmp_path):
    picture, training = frame(film35=35), meta(intrinsics=TRAINING)
    found = PictureCameras(FootageOptions(), None, training).of(picture)
    assert "EXIF" in found.source
    found = PictureCameras(FootageOptions(), None, training).of(frame("photos/b.jpg"))
    assert found.source == TRAINING_CAMERA
    assert diagonal(found.intrinsics) == list(TRAINING)
    found = PictureCameras(FootageOptions(fov=90.0), None, training).of(picture)
    assert diagonal(found.intrinsics) == pytest.approx([WIDTH / 2, WIDTH / 2, WIDTH / 2, HEIGHT / 2])
    write_calibration(tmp_path)  # one folder above the pictures
    found = PictureCameras(FootageOptions(), None, training).of(picture)
    assert diagonal(found.intrinsics) == [50.0, 51.0, 31.0, 23.0]
    other = write_calibration(tmp_path / "elsewhere", fx=70.0)
    found = PictureCameras(FootageOptions(calibration=other), None, training).of(picture)
    assert diagonal(found.intrinsics) == [70.0, 51.0, 31.0, 23.0]


@pytest.mark.parametrize(
    ("picture", "found"),
    [("val/left/a.jpg", True), ("val/right/a.jpg", True), ("val/a.jpg", True), ("val/walk/a.jpg", False)],
)
def test_how_high_a_calibration_is_looked_for(meta, frame, tmp_path, picture, found):
    """As far as training does: above a folder that holds left/ and right/, or above the frames."""
    write_calibration(tmp_path)
    camera = PictureCameras(FootageOptions(), None, meta(intrinsics=TRAINING)).of(frame(picture))
    assert (camera.source == str(tmp_path / "calib.json")) == found
    assert (camera.source == TRAINING_CAMERA) != found


def test_the_camera_is_scaled_to_the_picture(meta, frame, tmp_path):
    write_calibration(tmp_path)
    large = frame(size=(2 * HEIGHT, 2 * WIDTH))
    assert diagonal(PictureCameras(FootageOptions(), None, meta()).of(large).intrinsics) == [100.0, 102.0, 62.0, 46.0]
    (tmp_path / "calib.json").unlink()
    found = PictureCameras(FootageOptions(), None, meta(intrinsics=TRAINING)).of(large)
    assert diagonal(found.intrinsics) == [2 * value for value in TRAINING]


def test_a_picture_turned_upright_has_its_camera_turned(meta, frame, tmp_path):
    write_calibration(tmp_path)
    found = PictureCameras(FootageOptions(), None, meta()).of(frame(size=(WIDTH, HEIGHT), orientation=6, turned=True))
    assert diagonal(found.intrinsics) == [51.0, 50.0, HEIGHT - 23.0, 31.0]
    as_stored = PictureCameras(FootageOptions(), None, meta()).of(frame(orientation=6))
    assert diagonal(as_stored.intrinsics) == [50.0, 51.0, 31.0, 23.0]


def test_pictures_in_a_folder_right_have_the_right_camera(meta, frame, tmp_path):
    write_calibration(tmp_path, baseline_m=0.2, cx_right=29.0)
    cameras = PictureCameras(FootageOptions(), None, meta())
    assert diagonal(cameras.of(frame("left/a.jpg")).intrinsics)[2] == 31.0
    assert diagonal(cameras.of(frame("right/a.jpg")).intrinsics)[2] == 29.0


def test_frames_of_a_video_have_the_camera_beside_it(meta, tmp_path):
    picture = Frame("clip/000000", "clip.mp4, frame 0", torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8))
    write_calibration(tmp_path / "films")
    found = PictureCameras(FootageOptions(), tmp_path / "films", meta()).of(picture)
    assert diagonal(found.intrinsics) == [50.0, 51.0, 31.0, 23.0]


def test_a_webcam_has_what_the_options_or_the_checkpoint_say(meta):
    picture = Frame("webcam0/000000", "webcam 0, frame 0", torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8))
    found = PictureCameras(FootageOptions(fov=60.0), None, meta()).of(picture)
    assert float(found.intrinsics[0, 0]) == pytest.approx(WIDTH / 2 / math.tan(math.radians(30)))
    assert PictureCameras(FootageOptions(), None, meta(intrinsics=TRAINING)).of(picture).source == TRAINING_CAMERA
    with pytest.raises(UserError, match="nothing tells the camera of webcam 0, frame 0: give its calibration"):
        PictureCameras(FootageOptions(), None, meta()).of(picture)


def test_nothing_known_is_refused_with_what_to_write(meta, frame):
    with pytest.raises(UserError, match="calib.json is missing .*--fov"):
        PictureCameras(FootageOptions(), None, meta()).of(frame())


def test_a_broken_calibration_is_not_passed_over(meta, frame, tmp_path):
    (tmp_path / "calib.json").write_text("{")
    with pytest.raises(UserError, match="calib.json"):
        PictureCameras(FootageOptions(), None, meta(intrinsics=TRAINING)).of(frame())


def test_pictures_that_the_training_camera_cannot_have_taken(meta, frame):
    cameras = PictureCameras(FootageOptions(), None, meta(intrinsics=TRAINING))
    with pytest.raises(UserError, match="did not take .*a.jpg: at its 64x64 pixels fx / fy would be 0.74"):
        cameras.of(frame(size=(WIDTH, WIDTH)))


def test_a_lens_with_distortion_is_refused(meta, frame, tmp_path):
    write_calibration(tmp_path, distortion=[-0.2, 0.0, 0.0, 0.0])
    with pytest.raises(UserError, match="describes a lens with distortion, .*add --undistort"):
        PictureCameras(FootageOptions(), None, meta()).of(frame())
