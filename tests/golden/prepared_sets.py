"""Small prepared sets for tests: of stereo pairs with depth, and of a video of two cameras."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from rich.console import Console
from video_files import wall_walk, write_calibration, write_video

from selfsup_depth.datasets import DatasetRequest, FootageOptions, build_dataset
from selfsup_depth.preparation.dataset_footage import DatasetFootage
from selfsup_depth.preparation.output import Contents
from selfsup_depth.preparation.run import Task, prepare
from selfsup_depth.preparation.video_footage import VideoFootage

QUIET = Console(file=io.StringIO())


def prepare_pairs(
    folder: Path, stereo_folder: Path, size: tuple[int, int] = (32, 64), tar_quality: int | None = None
) -> Path:
    """A stereo folder with `train/` and `val/`, all its depth included, in shards of three frames."""
    parts = [
        build_dataset(
            "stereo_folder",
            DatasetRequest(*size, (0, -1, 1, "s"), stereo_folder, part=part),  # type: ignore[arg-type]
        )
        for part in ("train", "val")
    ]
    footage = DatasetFootage(parts[0], parts[1], "all")
    contents = Contents({}, footage.identity())
    prepare(Task(footage, contents, size, frames_of_a_shard=3, tar_quality=tar_quality), folder, QUIET)
    return folder


def prepare_video(folder: Path, frames: int = 20, size: tuple[int, int] = (32, 64)) -> Path:
    """Two cameras side by side in one file, written into the folder above."""
    both = [np.concatenate(pair, axis=1) for pair in zip(wall_walk(frames), wall_walk(frames, "right"), strict=True)]
    path = write_video(folder.parent / "rig.avi", both)
    write_calibration(path.parent, stereo=True)
    footage = VideoFootage(path, FootageOptions(stereo_layout="side_by_side"), *size)
    prepare(Task(footage, Contents({}, footage.identity()), size, frames_of_a_shard=8), folder, QUIET)
    return folder
