"""The rules that turn the facts into KITTI's lists, as lines of text.

Lists for training are made of `FrameRun`s: the frames of one folder, for both cameras, and which of them
are held out. Lines are `folder frame side`, side l or r; frames are printed bare except in Eigen's list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from splits.holdout import HeldOut, hold_out
from splits.kitti_drives import (
    Drive,
    benchmark_val_drives,
    drives,
    frames_without_lidar,
    sequences,
)
from splits.kitti_facts import BENCHMARK_TEST_IMAGES, RAW_ARCHIVES_URL

#: The accumulated ground truth spans 11 scans, so it misses this many frames at each end of a drive.
ACCUMULATED_BORDER = 5
#: The odometry lists keep a 5-frame window inside the sequence.
ODOMETRY_BORDER = 2
ODOMETRY_TRAINING = range(9)  # sequences 0 to 8


@dataclass(frozen=True)
class FrameRun:
    """Frames of one folder that stand in a training list, for both cameras."""

    folder: str
    frames: tuple[int, ...]
    held_out: HeldOut


def run_lines(runs: tuple[FrameRun, ...], part: str) -> tuple[str, ...]:
    """Lines of one part of a training list: "train", "val", "guard" or "all" three of them."""
    return tuple(
        f"{run.folder} {frame} {side}"
        for run in runs
        for frame in run.frames
        if part in ("all", run.held_out.part(frame))
        for side in "lr"
    )


@cache
def eigen_full() -> tuple[FrameRun, ...]:
    """All frames of the 33 drives that Eigen et al. do not test on.

    The first and last frame of a drive lack a neighbour: the list serves stereo-only training.
    """
    return _training_drives(lambda drive: range(drive.frame_count))


@cache
def eigen_zhou() -> tuple[FrameRun, ...]:
    """Frames of the same drives in which the car moves and which have both neighbours (Zhou et al. 2017)."""
    return _training_drives(lambda drive: _moving(drive, border=1))


@cache
def odometry() -> tuple[FrameRun, ...]:
    """Odometry sequences 0 to 8; the raw drives' held-out blocks, renumbered."""
    runs = []
    for number in ODOMETRY_TRAINING:
        sequence = sequences()[number]
        frames = range(ODOMETRY_BORDER, sequence.length - ODOMETRY_BORDER)
        held_out = hold_out(sequence.drive.frame_count, sequence.drive.static).shifted(-sequence.first)
        runs.append(FrameRun(str(number), tuple(frames), held_out))
    return tuple(runs)


@cache
def benchmark() -> tuple[FrameRun, ...]:
    """Frames of all 61 drives that have accumulated ground truth and in which the car moves.

    Validation is the depth benchmark's own: whole drives, so it needs no guard.
    """
    runs = []
    for drive in drives().values():
        without_lidar = frames_without_lidar(drive.key)
        frames = tuple(n for n in _moving(drive, ACCUMULATED_BORDER) if n not in without_lidar)
        validates = drive.key in benchmark_val_drives()
        runs.append(FrameRun(drive.folder, frames, HeldOut(val=frozenset(frames if validates else ()))))
    return tuple(runs)


@cache
def benchmark_test() -> tuple[str, ...]:
    """The depth benchmark's anonymous test images, `image N`."""
    return tuple(f"image {n}" for n in range(BENCHMARK_TEST_IMAGES))


@cache
def eigen_test() -> tuple[str, ...]:
    """The 697 test images of Eigen et al. 2014, left camera, in published order."""
    return tuple(f"{drive.folder} {frame:010d} l" for drive, frame in _eigen_test_frames())


@cache
def eigen_benchmark_test() -> tuple[str, ...]:
    """Those 652 of Eigen's test images that have accumulated ground truth, in the same order."""
    frames = _eigen_test_frames()
    return tuple(f"{frames[i][0].folder} {frames[i][1]} l" for i in eigen_to_benchmark_ids())


@cache
def odometry_test(number: int) -> tuple[str, ...]:
    """The first frame of each consecutive pair of an odometry sequence, left camera."""
    return tuple(f"{number} {n} l" for n in range(sequences()[number].length - 1))


def eigen_to_benchmark_ids() -> np.ndarray:
    """[652] int64: for each line of eigen_benchmark's test list, its index in eigen's 697."""
    kept = [
        index
        for index, (drive, frame) in enumerate(_eigen_test_frames())
        if ACCUMULATED_BORDER <= frame < drive.frame_count - ACCUMULATED_BORDER
    ]
    return np.array(kept, dtype=np.int64)


@cache
def archives_to_download() -> tuple[str, ...]:
    """Addresses of the archives that hold the 61 drives: each date's calibration, then its drives."""
    lines = []
    for date in dict.fromkeys(drive.date for drive in drives().values()):
        lines.append(f"{RAW_ARCHIVES_URL}/{date}_calib.zip")
        names = [drive.name for drive in drives().values() if drive.date == date]
        lines.extend(f"{RAW_ARCHIVES_URL}/{name}/{name}_sync.zip" for name in names)
    return tuple(lines)


def _training_drives(frames_of: Callable[[Drive], range | list[int]]) -> tuple[FrameRun, ...]:
    return tuple(
        FrameRun(drive.folder, tuple(frames_of(drive)), hold_out(drive.frame_count, drive.static))
        for drive in drives().values()
        if not drive.eigen_test
    )


def _moving(drive: Drive, border: int) -> list[int]:
    return [n for n in range(border, drive.frame_count - border) if n not in drive.static]


def _eigen_test_frames() -> list[tuple[Drive, int]]:
    return [(drive, frame) for drive in drives().values() for frame in drive.eigen_test]
