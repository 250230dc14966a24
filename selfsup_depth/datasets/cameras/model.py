"""A calibrated camera, and a rig of one or two of them, as a calibration file describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

#: How far a pair may be from rectified: radians, parts of the focal length or baseline, and pixels.
RECTIFIED_ANGLE, RECTIFIED_PART, RECTIFIED_PIXELS = 1e-4, 1e-3, 0.05


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
    is_guess: bool = False  # whether nothing tells the focal length, which is to be learnt from this start

    @property
    def baseline_m(self) -> float | None:
        return None if self.right_T_left is None else float(self.right_T_left[:3, 3].norm())

    @property
    def is_distorted(self) -> bool:
        """Whether images of either camera have to be undistorted before they are used."""
        return self.left.is_distorted or (self.right is not None and self.right.is_distorted)

    @property
    def is_rectified(self) -> bool:
        """Whether both images, as they are, show a point in the same row; False without stereo."""
        if self.right is None or self.right_T_left is None or self.is_distorted:
            return False
        rotation, translation = self.right_T_left[:3, :3], self.right_T_left[:3, 3]
        turned = float((rotation - torch.eye(3, dtype=rotation.dtype)).abs().max())
        aside = float(translation[1:].abs().max()) / max(float(translation.norm()), 1e-12)
        left, right = self.left.intrinsics, self.right.intrinsics
        rows = float((left[1, 2] - right[1, 2]).abs())
        focal = abs(float(left[1, 1] / right[1, 1]) - 1)
        return (
            turned < RECTIFIED_ANGLE and aside < RECTIFIED_PART and focal < RECTIFIED_PART and rows < RECTIFIED_PIXELS
        )
