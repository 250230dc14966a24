"""One video file as frames: times, rotation, damage, and what is no video at all."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest
from stereo_footage import HEIGHT, WIDTH
from video_files import set_frame_times, turn_video, wall_walk, write_video

from selfsup_depth.datasets import DatasetRequest, build_source
from selfsup_depth.datasets.video import VideoFile
from selfsup_depth.errors import UserError

cv2 = pytest.importorskip("cv2", reason="videos need OpenCV (extra `video`)")


def rgb(frame) -> np.ndarray:
    return frame.pixels[..., ::-1]


def wipe_pixels(path, *, beyond: float) -> None:
    """Zeros where the frames of an mp4 are stored, from this share of them on."""
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat")
    (size,) = struct.unpack(">I", content[start - 4 : start])
    first = start + 4 + int(beyond * (size - 8))
    content[first : start - 4 + size] = bytes(start - 4 + size - first)
    path.write_bytes(content)


def test_frames_come_in_order_with_their_times_and_pixels(tmp_path):
    images = wall_walk(5)
    video = VideoFile(write_video(tmp_path / "walk.avi", images, fps=10))
    assert (video.size, video.rate, video.declared) == ((WIDTH, HEIGHT), 10, 5)
    for _ in range(2):  # from the start each time
        frames = list(video.frames())
        assert [frame.number for frame in frames] == list(range(5))
        assert [frame.time_s for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert all(np.array_equal(rgb(frame), image) for frame, image in zip(frames, images, strict=True))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_rotation_flag_turns_the_frames_as_players_do(tmp_path, degrees):
    images = wall_walk(2)
    plain = next(VideoFile(write_video(tmp_path / "plain.mp4", images)).frames())
    video = VideoFile(turn_video(write_video(tmp_path / "phone.mp4", images), degrees))
    assert video.size == ((HEIGHT, WIDTH) if degrees in (90, 270) else (WIDTH, HEIGHT))
    frame = next(video.frames())
    assert np.array_equal(frame.pixels, np.rot90(plain.pixels, k=-degrees // 90))


def test_a_variable_frame_rate_keeps_the_times_of_the_frames(tmp_path):
    durations = [0.1, 0.2, 0.05, 0.1, 0.4, 0.1]
    video = VideoFile(set_frame_times(write_video(tmp_path / "uneven.mp4", wall_walk(6)), durations))
    times = [frame.time_s for frame in video.frames()]
    assert times == pytest.approx(np.cumsum([0, *durations[:-1]]), abs=1e-3)


def test_odd_sizes_and_odd_names(tmp_path):
    path = tmp_path / "mein Büro 書斎.avi"
    images = [np.ascontiguousarray(image[:63, :95]) for image in wall_walk(3)]
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (95, 63))
    for image in images:
        writer.write(np.ascontiguousarray(image[..., ::-1]))
    writer.release()
    video = VideoFile(path)
    assert video.size == (95, 63)
    assert np.abs(rgb(next(video.frames())).astype(int) - images[0]).mean() < 8  # JPEG


def test_frames_that_cannot_be_decoded_are_counted(tmp_path, capfd):
    path = write_video(tmp_path / "damaged.mp4", wall_walk(30))
    wipe_pixels(path, beyond=0.5)
    frames = list(VideoFile(path).frames())
    assert [frame.number for frame in frames] == list(range(30))
    readable = [frame.pixels is not None for frame in frames]
    assert readable[0]
    assert 5 < readable.count(True) < 25
    assert not readable[-1]
    assert capfd.readouterr().err == ""  # FFmpeg's complaints help nobody


def test_frames_after_a_damaged_place_are_read(tmp_path):
    path = write_video(tmp_path / "damaged.avi", wall_walk(8), codec="MJPG")  # no frame needs another
    content = bytearray(path.read_bytes())
    chunks = [at for at in range(len(content) - 4) if content[at : at + 4] == b"00dc"][:8]
    content[chunks[3] + 8 : chunks[4]] = bytes(chunks[4] - chunks[3] - 8)  # the fourth frame
    path.write_bytes(content)
    frames = list(VideoFile(path).frames())
    assert [frame.pixels is not None for frame in frames].count(False) == 1
    assert [frame.number for frame in frames] == list(range(8))
    assert np.abs(rgb(frames[-1]).astype(int) - wall_walk(8)[-1]).mean() < 8


def test_a_file_without_time_stamps_says_so(tmp_path, monkeypatch):
    path = write_video(tmp_path / "walk.avi", wall_walk(3))

    class Timeless:
        def __init__(self, path):
            self.capture = capture(path)

        def __getattr__(self, name):
            return getattr(self.capture, name)

        def get(self, what):
            return 0.0 if what == cv2.CAP_PROP_POS_MSEC else self.capture.get(what)

    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", Timeless)
    assert [frame.time_s for frame in VideoFile(path).frames()] == [0.0, None, None]


def test_what_is_no_video_is_refused(tmp_path, capfd):
    with pytest.raises(UserError, match="gone.mp4 is missing: expected a video file"):
        VideoFile(tmp_path / "gone.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("no video " * 50)
    with pytest.raises(UserError, match=r"text.mp4 is not a video that OpenCV can open \(450 bytes\)"):
        VideoFile(text)
    cut_off = write_video(tmp_path / "cut_off.mp4", wall_walk(4))
    cut_off.write_bytes(cut_off.read_bytes()[:1000])
    with pytest.raises(UserError, match="cut_off.mp4 is not a video that OpenCV can open"):
        VideoFile(cut_off)
    empty = write_video(tmp_path / "empty.mp4", wall_walk(4))
    wipe_pixels(empty, beyond=0.0)
    with pytest.raises(UserError, match="empty.mp4 has no frame that can be decoded: .*convert it"):
        VideoFile(empty)
    cv2.imwrite(str(tmp_path / "frame_01.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(UserError, match="frame_01.png is a picture .*--dataset folder"):
        VideoFile(tmp_path / "frame_01.png")
    assert capfd.readouterr().err == ""


def test_without_opencv_it_is_said_what_to_install(tmp_path, monkeypatch):
    path = write_video(tmp_path / "walk.avi", wall_walk(2))
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match=r"pip install 'selfsup-depth\[video\]'"):
        VideoFile(path)


def test_a_video_is_read_by_who_prepares_it_first(tmp_path):
    with pytest.raises(UserError, match=r"run python prepare_data.py --dataset video .* --dataset prepared"):
        build_source("video", DatasetRequest(64, 96, data_path=tmp_path / "walk.mp4"))
