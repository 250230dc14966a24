"""From options to a task: which footage, at which size, with which frames."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from selfsup_depth.config import DataConfig
from selfsup_depth.datasets import FootageOptions, ViewDataset
from selfsup_depth.datasets.builtin.cache import default_cache_dir
from selfsup_depth.datasets.prepared_files import MANIFEST, read_manifest
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.dataset_footage import DatasetFootage, DepthKept
from selfsup_depth.preparation.output import Contents
from selfsup_depth.preparation.run import Task, prepare
from selfsup_depth.preparation.selection import STANDING_STILL
from selfsup_depth.preparation.summary import summary
from selfsup_depth.preparation.video_footage import VideoFootage


def video_task(data: DataConfig, footage: FootageOptions, workers: int) -> Task:
    """All frames of one or several videos; of one camera none while it stands still.

    Raises UserError when the videos or their camera cannot be read, and when --split is given.
    """
    assert data.data_path is not None  # asked for by whoever chooses between data on disk and built-in footage
    if data.split is not None:
        raise UserError(
            f"--split {data.split} chooses among frames, but all of a video are prepared: give it to train.py, with "
            "--dataset prepared."
        )
    videos = VideoFootage(data.data_path, footage, data.height, data.width)
    if videos.has_stereo and videos.camera_is_guess:
        raise UserError(
            f"{data.data_path} is stereo, whose metres hang on the focal length, but nothing tells it: give a "
            "calibration or --fov, or one camera's video alone to learn it from."
        )
    least = footage.min_motion if videos.has_stereo else max(footage.min_motion, STANDING_STILL)
    options = {
        "dataset": "video",
        "height": data.height,
        "width": data.width,
        "stereo_layout": footage.stereo_layout,
        "frame_step": footage.frame_step,
        "fps": footage.fps,
        "min_motion": least,
    }
    return Task(videos, Contents(options, videos.identity()), (data.height, data.width), least, workers)


def dataset_task(
    data: DataConfig, footage: FootageOptions, parts: tuple[ViewDataset, ViewDataset], depth: DepthKept, workers: int
) -> Task:
    """What training and validation, the two parts, look at in a data set that is made of images."""
    images = DatasetFootage(*parts, depth)
    options: dict[str, Any] = {
        "dataset": images.made_from,
        "height": data.height,
        "width": data.width,
        "split": data.split,
        "frame_ids": list(data.frame_ids),
        "use_stereo": data.use_stereo,
        "png": data.png,
        "kitti_intrinsics": data.kitti_intrinsics,
        "frame_step": footage.frame_step,
        "fps": footage.fps,
        "min_motion": footage.min_motion,
        "keep_depth": depth,
    }
    contents = Contents(options, images.identity())
    return Task(images, contents, (data.height, data.width), footage.min_motion, workers)


def as_tar_shards(task: Task, quality: int) -> Task:
    """The same, to be written as tar shards with JPEGs of this quality (0: exact pixels)."""
    options = {**task.contents.options, "shards": True, "shard_quality": quality}
    return replace(task, tar_quality=quality, contents=replace(task.contents, options=options))


def prepared_video(data: DataConfig, footage: FootageOptions, workers: int, console: Console) -> Path:
    """The folder of a video's prepared frames in the cache of this machine; made on first use.

    A data path that is such a folder already, as in the options that a run has kept, is taken as it is.

    Raises UserError as `video_task` and `prepare` do, and when the folder was prepared from something else.
    """
    if data.data_path is not None and (data.data_path.expanduser() / MANIFEST).is_file():
        return _prepared_before(data.data_path.expanduser(), footage)
    task = video_task(replace(data, split=None), footage, workers)
    assert data.data_path is not None  # a task has one
    name = re.sub(r"[^\w.-]+", "_", data.data_path.expanduser().resolve().stem)
    folder = default_cache_dir() / "prepared" / f"{name}-{task.contents.fingerprint}"
    if prepare(task, folder, console):
        console.print(f"the video's frames are kept in {folder}", highlight=False, markup=False)
    for line in summary(folder):  # also of a set made earlier: what was dropped is not there to be seen
        console.print(line, highlight=False, markup=False)
    return folder


def _prepared_before(folder: Path, footage: FootageOptions) -> Path:
    """Raises UserError when it is no video's, or when frames were chosen by other options than those given."""
    manifest = read_manifest(folder)  # says what is wrong with a damaged one
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest.made_from != "video":
        raise UserError(
            f"{folder} was prepared from --dataset {manifest.made_from}, not from a video: read it with --dataset "
            "prepared."
        )
    for option in ("stereo_layout", "frame_step", "fps"):
        given, used = getattr(footage, option), content["options"].get(option)
        if given != used:
            raise UserError(
                f"{folder} was prepared with --{option} {used}, but --{option} {given} is asked for: give the former, "
                "or the video itself as --data_path."
            )
    return folder
