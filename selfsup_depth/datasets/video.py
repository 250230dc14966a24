"""One video file as frames with times, and what `--dataset video` reads once such files are prepared.

OpenCV decodes (the extra `video`). Frames are turned as the file's rotation flag says, as every player shows them: a
calibration belongs to the pictures as they are shown. Times are those of the frames themselves, so a variable frame
rate is no trouble.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from selfsup_depth.datasets.images import IMAGE_SUFFIXES
from selfsup_depth.datasets.prepared import Prepared
from selfsup_depth.datasets.prepared_files import MANIFEST
from selfsup_depth.datasets.request import DatasetRequest, FootageOptions
from selfsup_depth.errors import UserError

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm")
#: Containers that list their frames; of the others OpenCV guesses their number.
LIST_THEIR_FRAMES = (".mp4", ".mov", ".m4v", ".avi")


@dataclass(frozen=True)
class VideoFrame:
    """One frame as decoded."""

    number: int  # counted from 0 in the file
    time_s: float | None  # None: the file does not say
    pixels: np.ndarray | None  # [h, w, 3] uint8, OpenCV's order blue, green, red; None: cannot be decoded


class VideoFile:
    """The frames of a video file.

    Raises UserError when the file is missing, is no video, or has no frame that can be decoded, and when OpenCV is not
    installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise UserError(f"{path} is missing: expected a video file; correct the path.")
        if path.suffix.lower() in IMAGE_SUFFIXES:
            raise UserError(f"{path} is a picture where a video was expected: read pictures with --dataset folder.")
        capture = self._open()
        cv2 = opencv()
        rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        decoded, pixels = capture.read()
        capture.release()
        if not decoded:
            raise UserError(
                f"{path} has no frame that can be decoded: the file is damaged or its codec is not known to OpenCV; "
                "convert it (ffmpeg -i IN -c:v libx264 OUT.mp4), or record it again."
            )
        #: (width, height) as shown
        self.size = (int(pixels.shape[1]), int(pixels.shape[0]))
        #: frames a second, the mean where it varies; None: the file does not say
        self.rate = float(rate) if 0 < rate < 1e5 else None
        #: how many frames the file says it has; None: it does not say
        self.declared = int(count) if 0 < count < 1e9 else None

    def frames(self) -> Iterator[VideoFrame]:
        """All frames in order; one that cannot be decoded comes without pixels.

        There is no way to begin later: seeking is not exact in every format.
        """
        cv2, capture = opencv(), self._open()
        latest, failed = -1.0, 0
        number = 0
        try:
            # after a damaged place OpenCV fails once for each frame lost, and then goes on
            while not failed or number < (self.declared or 0):
                decoded, pixels = capture.read()
                if not decoded:
                    failed += 1
                    number += 1
                    continue
                for lost in range(number - failed, number):
                    yield VideoFrame(lost, None, None)
                failed = 0
                milliseconds = float(capture.get(cv2.CAP_PROP_POS_MSEC))
                known = milliseconds > latest  # a file without time stamps says 0, or the latest again
                latest = max(latest, milliseconds)
                yield VideoFrame(number, milliseconds / 1000.0 if known else None, pixels)
                number += 1
        finally:
            capture.release()
        if self.declared is not None and self.path.suffix.lower() in LIST_THEIR_FRAMES:
            for lost in range(number - failed, self.declared):
                yield VideoFrame(lost, None, None)

    def _open(self) -> Any:
        """A capture at the first frame; raises UserError when OpenCV does not take the file for a video."""
        capture = quiet_capture(str(self.path))
        if not capture.isOpened():
            raise UserError(
                f"{self.path} is not a video that OpenCV can open ({self.path.stat().st_size} bytes): the file is "
                "damaged, incomplete or of another kind; copy it again, or convert it to mp4."
            )
        capture.set(opencv().CAP_PROP_ORIENTATION_AUTO, 1)
        return capture


def quiet_capture(source: str | int) -> Any:
    """OpenCV's capture of a file or of a webcam's number, opened or not: why not is said better by our own errors."""
    cv2 = opencv()
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(source)
    finally:
        cv2.utils.logging.setLogLevel(before)


def opencv() -> Any:
    """The module cv2; raises UserError when it is not installed."""
    # decoders print what is wrong with a file; what a person needs to know is said by our own errors
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise UserError(
            f"reading videos and undistorting images needs OpenCV, which cannot be imported ({error}): "
            "pip install 'selfsup-depth[video]'"
        ) from error
    return cv2


def open_video(request: DatasetRequest) -> Prepared:
    """The frames of a video after its preparation, which train.py makes by itself and prepare_data.py by request.

    Raises UserError when the data path is not yet prepared.
    """
    if request.data_path is None:
        raise UserError("video is read from disk: give its file as --data_path.")
    path = Path(request.data_path).expanduser()
    if (path / MANIFEST).is_file():
        # what the options of footage say was done when the video was prepared; whether its camera is learnt is not said
        learns = FootageOptions(guess_fov=request.options.footage.guess_fov)
        return Prepared(replace(request, options=replace(request.options, footage=learns)))
    words = ["--data_path", str(path), *_given(request.options.footage)]
    size = f"--height {request.height} --width {request.width}"
    raise UserError(
        f"--data_path {path} is not prepared for reading: run python prepare_data.py --dataset video "
        f"{shlex.join(words)} {size} --output_directory OUT, then read --dataset prepared --data_path OUT."
    )


def _given(footage: FootageOptions) -> list[str]:
    """What was said of the footage, as the options that say it."""
    said = {o.name: getattr(footage, o.name) for o in fields(footage) if o.name != "guess_fov"}
    changed = {o.name: said[o.name] for o in fields(footage) if o.name in said and said[o.name] != o.default}
    return [word for name, value in changed.items() for word in (f"--{name}", str(value))]
