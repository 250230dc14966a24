"""Files of the TUM RGB-D benchmark (Sturm et al., IROS 2012), as its page describes them; no samples here.

`rgb.txt` and `depth.txt` are lines `time file`, `groundtruth.txt` lines `time tx ty tz qx qy qz qw`, camera to world
in metres; `#` begins a comment. Times are seconds. Depth is 16 bits, metres * 5000, 0 = none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from selfsup_depth.datasets.cameras import Camera
from selfsup_depth.datasets.quaternions import first_not_unit, pose_matrices, slerp
from selfsup_depth.errors import UserError

DEPTH_SCALE = 5000.0
#: Images and depth maps of the same instant are at most this far apart, as in the benchmark's associate.py.
SAME_INSTANT_S = 0.02
#: Poses come a hundred times a second; over a longer gap nobody knows how the camera went.
LONGEST_POSE_GAP_S = 0.1
#: Times are printed with four to six decimals.
ROUNDING_S = 0.001
SIZE = (640, 480)
#: fx fy cx cy (counted from the centre of the first pixel) and k1 k2 p1 p2 k3, as published. Images of freiburg3 were
#: published without distortion.
PUBLISHED_CAMERAS = {
    "1": ((517.3, 516.5, 318.6, 255.3), (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
    "2": ((520.9, 521.0, 325.1, 249.7), (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
    "3": ((535.4, 539.2, 320.1, 247.6), ()),
}
CAMERA_IN_NAME = re.compile(r"(?:freiburg|fr)[_-]?([123])(?!\d)", re.IGNORECASE)


Row = TypeVar("Row")


@dataclass(frozen=True)
class TimedFiles:
    """The images of rgb.txt or the maps of depth.txt, in order of their times."""

    times: np.ndarray  # [N] float64 seconds
    files: tuple[str, ...]  # below the sequence's folder


@dataclass(frozen=True)
class TimedPoses:
    """A trajectory."""

    times: np.ndarray  # [N] float64 seconds
    positions: np.ndarray  # [N, 3] float64 metres
    quaternions: np.ndarray  # [N, 4] float64 x y z w, camera to world

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """world_T_camera [M, 4, 4] float64 at `times` [M], and where [M] it is known.

        Positions are on the straight line between the two poses around a time, rotations turn about one axis.
        Nothing is known before the first pose, after the last one, and where the next ones are too far apart.
        """
        after = np.clip(np.searchsorted(self.times, times), 1, max(len(self.times) - 1, 1))
        before, after = np.minimum(after - 1, len(self.times) - 1), np.minimum(after, len(self.times) - 1)
        gap = self.times[after] - self.times[before]
        since = times - self.times[before]
        share = np.clip(since / np.where(gap > 0, gap, 1), 0, 1)
        near_one = np.minimum(np.abs(since), np.abs(since - gap)) <= ROUNDING_S
        within = (since >= 0) & (since <= gap) & (gap <= LONGEST_POSE_GAP_S)
        positions = self.positions[before] + share[:, None] * (self.positions[after] - self.positions[before])
        quaternions = slerp(self.quaternions[before], self.quaternions[after], share)
        return pose_matrices(positions, quaternions), within | near_one


def read_files(path: Path) -> TimedFiles:
    """Raises UserError when the list is missing, empty, in other columns or not in order of time."""
    rows = _rows(path, "time file", lambda words: (_number(words[0]), words[1]), splits=1)
    return TimedFiles(_ascending(path, [time for time, _ in rows]), tuple(file for _, file in rows))


def read_trajectory(path: Path) -> TimedPoses:
    """Raises UserError as `read_files` does, and when a quaternion is not of length 1."""

    def eight(words: Sequence[str]) -> list[float]:
        if len(words) != 8:
            raise ValueError
        return [_number(word) for word in words]

    values = np.array(_rows(path, "time tx ty tz qx qy qz qw", eight))
    bad = first_not_unit(values[:, 4:])
    if bad is not None:
        quaternion = " ".join(f"{value:g}" for value in values[bad, 4:])
        raise UserError(
            f"{path}: the pose at {values[bad, 0]:.6f} does not end with a unit quaternion qx qy qz qw, found "
            f"{quaternion}: restore the file, or write its columns as time tx ty tz qx qy qz qw."
        )
    unit = values[:, 4:] / np.linalg.norm(values[:, 4:], axis=1, keepdims=True)
    return TimedPoses(_ascending(path, values[:, 0]), values[:, 1:4], unit)


def nearest(times: np.ndarray, wanted: np.ndarray, tolerance: float = SAME_INSTANT_S) -> np.ndarray:
    """For each of `wanted` [M] the index of the nearest of ascending `times` [N]; -1 where none is near enough."""
    if not len(times):
        return np.full(len(wanted), -1)
    after = np.clip(np.searchsorted(times, wanted), 1, max(len(times) - 1, 1))
    before, after = np.minimum(after - 1, len(times) - 1), np.minimum(after, len(times) - 1)
    index = np.where(wanted - times[before] <= times[after] - wanted, before, after)
    return np.where(np.abs(times[index] - wanted) <= tolerance, index, -1)


def published_camera(sequence: str) -> Camera | None:
    """The colour camera of the benchmark's sequence of this name, distortion included; None for any other name."""
    found = CAMERA_IN_NAME.search(sequence)
    if found is None:
        return None
    (fx, fy, cx, cy), distortion = PUBLISHED_CAMERAS[found[1]]
    intrinsics = torch.tensor([[fx, 0.0, cx + 0.5], [0.0, fy, cy + 0.5], [0.0, 0.0, 1.0]], dtype=torch.float64)
    return Camera(intrinsics, SIZE, distortion)


def _rows(path: Path, columns: str, parse: Callable[[Sequence[str]], Row], splits: int = -1) -> list[Row]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}): expected lines '{columns}'; restore the file.") from error
    rows = []
    for place, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            rows.append(parse(text.split(maxsplit=splits)))
        except (ValueError, IndexError) as error:
            raise UserError(
                f"{path}, line {place}: expected '{columns}', found '{text[:60]}': restore the file."
            ) from error
    if not rows:
        raise UserError(f"{path} has no lines '{columns}': restore the file.")
    return rows


def _number(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"{word} is no time, place or turn")
    return value


def _ascending(path: Path, times: Sequence[float] | np.ndarray) -> np.ndarray:
    """Raises UserError when a time is earlier than the one above it."""
    values = np.asarray(times, dtype=np.float64)
    wrong = np.diff(values) < 0
    if wrong.any():
        place = int(wrong.argmax())
        raise UserError(
            f"{path} is not in order of time: {values[place + 1]:.6f} follows {values[place]:.6f}; sort its lines."
        )
    return values
