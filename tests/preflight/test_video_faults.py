"""Faults of video files, each planted alone: what preparation had to leave out is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from planted_faults import drive

import check_data

pytest.importorskip("cv2", reason="OpenCV writes the videos")
from video_files import write_video

OPTIONS = ["--dataset", "video", "--fov", "77", "--height", "96", "--width", "320", "--num_workers", "0"]
STEREO = ["--use_stereo", "--baseline", "0.4", "--frame_ids", "0"]


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Runs check_data.py; its findings by name."""
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))

    def run(*options: object) -> dict[str, dict[str, str]]:
        out = tmp_path / "out"
        check_data.main([*OPTIONS, *map(str, options), "--output_directory", str(out)])
        return {finding["check"]: finding for finding in json.loads((out / "check.json").read_text())["findings"]}

    return run


def damage(path: Path, frames: tuple[int, ...]) -> None:
    """Makes frames of a motion JPEG unreadable."""
    content = bytearray(path.read_bytes())
    starts = [i for i in range(len(content)) if content[i : i + 4] == b"00dc"]
    for frame in frames:
        content[starts[frame] + 8 : starts[frame + 1]] = bytes(starts[frame + 1] - starts[frame] - 8)
    path.write_bytes(content)


@pytest.mark.parametrize(("frames", "severity"), [((2,), "warning"), ((2, 3, 4), "error")])
def test_frames_that_cannot_be_decoded(frames, severity, check, tmp_path):
    video = write_video(tmp_path / "torn.avi", drive().left + drive().left[::-1], codec="MJPG")
    assert "undecodable_frames" not in check("--data_path", video)
    damage(video, frames)
    finding = check("--data_path", video)["undecodable_frames"]
    assert f"{len(frames)} of 18 frames could not be decoded" in finding["found"]
    assert finding["severity"] == severity and "copy the video again" in finding["remedy"]


def test_two_videos_of_which_one_ends_early(check, tmp_path):
    left = write_video(tmp_path / "left.avi", drive().left)
    right = write_video(tmp_path / "right.avi", drive().right[:6])
    finding = check("--data_path", left, "--right_video", right, *STEREO)["unmatched_frames"]
    assert "3 of 9 frames have no partner at the same time" in finding["found"]
    right = write_video(tmp_path / "whole.avi", drive().right)
    assert check("--data_path", left, "--right_video", right, *STEREO) == {}


def test_frames_out_of_order_are_no_files_to_be_renamed(check, tmp_path):
    order = [0, 5, 2, 7, 4, 1, 6, 3, 8, 2, 6, 0, 4, 1, 7, 3]
    video = write_video(tmp_path / "edited.avi", [np.ascontiguousarray(drive().left[n]) for n in order])
    finding = check("--data_path", video)["frame_order"]
    assert "an editor" in finding["cause"] and "rename" not in finding["remedy"]
    assert "edited.avi at " in finding["found"]
