"""Frames of a video file or of a webcam."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from selfsup_depth.datasets.video import VideoFile, quiet_capture
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.frames import Decode, Frame

FASTEST_FPS = 240.0
USUAL_FPS = 25.0  # where a file does not tell, or tells its clock's ticks instead


class VideoFrames:
    """A video file as a source of frames, turned as the file's rotation flag says.

    Raises UserError when it is no video, has no frame that can be decoded, or OpenCV is not installed.
    """

    is_footage = True
    is_live = False

    def __init__(self, path: Path) -> None:
        self._file = VideoFile(path)
        self.path, self.name, self.shown = path, path.stem, str(path)
        self.length, rate = self._file.declared, self._file.rate
        self.fps = rate if rate is not None and rate <= FASTEST_FPS else USUAL_FPS

    def frames(self) -> Iterator[Decode]:
        """Frames that cannot be decoded raise UserError in their place, those missing at the end after the last."""
        lost: list[int] = []
        for frame in self._file.frames():
            if frame.pixels is None:
                lost.append(frame.number)
                continue
            if lost:
                yield partial(_lost, self.path, lost[0], lost[-1])
                lost = []
            yield partial(_decode, self, frame.number, frame.pixels, frame.time_s)
        if lost and self.length is not None:  # only a file that lists its frames can miss some at its end
            yield partial(_missing, self.path, len(lost), self.length)


class Webcam:
    """A webcam as a source of frames without an end.

    Raises UserError when there is none of this number, or OpenCV is not installed.
    """

    is_footage = True
    is_live = True
    length = None
    fps = None

    def __init__(self, number: int) -> None:
        self.name, self.shown = f"webcam{number}", f"webcam {number}"
        self._capture = quiet_capture(number)
        if not self._capture.isOpened():
            raise UserError(
                f"--image_path {number}: no webcam of this number answers (and no file has this name): check that it "
                "is connected, free, and allowed to you."
            )

    def frames(self) -> Iterator[Decode]:
        """Until it is unplugged: then UserError is raised in the next frame's place."""
        start, index = time.perf_counter(), 0
        try:
            while True:
                ok, pixels = self._capture.read()
                if not ok:
                    yield partial(_unplugged, self.shown, index)
                    return
                yield partial(_decode, self, index, pixels, time.perf_counter() - start)
                index += 1
        finally:
            self._capture.release()


def _decode(source: VideoFrames | Webcam, index: int, pixels: np.ndarray, time_s: float | None) -> Frame:
    image = torch.from_numpy(np.ascontiguousarray(pixels[..., ::-1].transpose(2, 0, 1)))
    return Frame(f"{source.name}/{index:06d}", f"{source.shown}, frame {index}", image, time_s=time_s)


def _lost(path: Path, first: int, last: int) -> Frame:
    named = f"frame {first}" if first == last else f"frames {first} to {last}"
    raise UserError(f"{path}: {named} cannot be decoded (the file is damaged there): left out.")


def _missing(path: Path, missing: int, listed: int) -> Frame:
    raise UserError(
        f"{path}: {missing} of the {listed} frames it lists cannot be decoded (it is damaged or cut off): left out."
    )


def _unplugged(shown: str, index: int) -> Frame:
    raise UserError(f"{shown} gave no picture after {index} frames: is it still connected?")
