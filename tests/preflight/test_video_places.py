"""What is found in a video is told by the video's file and the time, in words and under the pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from planted_faults import blurred, brighter, drive

import check_data
import prepare_data

pytest.importorskip("cv2", reason="OpenCV writes the videos")
from video_files import write_video

SIZE = ["--height", "96", "--width", "320", "--num_workers", "0"]
MONO = ["--fov", "77"]
STEREO = ["--use_stereo", "--fov", "77", "--baseline", "0.4"]


def found(tmp_path: Path, *options: object) -> dict[str, str]:
    """Sentences of the findings by check; rows of files that nobody has made appear nowhere."""
    out = tmp_path / "out"
    check_data.main([*map(str, options), *SIZE, "--output_directory", str(out)])
    for page in ("check.html", "check.json"):
        assert ".npy" not in (out / page).read_text()
    return {finding["check"]: finding["found"] for finding in json.loads((out / "check.json").read_text())["findings"]}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))


def walk(change, at: tuple[int, ...]) -> list[np.ndarray]:
    return [change(image) if number in at else image for number, image in enumerate(drive().left)]


def test_a_blurred_frame(tmp_path):
    video = write_video(tmp_path / "my walk.avi", walk(blurred, (1, 3)))
    sentence = found(tmp_path, "--dataset", "video", "--data_path", video, *MONO)["blur"]
    assert sentence.endswith("for example my walk.avi at 0.10 s")


def test_neighbours_are_told_apart_by_their_times(tmp_path):
    video = write_video(tmp_path / "lamp.avi", walk(lambda image: brighter(image, 0.8), (1, 2, 4)), fps=30.0)
    jumps = found(tmp_path, "--dataset", "video", "--data_path", video, *MONO)["exposure_jumps"]
    names = jumps.partition("for example ")[2].split(" and ")
    times = sorted(float(name.split(" at ")[1].removesuffix(" s")) for name in names)
    assert all(name.startswith("lamp.avi at ") for name in names)
    assert times[1] - times[0] == pytest.approx(1 / 30, abs=0.011)


def test_of_two_videos_the_left_one_and_of_one_the_half_is_named(tmp_path):
    lower = [np.roll(image, 2, 0) for image in drive().right]
    left, right = write_video(tmp_path / "a.avi", drive().left), write_video(tmp_path / "b.avi", lower)
    two = found(tmp_path, "--dataset", "video", "--data_path", left, "--right_video", right, *STEREO)
    assert "; worst in a.avi at 0." in two["rectification"] or "; worst in b.avi at 0." in two["rectification"]
    both = [np.concatenate(pair, axis=1) for pair in zip(drive().left, lower, strict=True)]
    one = write_video(tmp_path / "both.avi", both)
    beside = ("--stereo_layout", "side_by_side")
    sentence = found(tmp_path, "--dataset", "video", "--data_path", one, *beside, *STEREO)["rectification"]
    assert "; worst in both.avi at 0." in sentence and sentence.endswith(" image")


def test_a_prepared_set_remembers_its_videos(tmp_path):
    folder = tmp_path / "videos"
    both = [np.concatenate(pair, axis=1) for pair in zip(drive().left, drive().right, strict=True)]
    write_video(folder / "first.avi", both)
    write_video(folder / "second.avi", [image * 0 if number in (1, 3) else image for number, image in enumerate(both)])
    options = ["--dataset", "video", "--data_path", str(folder), "--stereo_layout", "side_by_side", *STEREO, *SIZE]
    assert prepare_data.main([*options, "--output_directory", str(tmp_path / "set")]) == 0
    options = ["--dataset", "prepared", "--data_path", str(tmp_path / "set"), "--use_stereo", "--frame_ids", "0"]
    black = found(tmp_path, *options)["exposure"]
    assert re.search(r"for example second\.avi at 0\.[13]0 s, (left|right) image: nearly black", black)
