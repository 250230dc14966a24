"""Videos as footage: decoded once from start to end, divided at cuts, with the cameras that are found for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geometry.camera import resize_intrinsics
from selfsup_depth.datasets.cameras import CameraRig, RigFinder
from selfsup_depth.datasets.images import resize_image
from selfsup_depth.datasets.prepared_files import Camera
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.datasets.training_size import least_fitting
from selfsup_depth.datasets.video import opencv
from selfsup_depth.preparation.frames import Dropped, Footage, Moment, Place, ReadyView
from selfsup_depth.preparation.motion import SmallCopy, is_cut, small_copy
from selfsup_depth.preparation.pinholes import PinholeRig, pinhole_rig
from selfsup_depth.preparation.selection import TimeRaster
from selfsup_depth.preparation.video_streams import Pictures, Stream, Take, takes_of
from splits import SplitLine

SIDE_OF_CAMERA: dict[Camera, str] = {"left": "l", "right": "r"}
#: A recording that pauses for so many usual steps, and so many seconds, goes on somewhere else.
PAUSE_STEPS, PAUSE_SECONDS = 5.0, 0.5
SAMPLED_BYTES = 1 << 20  # of each end of a file, to know it again


class VideoFootage(Footage):
    """One or several videos at the size of training.

    Raises UserError when there is no video, when one cannot be decoded, when two are not of one rig, and when its
    camera is not known.
    """

    made_from = "video"

    def __init__(self, data_path: Path, options: FootageOptions, height: int, width: int) -> None:
        self.options, self.height, self.width = options, height, width
        self.streams = [Stream(take, options.stereo_layout) for take in takes_of(data_path, options)]
        self.has_stereo = self.streams[0].is_stereo  # the options say it of all
        finder = RigFinder(options)
        self._rigs = [
            finder.find(
                stream.take.left.parent, None, stream.size, scene=stream.take.name, shown=str(stream.take.left)
            )
            for stream in self.streams
        ]
        self.recorded_size = least_fitting([stream.size for stream in self.streams], (width, height))
        self.camera_is_guess = any(rig.is_guess for rig in self._rigs)
        self._pinholes = [pinhole_rig(rig, stereo=self.has_stereo) for rig in self._rigs]
        self.videos = {take.name: take.file_names for take in (stream.take for stream in self.streams)}
        declared = [stream.total for stream in self.streams]
        self.total = None if None in declared else sum(count for count in declared if count is not None)

    def identity(self) -> dict[str, Any]:
        """The files by size, time of change and the bytes at both ends, whatever folder they lie in."""
        takes = [stream.take for stream in self.streams]
        files = [[take.left] if take.right is None else [take.left, take.right] for take in takes]
        return {
            "videos": [[take.name, *map(_mark, paths)] for take, paths in zip(takes, files, strict=True)],
            "cameras": [_numbers(rig) for rig in self._rigs],
            "camera_is_guess": self.camera_is_guess,
        }

    def moments(self, after: Place | None) -> Iterator[Moment | Dropped]:
        names = [stream.take.name for stream in self.streams]
        begun = 0 if after is None else names.index(after.sequence)
        for index, stream in enumerate(self.streams[begun:], start=begun):
            yield from self._moments_of(stream, self._pinholes[index], after if index == begun else None)

    def _moments_of(self, stream: Stream, rig: PinholeRig, after: Place | None) -> Iterator[Moment | Dropped]:
        raster = TimeRaster(self.options, stream.rate)
        run = 0 if after is None else after.run
        before: tuple[SmallCopy, float | None] | None = None
        waiting = after is not None  # for the frame after which to go on: nothing else makes a later start exact
        for recorded in stream.pictures():
            if isinstance(recorded, Dropped):
                if not waiting:
                    yield recorded
                continue
            reason = raster.refusal(recorded.time_s)
            if waiting and after is not None and recorded.number < after.number:
                continue
            copy = small_copy(recorded.pixels["left"], rgb=False)
            if before is not None and (_pauses(before[1], recorded.time_s, stream.rate) or is_cut(before[0], copy)):
                run += 1
            before = (copy, recorded.time_s)
            if waiting:
                waiting = False
            elif reason is not None:
                yield Dropped(reason)
            else:
                load = partial(self._load, stream.take, rig, recorded)
                yield Moment(stream.take.name, run, recorded.number, recorded.time_s, load)

    def _load(self, take: Take, rig: PinholeRig, recorded: Pictures) -> dict[Camera, ReadyView]:
        views: dict[Camera, ReadyView] = {}
        for camera, pixels in recorded.pixels.items():
            image = rig.seen(camera, torch.from_numpy(_rgb(pixels)).permute(2, 0, 1))
            height, width = image.shape[-2:]
            views[camera] = ReadyView(
                SplitLine(take.name, recorded.number, SIDE_OF_CAMERA[camera]),
                resize_image(image, self.height, self.width),
                resize_intrinsics(rig.intrinsics[camera], self.width / width, self.height / height),
                rig.stereo_T(camera),
            )
        return views


def _rgb(pixels: np.ndarray) -> np.ndarray:
    cv2 = opencv()
    return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]


def _pauses(before: float | None, now: float | None, rate: float | None) -> bool:
    if before is None or now is None:
        return False
    return now - before > max(PAUSE_SECONDS, PAUSE_STEPS / (rate or 30.0))


def _mark(path: Path) -> str:
    """Size, time of change and a checksum of both ends of a file."""
    status = path.stat()
    size = status.st_size
    with path.open("rb") as file:
        content = file.read(SAMPLED_BYTES)
        file.seek(max(0, size - SAMPLED_BYTES))
        content += file.read(SAMPLED_BYTES)
    return f"{size} bytes, {status.st_mtime_ns}, {hashlib.sha256(content).hexdigest()[:16]}"


def _numbers(rig: CameraRig) -> list[Any]:
    cameras = [rig.left] if rig.right is None else [rig.left, rig.right]
    told = [asdict(camera) | {"intrinsics": camera.intrinsics.tolist()} for camera in cameras]
    return [*told, None if rig.right_T_left is None else rig.right_T_left.tolist()]
