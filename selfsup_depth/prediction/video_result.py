"""A side-by-side video (mp4) of pictures that may differ in size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from selfsup_depth.datasets.video import opencv, quiet_capture
from selfsup_depth.errors import UserError

CODEC = "mp4v"  # the one that OpenCV's wheels can always write
WIDEST = 3840  # most players go no further


class SideBySideVideo:
    """Takes pictures in order; the first one decides the size, others are fitted into it with black borders."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self._fps = path, fps
        self.size: tuple[int, int] | None = None  # (height, width)
        self.frames = 0
        self._writer: Any = None

    def write(self, picture: np.ndarray) -> None:
        """[H, W, 3] uint8 RGB. Raises UserError when the file cannot be made."""
        if self._writer is None or self.size is None:
            self.size = _video_size(picture.shape[0], picture.shape[1])
            cv2 = opencv()
            code = cv2.VideoWriter_fourcc(*CODEC)
            self._writer = cv2.VideoWriter(str(self.path), code, self._fps, (self.size[1], self.size[0]))
            if not self._writer.isOpened():
                raise UserError(
                    f"{self.path} cannot be written as a video of {self.size[1]}x{self.size[0]} pixels: give another "
                    "--output_directory."
                )
        fitted = fit_into(picture, self.size)
        self._writer.write(np.ascontiguousarray(fitted[..., ::-1]))
        self.frames += 1

    def close(self) -> None:
        """Complete the file. Raises UserError when it then lacks frames, as on a full disk."""
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        capture = quiet_capture(str(self.path))
        written = int(capture.get(opencv().CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if written < self.frames:
            raise UserError(
                f"{self.path} holds {written} of {self.frames} frames: the disk is full, or the folder cannot be "
                "written; give another --output_directory."
            )


def fit_into(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W, 3] uint8 -> [*size, 3], scaled without a change of shape, in the middle of black."""
    if picture.shape[:2] == size:
        return picture
    scale = min(size[0] / picture.shape[0], size[1] / picture.shape[1])
    height, width = (max(1, min(limit, round(scale * side))) for side, limit in zip(picture.shape, size, strict=False))
    if (height, width) != picture.shape[:2]:
        picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    canvas = np.zeros((*size, 3), dtype=np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    canvas[top : top + height, left : left + width] = picture
    return canvas


def _video_size(height: int, width: int) -> tuple[int, int]:
    """Even numbers, as the codec wants them, and not too wide."""
    scale = min(1.0, WIDEST / width)
    height, width = round(height * scale), round(width * scale)
    return height + height % 2, width + width % 2
