"""Which frames are taken: by time, by number, by motion."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from selfsup_depth.datasets.frame_order import passed_over
from selfsup_depth.datasets.prepared_files import CAMERAS, STOOD_STILL, Camera
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.preparation.motion import SmallCopy, median_motion, small_copy

#: What a video's frames must have moved at least since the last one kept, in pixels at the training size, where
#: --min_motion does not say more: less is a camera that stands still, from which one camera learns no depth.
STANDING_STILL = 0.25
NO_TIME = "without a time, which --fps asks for"
USUAL_RATE = 30.0


class TimeRaster:
    """First the frames nearest to a raster of times, then every so many of them: as the readers of folders do."""

    def __init__(self, options: FootageOptions, rate: float | None) -> None:
        self._options = options
        self._early = 0.5 / (rate or USUAL_RATE)  # half a usual step
        self._first: float | None = None
        self._latest = -1
        self._chosen = 0

    def refusal(self, time_s: float | None) -> str | None:
        """Why the next frame is not taken; None: it is."""
        if self._options.fps is not None:
            if time_s is None:
                return NO_TIME
            if self._first is None:
                self._first = time_s
            point = math.floor((time_s - self._first + self._early) * self._options.fps)
            if point <= self._latest:
                return passed_over(self._options)
            self._latest = point
        self._chosen += 1
        return None if (self._chosen - 1) % self._options.frame_step == 0 else passed_over(self._options)


class MotionFilter:
    """Keeps a frame when its picture has moved far enough since the last one kept that the same camera took.

    Args:
        least: median way of the picture's corners in its own pixels; 0 keeps everything and looks at nothing.
    """

    def __init__(self, least: float) -> None:
        self.least = least
        self._latest: dict[Camera, SmallCopy] = {}  # of the run, the latest at the end

    @property
    def reason(self) -> str:
        return f"{STOOD_STILL} {self.least:g} pixels since the last one kept"

    def has_moved(self, images: Mapping[Camera, Tensor], *, begins: bool, always: bool = False) -> bool:
        """Whether to keep a frame; `begins`: it has no frame before it. `images` [3, H, W] uint8.

        Of several cameras the one counts whose picture was kept last; a camera that shows its first picture of the
        run has nothing to be compared with, and is kept.
        """
        if self.least == 0:
            return True
        copies = {camera: _copy(images[camera]) for camera in reversed(CAMERAS) if camera in images}
        if begins:
            self._latest = {}
        compared = next((camera for camera in reversed(self._latest) if camera in copies), None)
        if not always and compared is not None:
            moved = median_motion(self._latest[compared], copies[compared])
            if moved < self.least:
                return False
        for camera, copy in copies.items():
            self._latest.pop(camera, None)  # to the end
            self._latest[camera] = copy
        return True


def _copy(image: Tensor) -> SmallCopy:
    return small_copy(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), rgb=True)
