"""A calibrated camera, and a rig of one or two of them, as a calibration file describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor


@dataclass(frozen=True)
class Camera:
    """One camera and the images that its numbers belong to."""

    intrinsics: Tensor  # [3, 3] float64, pixels, corner origin
    size: tuple[int, int]  # (width, height) of those images
    distortion: tuple[float, ...] = ()  # OpenCV's order: k1 k2 p1 p2 k3 ... ("pinhole"), k1 k2 k3 k4 ("fisheye")
    model: Literal["pinhole", "fisheye"] = "pinhole"

    @property
    def is_distorted(self) -> bool:
        return any(self.distortion) or self.model == "fisheye"


@dataclass(frozen=True)
class CameraRig:
    """The camera of a video, or both cameras of a stereo rig."""

    left: Camera  # the only one of a video
    right: Camera | None = None
    right_T_left: Tensor | None = None  # [4, 4] float64 metres; None: no stereo, or its baseline is unknown
    source: str = ""  # where the numbers come from, in words: a file, "EXIF of a.jpg", "--fov 65"

    @property
    def baseline_m(self) -> float | None:
        return None if self.right_T_left is None else float(self.right_T_left[:3, 3].norm())
