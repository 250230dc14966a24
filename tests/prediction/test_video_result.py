"""The side-by-side video is read back: size, rate, pictures, and a disk that is full."""

from __future__ import annotations

import numpy as np
import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.prediction.video_result import WIDEST, SideBySideVideo, fit_into

cv2 = pytest.importorskip("cv2", reason="needs OpenCV (the extra `video`)")
RED, GREEN = (200, 20, 30), (10, 180, 40)


def flat(height, width, colour=RED):
    return np.full((height, width, 3), colour, dtype=np.uint8)


def read(path):
    capture = cv2.VideoCapture(str(path))
    rate, pictures = capture.get(cv2.CAP_PROP_FPS), []
    while True:
        ok, pixels = capture.read()
        if not ok:
            return rate, pictures
        pictures.append(pixels[..., ::-1].astype(int))


def test_pictures_come_back_in_order_at_their_rate(tmp_path):
    video = SideBySideVideo(tmp_path / "ä b.mp4", 29.97)
    for colour in (RED, GREEN):
        video.write(flat(48, 64, colour))
    video.close()
    rate, pictures = read(tmp_path / "ä b.mp4")
    assert rate == pytest.approx(29.97)
    assert [picture.shape for picture in pictures] == [(48, 64, 3)] * 2
    for picture, colour in zip(pictures, (RED, GREEN), strict=True):
        assert np.abs(picture - colour).max() < 8


def test_odd_sizes_get_a_border_and_wide_ones_are_shrunk(tmp_path):
    video = SideBySideVideo(tmp_path / "a.mp4", 10)
    video.write(flat(33, 51))
    video.close()
    assert video.size == (34, 52)
    assert len(read(tmp_path / "a.mp4")[1]) == 1
    wide = SideBySideVideo(tmp_path / "b.mp4", 10)
    wide.write(flat(60, 2 * WIDEST))
    wide.close()
    assert wide.size == (30, WIDEST)


def test_another_size_is_fitted_without_a_change_of_shape():
    fitted = fit_into(flat(30, 30), (20, 60))
    np.testing.assert_array_equal(fitted[:, 20:40], flat(20, 20))
    assert not fitted[:, :20].any() and not fitted[:, 40:].any()
    fitted = fit_into(flat(10, 60), (20, 60))
    assert fitted[5:15].all() and not fitted[:5].any() and not fitted[15:].any()
    same = flat(20, 60)
    assert fit_into(same, (20, 60)) is same


def test_nothing_written_is_no_file(tmp_path):
    SideBySideVideo(tmp_path / "a.mp4", 10).close()
    assert not (tmp_path / "a.mp4").exists()


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match=r"a.mp4 cannot be written as a video of 64x48 pixels: give another"):
        SideBySideVideo(tmp_path / "missing" / "a.mp4", 10).write(flat(48, 64))


def test_a_video_that_lacks_frames_is_no_success(tmp_path):
    """As after a full disk, of which OpenCV says nothing."""
    video = SideBySideVideo(tmp_path / "a.mp4", 10)
    video.write(flat(48, 64))
    video.frames += 1
    with pytest.raises(UserError, match="a.mp4 holds 1 of 2 frames: the disk is full"):
        video.close()
