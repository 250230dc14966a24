"""Rigs from cameras: of one camera, of a pair, with a baseline from elsewhere, at another image size."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from selfsup_depth.datasets.calibration import fit_to_image
from selfsup_depth.datasets.cameras.checks import check_stereo
from selfsup_depth.datasets.cameras.model import Camera, CameraRig
from selfsup_depth.errors import UserError

ASPECT_TOLERANCE = 0.02


def camera_matrix(fx: float, fy: float, cx: float, cy: float) -> Tensor:
    """[3, 3] float64, corner origin."""
    return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=torch.float64)


def side_by_side(baseline_m: float) -> Tensor:
    """right_T_left [4, 4] float64 of a rectified pair."""
    transform = torch.eye(4, dtype=torch.float64)
    transform[0, 3] = -baseline_m
    return transform


def rig_of_one(camera: Camera, source: str, baseline: float | None, right: Camera | None = None) -> CameraRig:
    """One camera; with a baseline (metres) the rectified pair whose right camera is like it, or `right`.

    Raises UserError for a pair with distortion, which needs each camera's own calibration.
    """
    if baseline is None:
        return CameraRig(camera, right, None, source)
    rig = CameraRig(camera, right or camera, side_by_side(baseline), source)
    if rig.is_distorted:
        raise UserError(
            f"{source} has one description with distortion for a stereo pair (baseline {baseline:g} m)",
            cause="each lens of a pair distorts in its own way, and one of the two is not described",
            remedy="describe each camera in tables 'left' and 'right' with the rotation and translation between them, "
            "or leave out the baseline to use one camera",
        )
    return rig


def rig_of_pair(
    left: Camera, right: Camera, right_T_left: Tensor, source: str, baseline: float | None
) -> CameraRig:
    """Two cameras and the motion [4, 4] metres between them, whose length `baseline` replaces.

    Raises UserError when that is no motion from a left camera to its right partner.
    """
    check_stereo(right_T_left, source)
    if baseline is not None:
        right_T_left = right_T_left.clone()
        right_T_left[:3, 3] *= baseline / right_T_left[:3, 3].norm()
        source += f", --baseline {baseline:g}"
    return CameraRig(left, right, right_T_left, source)


def fit_rig(rig: CameraRig, size: tuple[int, int], image: str) -> CameraRig:
    """The rig for images of `size` (width, height), to which `image` was resized; distortion stays what it is.

    Raises UserError when their shape is another: they were cropped, or are another camera's.
    """
    right = None if rig.right is None else fit_camera(rig.right, size, rig.source, image)
    return replace(rig, left=fit_camera(rig.left, size, rig.source, image), right=right)


def fit_camera(camera: Camera, size: tuple[int, int], source: str, image: str) -> Camera:
    """As `fit_rig`, of one camera; `source` says where its numbers come from."""
    intrinsics = fit_to_image(
        camera.intrinsics, camera.size, size, calibration=source, image=image, aspect_tolerance=ASPECT_TOLERANCE,
        remedy="Give the calibration of the stored images, and put those of another camera, or turned ones, into a "
        "folder of their own.",
    )  # fmt: skip
    return replace(camera, intrinsics=intrinsics, size=size)
