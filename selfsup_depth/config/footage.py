"""What is known about footage of one's own that its files do not say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class FootageConfig:
    """How footage of your own is read (--dataset folder, video, colmap, tum)."""

    calibration: Path | None = None
    """Calibration file: ours (YAML or JSON, docs/your_own_data.md) or OpenCV's YAML. None: looked for beside the
    images."""
    fov: float | None = None
    """Horizontal field of view in degrees, where there is no calibration. None: the focal length that the images'
    EXIF tells, where they tell it."""
    baseline: float | None = None
    """Distance of the two cameras in metres, where no calibration says it. None: the calibration says it."""
    stereo_layout: Literal["separate", "side_by_side", "top_bottom"] = "separate"
    """How a video holds stereo: two files (--right_video), or both images in every frame, left one first."""
    right_video: Path | None = None
    """The right camera's video, where --data_path is the left one's. None: there is one file."""
    frame_step: int = 1
    """Take every this many frames, counted from the first: neighbours are then further apart."""
    fps: float | None = None
    """Frames per second to take from a video or from images with times. None: all."""
    min_motion: float = 0.0
    """Drop a frame unless its pixels moved by this many pixels (median, at the training size) since the last one
    kept; 0 keeps all. Of a video of one camera at least 0.25: standing still teaches nothing."""

    def __post_init__(self) -> None:
        if self.fov is not None and not 5 <= self.fov <= 170:
            raise UserError(
                f"--fov is the horizontal field of view in degrees, between 5 and 170; found {self.fov:g}: phones have "
                "about 65, in radians 1.13"
            )
        if self.baseline is not None and not 0 < self.baseline <= 20:
            raise UserError(
                f"--baseline is in metres, above 0 and at most 20; found {self.baseline:g}: 120 would be millimetres"
            )
        if self.frame_step < 1:
            raise UserError(f"--frame_step must be at least 1, found {self.frame_step}: 1 takes every frame")
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise UserError(f"--fps must be positive, found {self.fps:g}: leave it out to take all frames")
        if not 0 <= self.min_motion < float("inf"):
            raise UserError(f"--min_motion must be 0 or more pixels, found {self.min_motion:g}: 0 keeps all frames")
        if self.right_video is not None and self.stereo_layout != "separate":
            raise UserError(
                f"--right_video {self.right_video} is a second file, but --stereo_layout {self.stereo_layout} says "
                "that one file holds both images: leave out one of them"
            )
