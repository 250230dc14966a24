"""Real video files, whole and damaged, and a webcam that is not there."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.prediction.video_frames import VideoFrames, Webcam

cv2 = pytest.importorskip("cv2", reason="needs OpenCV (the extra `video`)")
HEIGHT, WIDTH, FRAMES, FPS = 64, 96, 20, 12.5


def levels(frame: int) -> tuple[int, int, int]:
    """Red, green, blue of a frame."""
    return 10 * frame + 20, 200 - 5 * frame, 90


@pytest.fixture
def film(tmp_path):
    """Writes frames of one colour each, with a noisy band, which makes each frame's data long enough to damage."""

    def write(name="clip.mp4", codec="mp4v", frames=FRAMES) -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), FPS, (WIDTH, HEIGHT))
        for number in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), levels(number)[::-1], dtype=np.uint8)
            picture[20:40] = np.random.default_rng(number).integers(0, 255, (20, WIDTH, 3))
            writer.write(picture)
        writer.release()
        return path

    return write


def decoded(path):
    frames, errors = [], []
    for job in VideoFrames(path).frames():
        try:
            frames.append(job())
        except UserError as error:
            errors.append(str(error))
    return frames, errors


def test_frames_come_in_order_in_rgb_with_their_times(film):
    path = film("ein ünïcode clip.mp4")
    source = VideoFrames(path)
    assert (source.length, source.fps, source.name) == (FRAMES, FPS, "ein ünïcode clip")
    assert (source.is_footage, source.is_live) == (True, False)
    frames, errors = decoded(path)
    assert len(frames) == FRAMES and not errors
    for number, frame in enumerate(frames):
        assert frame.image.shape == (3, HEIGHT, WIDTH)
        seen = frame.image[:, :12].float().mean((1, 2))
        assert np.abs(seen.numpy() - levels(number)).max() < 10
        assert frame.time_s == pytest.approx(number / FPS, abs=1e-3)
        assert frame.name == f"ein ünïcode clip/{number:06d}"
        assert frame.shown == f"{path}, frame {number}"


def test_the_rotation_flag_of_a_phone_is_followed(film):
    path = film()
    upright = decoded(path)[0][3].image
    content = bytearray(path.read_bytes())
    place = content.find(b"tkhd") + 4 + 40  # the display matrix of the track's header
    assert struct.unpack(">9i", content[place : place + 36])[0] == 1 << 16
    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT << 16, 0, 1 << 30)
    content[place : place + 36] = struct.pack(">9i", *quarter)
    path.write_bytes(content)
    turned = decoded(path)[0][3].image
    assert turned.shape == (3, WIDTH, HEIGHT)
    np.testing.assert_array_equal(turned.numpy(), np.rot90(upright.numpy(), -1, (1, 2)))


def test_frames_damaged_in_the_middle_are_named_and_the_others_keep_their_numbers(film):
    path = film()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 6000] = bytes(6000)
    path.write_bytes(content)
    frames, errors = decoded(path)
    assert 10 <= len(frames) < FRAMES
    numbers = [int(frame.name[-6:]) for frame in frames]
    assert (numbers[0], numbers[-1]) == (0, FRAMES - 1)
    for frame, number in zip(frames, numbers, strict=True):
        assert frame.time_s == pytest.approx(number / FPS, abs=1e-3)
    missing = sorted(set(range(FRAMES)) - set(numbers))
    (error,) = errors
    named = f"frames {missing[0]} to {missing[-1]}" if len(missing) > 1 else f"frame {missing[0]}"
    assert error == f"{path}: {named} cannot be decoded (the file is damaged there): left out."


def test_frames_missing_at_the_end_are_counted(film):
    path = film("clip.avi", "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, errors = decoded(path)
    assert 5 < len(frames) < FRAMES
    missing = FRAMES - len(frames)
    named = f"{path}: {missing} of the {FRAMES} frames it lists cannot be decoded"
    assert errors == [f"{named} (it is damaged or cut off): left out."]


def test_one_lost_frame_is_named_by_itself(film, monkeypatch):
    """A capture whose fourth frame fails once, as FFmpeg's does for one damaged frame."""
    path = film(frames=6)
    real = cv2.VideoCapture

    class Stumbles:
        def __init__(self, place):
            self.inner, self.reads = real(place), 0

        def read(self):
            ok, pixels = self.inner.read()
            self.reads += 1
            return (False, None) if self.reads == 4 else (ok, pixels)

        def __getattr__(self, name):
            return getattr(self.inner, name)

    monkeypatch.setattr(cv2, "VideoCapture", Stumbles)
    frames, errors = decoded(path)
    assert [frame.name[-1] for frame in frames] == ["0", "1", "2", "4", "5"]
    assert "frame 3 cannot be decoded" in errors[0]


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b""])
def test_what_is_no_video_is_refused(damage, film):
    path = film()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="clip.mp4"):
        VideoFrames(path)


def test_a_frame_rate_that_is_none_is_replaced(film, monkeypatch):
    path = film()
    real = cv2.VideoCapture

    class WithoutRate:
        def __init__(self, place):
            self.inner = real(place)

        def get(self, wanted):
            return 90000.0 if wanted == cv2.CAP_PROP_FPS else self.inner.get(wanted)

        def __getattr__(self, name):
            return getattr(self.inner, name)

    monkeypatch.setattr(cv2, "VideoCapture", WithoutRate)
    assert VideoFrames(path).fps == 25.0


class Camera:
    """Stands for a webcam of three pictures; then somebody pulls the plug."""

    def __init__(self, number):
        self.number, self.shot, self.released = number, 0, False

    def isOpened(self):
        return self.number == 1

    def read(self):
        self.shot += 1
        return self.shot <= 3, np.full((48, 64, 3), (9, 8, self.shot), dtype=np.uint8) if self.shot <= 3 else None

    def release(self):
        self.released = True


def test_a_webcam_gives_pictures_until_it_is_unplugged(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    source = Webcam(1)
    assert (source.length, source.is_live, source.name) == (None, True, "webcam1")
    *jobs, last = source.frames()
    frames = [job() for job in jobs]
    assert [frame.image[:, 0, 0].tolist() for frame in frames] == [[1, 8, 9], [2, 8, 9], [3, 8, 9]]
    assert [frame.name for frame in frames] == ["webcam1/000000", "webcam1/000001", "webcam1/000002"]
    assert 0 <= frames[0].time_s <= frames[1].time_s <= frames[2].time_s
    with pytest.raises(UserError, match="webcam 1 gave no picture after 3 frames: is it still connected"):
        last()
    assert source._capture.released


def test_a_webcam_that_is_not_there(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    with pytest.raises(UserError, match="--image_path 7: no webcam of this number answers"):
        Webcam(7)


def test_without_opencv_videos_and_webcams_are_refused_in_words(film, monkeypatch):
    path = film()
    monkeypatch.setitem(sys.modules, "cv2", None)
    for make in (lambda: VideoFrames(path), lambda: Webcam(0)):
        with pytest.raises(UserError, match=r"pip install 'selfsup-depth\[video\]'"):
            make()
