"""Videos of one or two cameras as pictures of one time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from video_files import set_frame_times, wall_walk, write_video

from selfsup_depth.datasets.prepared_files import ALONE
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.frames import Dropped
from selfsup_depth.preparation.video_streams import Pictures, Stream, Take, takes_of

pytest.importorskip("cv2", reason="videos need OpenCV (extra `video`)")
LEFT, RIGHT = wall_walk(6), wall_walk(6, "right")


def pair(folder: Path, left: int = 6, right: int = 6, suffix: str = ".avi", fps: float = 10.0) -> Take:
    return Take(
        "walk",
        write_video(folder / f"left{suffix}", LEFT[:left]),
        write_video(folder / f"right{suffix}", RIGHT[:right], fps=fps),
    )


def rgb(pictures: Pictures, camera: str) -> np.ndarray:
    return pictures.pixels[camera][..., ::-1]


def test_one_camera(tmp_path):
    stream = Stream(Take("walk", write_video(tmp_path / "walk.avi", LEFT)), "separate")
    found = list(stream.pictures())
    assert not stream.is_stereo
    assert stream.total == 6
    assert [list(pictures.pixels) for pictures in found] == [["left"]] * 6
    assert np.array_equal(rgb(found[4], "left"), LEFT[4])
    assert [pictures.time_s for pictures in found] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize(("layout", "axis"), [("side_by_side", 1), ("top_bottom", 0)])
def test_both_images_in_one_frame(tmp_path, layout, axis):
    both = [np.concatenate([left, right], axis=axis) for left, right in zip(LEFT, RIGHT, strict=True)]
    stream = Stream(Take("walk", write_video(tmp_path / "walk.avi", both)), layout)
    assert stream.is_stereo
    assert stream.size == (96, 64)
    for number, pictures in enumerate(stream.pictures()):
        assert np.array_equal(rgb(pictures, "left"), LEFT[number])
        assert np.array_equal(rgb(pictures, "right"), RIGHT[number])


def test_two_files(tmp_path):
    stream = Stream(pair(tmp_path), "separate")
    assert stream.is_stereo
    found = list(stream.pictures())
    assert len(found) == 6
    assert np.array_equal(rgb(found[3], "right"), RIGHT[3])


@pytest.mark.parametrize(("left", "right"), [(6, 4), (4, 6)])
def test_the_longer_of_two_files_loses_its_end(tmp_path, left, right):
    found = list(Stream(pair(tmp_path, left, right), "separate").pictures())
    assert [type(each) for each in found] == [Pictures] * 4 + [Dropped] * 2
    assert {each.reason for each in found[4:]} == {ALONE}


def test_a_frame_that_one_camera_lost_does_not_shift_the_rest(tmp_path):
    """The right camera lost its third frame: its times say so."""
    images = wall_walk(40, "right")
    left = write_video(tmp_path / "left.mp4", wall_walk(40))
    right = write_video(tmp_path / "right.mp4", [*images[:2], *images[3:]])
    set_frame_times(right, [0.1, 0.2] + [0.1] * 37)
    found = list(Stream(Take("walk", left, right), "separate").pictures())
    assert [getattr(each, "number", None) for each in found] == [0, 1, None, *range(3, 40)]
    shown = rgb(found[3], "right").astype(int)
    assert np.argmin([np.abs(shown - image).mean() for image in images]) == 3  # a lossy format


def test_files_that_are_not_of_one_rig_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"right.avi has 12.5 frames a second, but the left camera's .* has 10: "):
        Stream(pair(tmp_path / "rates", fps=12.5), "separate")
    small = [np.ascontiguousarray(image[:60]) for image in RIGHT]
    take = Take("walk", write_video(tmp_path / "l.avi", LEFT), write_video(tmp_path / "r.avi", small))
    with pytest.raises(UserError, match=r"r.avi is 96x60, but the left camera's .*l.avi is 96x64"):
        Stream(take, "separate")


def test_an_odd_size_cannot_hold_two_images(tmp_path):
    take = Take("walk", write_video(tmp_path / "walk.avi", LEFT))
    stream = Stream(take, "separate")
    odd = (("side_by_side", (95, 64), "95 pixels wide"), ("top_bottom", (96, 63), "63 pixels high"))
    for layout, size, word in odd:
        stream.layout, stream.left.size = layout, size
        with pytest.raises(UserError, match=f"{word}, which cannot be two images .*--stereo_layout {layout}"):
            stream._size_of_one()


def test_which_files_a_path_means(tmp_path):
    write_video(tmp_path / "rig" / "left.mp4", LEFT)
    write_video(tmp_path / "rig" / "right.mp4", RIGHT)
    write_video(tmp_path / "clips" / "a walk.MP4", LEFT)
    write_video(tmp_path / "clips" / "b.avi", LEFT)
    plain = FootageOptions()
    assert takes_of(tmp_path / "rig", plain) == [
        Take("rig", tmp_path / "rig" / "left.mp4", tmp_path / "rig" / "right.mp4")
    ]
    assert [take.name for take in takes_of(tmp_path / "clips", plain)] == ["a_walk", "b"]  # a word each
    file, other = tmp_path / "clips" / "b.avi", tmp_path / "rig" / "right.mp4"
    assert takes_of(file, FootageOptions(right_video=other)) == [Take("b", file, other)]


def test_paths_that_mean_nothing_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no video \(.mp4, .*--dataset folder"):
        takes_of(tmp_path, FootageOptions())
    with pytest.raises(UserError, match="--right_video r.mp4 is the partner of one file, but .* is a folder"):
        takes_of(tmp_path, FootageOptions(right_video=Path("r.mp4")))
    for name in ("walk.mp4", "walk.avi"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="holds several videos called 'walk'"):
        takes_of(tmp_path, FootageOptions())
