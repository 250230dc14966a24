"""Videos as pictures of one or two cameras at one time: one file, one file that holds both images, or two files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from selfsup_depth.datasets.prepared_files import ALONE, UNDECODABLE, Camera
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.datasets.video import VIDEO_SUFFIXES, VideoFile, VideoFrame
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.frames import Dropped

RATE_TOLERANCE = 0.03  # of a rig that loses a frame now and then; film (24) and television (25) differ by more


@dataclass(frozen=True)
class Pictures:
    """What one or two cameras recorded at one time."""

    number: int  # of the (left) frame in its file
    time_s: float | None
    pixels: dict[Camera, np.ndarray]  # [h, w, 3] uint8, blue green red


@dataclass(frozen=True)
class Take:
    """One recording: a video, or the videos of two cameras."""

    name: str
    left: Path
    right: Path | None = None

    @property
    def file_names(self) -> list[str]:
        """The left camera's first."""
        return [path.name for path in (self.left, self.right) if path is not None]


def takes_of(data_path: Path, options: FootageOptions) -> list[Take]:
    """The recordings that a path means: a file, or every video in a folder; `left.mp4` and `right.mp4` are a pair.

    Raises UserError when there is nothing, or when --right_video does not say whose partner it is.
    """
    data_path, right = data_path.expanduser(), options.right_video
    if not data_path.is_dir():
        return [Take(_name(data_path), data_path, None if right is None else right.expanduser())]
    if right is not None:
        raise UserError(
            f"--right_video {right} is the partner of one file, but --data_path {data_path} is a folder: give the left "
            "camera's file as --data_path."
        )
    found = sorted(path for path in data_path.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if not found:
        raise UserError(
            f"{data_path} holds no video ({', '.join(VIDEO_SUFFIXES)}): give the file itself as --data_path, or read "
            "a folder of pictures with --dataset folder."
        )
    if [path.stem.lower() for path in found] == ["left", "right"]:
        return [Take(_name(data_path), found[0], found[1])]
    names = [_name(path) for path in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{data_path} holds several videos called '{twice}': rename them, each has to have its own.")
    return [Take(name, path) for name, path in zip(names, found, strict=True)]


class Stream:
    """The pictures of one take, in order.

    Raises UserError when a file cannot be read, and when two files are not of one rig: other sizes, other rates.
    """

    def __init__(self, take: Take, layout: str) -> None:
        self.take, self.layout = take, layout
        self.left = VideoFile(take.left)
        self.right = None if take.right is None else VideoFile(take.right)
        self.rate = self.left.rate
        self.size = self._size_of_one()
        if self.right is not None:
            self._refuse_another_rig(self.right)

    @property
    def is_stereo(self) -> bool:
        return self.right is not None or self.layout != "separate"

    @property
    def total(self) -> int | None:
        return self.left.declared

    def pictures(self) -> Iterator[Pictures | Dropped]:
        """Every frame as recorded, or why it is none."""
        if self.right is not None:
            yield from self._pairs(self.left, self.right)
            return
        for frame in self.left.frames():
            if frame.pixels is None:
                yield Dropped(UNDECODABLE)
                continue
            yield Pictures(frame.number, frame.time_s, self._split(frame.pixels))

    def _split(self, pixels: np.ndarray) -> dict[Camera, np.ndarray]:
        width, height = self.size
        if self.layout == "side_by_side":
            return {"left": pixels[:, :width], "right": pixels[:, width:]}
        if self.layout == "top_bottom":
            return {"left": pixels[:height], "right": pixels[height:]}
        return {"left": pixels}

    def _pairs(self, left: VideoFile, right: VideoFile) -> Iterator[Pictures | Dropped]:
        """Frames of the same time, as near as half a frame; of the same number where a file has no times."""
        half = 0.5 / (left.rate or 30.0)
        lefts, rights = left.frames(), right.frames()
        a, b = next(lefts, None), next(rights, None)
        while a is not None and b is not None:
            apart = 0.0 if a.time_s is None or b.time_s is None else a.time_s - b.time_s
            if abs(apart) > half:
                yield Dropped(ALONE)
                a, b = (next(lefts, None), b) if apart < 0 else (a, next(rights, None))
                continue
            if a.pixels is None or b.pixels is None:
                yield Dropped(UNDECODABLE)
            else:
                yield Pictures(a.number, a.time_s, {"left": a.pixels, "right": b.pixels})
            a, b = next(lefts, None), next(rights, None)
        rest: list[VideoFrame] = [frame for frame in (a, b) if frame is not None]
        for _ in chain(rest, lefts, rights):
            yield Dropped(ALONE)

    def _size_of_one(self) -> tuple[int, int]:
        """(width, height) of one camera's image."""
        width, height = self.left.size
        if self.layout == "side_by_side":
            self._refuse_odd(width, "wide")
            return width // 2, height
        if self.layout == "top_bottom":
            self._refuse_odd(height, "high")
            return width, height // 2
        return width, height

    def _refuse_odd(self, length: int, direction: str) -> None:
        if length % 2:
            raise UserError(
                f"{self.take.left} is {length} pixels {direction}, which cannot be two images of the same size as "
                f"--stereo_layout {self.layout} says: correct the option, or cut the video to an even size."
            )

    def _refuse_another_rig(self, right: VideoFile) -> None:
        if right.size != self.left.size:
            raise UserError(
                f"{right.path} is {right.size[0]}x{right.size[1]}, but the left camera's {self.left.path} is "
                f"{self.left.size[0]}x{self.left.size[1]}: give two videos of one rig, recorded at the same size."
            )
        rates = (self.left.rate, right.rate)
        if rates[0] and rates[1] and abs(rates[0] / rates[1] - 1) > RATE_TOLERANCE:
            raise UserError(
                f"{right.path} has {rates[1]:.4g} frames a second, but the left camera's {self.left.path} has "
                f"{rates[0]:.4g}: their frames are not of the same moments; give two videos that a rig recorded "
                "together."
            )


def _name(path: Path) -> str:
    """A word: names stand in lists, whose columns are separated by blanks."""
    return "_".join(path.stem.split()) or "video"
