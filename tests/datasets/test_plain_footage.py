"""The built-in drive as plain footage: the folder that a user would have."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from PIL import Image

from selfsup_depth.datasets import DatasetRequest, build_dataset
from selfsup_depth.datasets.builtin.kitti_text import DRIVE, write_calibration
from selfsup_depth.datasets.builtin.plain_footage import field_of_view, write_rig, write_video
from selfsup_depth.datasets.builtin.rig import CAMERA_X, Rig

FRAMES = 8


@pytest.fixture
def drive(tmp_path):
    """A drive as it is rendered, with noise for pictures."""
    root = tmp_path / "drive"
    write_calibration(root, Rig(96, 64))
    random = np.random.default_rng(0)
    for camera in (2, 3):
        folder = root / DRIVE / f"image_0{camera}" / "data"
        folder.mkdir(parents=True)
        for n in range(FRAMES):
            Image.fromarray(random.integers(0, 255, (64, 96, 3), np.uint8)).save(folder / f"{n:010d}.png")
    return root


def test_the_folder_trains_as_it_is(drive, tmp_path):
    write_rig(drive, tmp_path / "rig")
    request = DatasetRequest(64, 96, frame_ids=(0, "s"), data_path=tmp_path / "rig", part="test")
    rig, truth = build_dataset("stereo_folder", request), Rig(96, 64)
    assert len(rig) == FRAMES
    sample = rig[3]
    picture = np.asarray(Image.open(drive / DRIVE / "image_02" / "data" / f"{3:010d}.png"))
    assert np.array_equal(sample.images[0].permute(1, 2, 0).numpy(), picture)
    assert rig.baseline_m == pytest.approx(CAMERA_X[3] - CAMERA_X[2])
    assert sample.intrinsics[0][0, 0].item() == pytest.approx(0.58 * 96)
    assert yaml.safe_load((tmp_path / "rig" / "calib.yaml").read_text())["pixel_origin"] == "corner"
    assert field_of_view(drive) == pytest.approx(2 * np.degrees(np.arctan(0.5 / 0.58)))
    assert truth.camera.fx == pytest.approx(0.58 * 96)


def test_the_video_has_every_frame(drive, tmp_path):
    cv2 = pytest.importorskip("cv2")
    write_video(drive, tmp_path / "drive.mp4", "right")
    video = cv2.VideoCapture(str(tmp_path / "drive.mp4"))
    count = 0
    while video.read()[0]:
        count += 1
    assert count == FRAMES
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
