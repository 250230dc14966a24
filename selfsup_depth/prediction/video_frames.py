"""Frames of a video file or of a webcam."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfsup_depth.datasets.video import VideoFile, opencv
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.frames import Decode, Frame

#: Containers that list their frames; of the others OpenCV guesses the number from duration and frame rate.
COUNTED_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi")
FASTEST_FPS = 240.0
USUAL_FPS = 25.0  # where a file does not tell, or tells its clock's ticks instead


class VideoFrames:
    """A video file as a source of frames, turned as the file's rotation flag says.

    Raises UserError when it is no video, has no frame that can be decoded, or OpenCV is not installed.
    """

    is_footage = True
    is_live = False

    def __init__(self, path: Path) -> None:
        file = VideoFile(path)
        self.path, self.name, self.shown = path, path.stem, str(path)
        self.length = file.declared
        self.fps = file.rate if file.rate is not None and file.rate <= FASTEST_FPS else USUAL_FPS

    def frames(self) -> Iterator[Decode]:
        """Frames that cannot be decoded raise UserError in their place, those missing at the end after the last."""
        cv2 = opencv()
        capture = cv2.VideoCapture(str(self.path))
        listed = self.length or 0
        try:
            index = failures = 0
            # after a damaged frame OpenCV fails a few times, once for each frame lost, and then goes on
            while not failures or index < listed:
                ok, pixels = capture.read()
                if ok and failures:
                    yield partial(_lost, self.path, index - failures, index - 1)
                if ok:
                    yield partial(_decode, self, index, pixels, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
                failures = 0 if ok else failures + 1
                index += 1
        finally:
            capture.release()
        reached = index - failures
        if reached < listed and self.path.suffix.lower() in COUNTED_SUFFIXES:
            yield partial(_missing, self.path, listed - reached, listed)


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
        self._capture = _open_quietly(number)
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


def _open_quietly(number: int) -> Any:
    """A capture; what OpenCV prints when there is no such webcam is said better by our own error."""
    cv2 = opencv()
    logging = cv2.utils.logging
    before = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(number)
    finally:
        logging.setLogLevel(before)


def _decode(source: VideoFrames | Webcam, index: int, pixels: np.ndarray, time_s: float) -> Frame:
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
