"""Numbers of a calibration that cannot be meant, refused with what they look like."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from geometry.camera import check_intrinsics
from selfsup_depth.datasets.cameras.model import Camera
from selfsup_depth.errors import UserError

LONGEST_BASELINE_M = 20.0
#: Numbers of values that OpenCV knows what to do with.
DISTORTION_COUNTS = {"pinhole": (0, 4, 5, 8, 12, 14), "fisheye": (4,)}
SHORTEST_FOCAL_PIXELS = 20.0
#: A principal point within this part of the image from a corner of it, of which both sides agree, is of another size.
CORNER = 1 / 3
#: Where a file does not say its image size, the principal point of its images is this near to their middle.
NEAR_CENTRE = 0.08
ROTATION_TOLERANCE = 1e-3


def make_camera(
    intrinsics: Tensor, size: tuple[int, int], distortion: list[float], model: str, *, where: str
) -> Camera:
    """A camera of intrinsics [3, 3] in pixels of images of `size` (width, height).

    Raises UserError, beginning with `where`, when the numbers cannot be: normalised by the image size or partly so,
    in millimetres, of another image size, with an implausible field of view, with an unknown distortion.
    """
    if model not in DISTORTION_COUNTS:
        raise UserError(f"{where}: 'model' must be pinhole or fisheye, found '{model}': correct it.")
    counts = DISTORTION_COUNTS[model]
    if len(distortion) not in counts:
        raise UserError(
            f"{where}: the distortion of a {model} camera has {_words(counts)} numbers (OpenCV's order: "
            f"{'k1 k2 p1 p2 k3 ...' if model == 'pinhole' else 'k1 k2 k3 k4'}), found {len(distortion)}: correct it."
        )
    if min(size) < 1:
        raise UserError(f"{where}: the image size is {size[0]}x{size[1]}: give width and height in pixels.")
    _check_unit(intrinsics, size, where)
    try:
        check_intrinsics(intrinsics, *size)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    _check_size(intrinsics, size, where)
    return Camera(intrinsics, size, tuple(distortion), model)  # type: ignore[arg-type]  # checked above


def _check_unit(intrinsics: Tensor, size: tuple[int, int], where: str) -> None:
    """Refuses focal length and principal point in different units; both normalised is `check_intrinsics`'s."""
    width, height = size
    (fx, _, cx), (_, fy, cy), _ = intrinsics.tolist()
    if min(width, height) < 2 * SHORTEST_FOCAL_PIXELS or not min(fx, fy) > 0:
        return
    found = f"fx = {fx:g}, fy = {fy:g}, cx = {cx:g}, cy = {cy:g} for images of {width}x{height}"
    centre_is_normalised = 0 < cx <= 1.5 and 0 < cy <= 1.5
    if centre_is_normalised and min(fx, fy) > SHORTEST_FOCAL_PIXELS:
        raise UserError(
            f"{where}: the focal lengths are in pixels, but the principal point looks normalised by the image size "
            f"({found}): multiply cx by the width and cy by the height."
        )
    if not centre_is_normalised and max(fx, fy) < SHORTEST_FOCAL_PIXELS:
        raise UserError(
            f"{where}: the principal point is in pixels, but the focal lengths look normalised or in millimetres "
            f"({found}): multiply normalised ones by width and height, or millimetres by width / sensor width."
        )


def _check_size(intrinsics: Tensor, size: tuple[int, int], where: str) -> None:
    """Refuses numbers of another image size than the file says."""
    x, y = (float(intrinsics[axis, 2]) / size[axis] for axis in (0, 1))
    if max(x, y) < CORNER or min(x, y) > 1 - CORNER:
        raise UserError(
            f"{where}: the principal point ({x * size[0]:g}, {y * size[1]:g}) is that of images of about "
            f"{2 * x * size[0]:.0f}x{2 * y * size[1]:.0f}, but the size given is {size[0]}x{size[1]}: correct the size "
            "or the numbers."
        )


def check_near_centre(intrinsics: Tensor, size: tuple[int, int], where: str) -> None:
    """Raises UserError when intrinsics of unsaid image size cannot be taken for those of images of `size`."""
    off = max(abs(float(intrinsics[axis, 2]) / size[axis] - 0.5) for axis in (0, 1))
    if off > NEAR_CENTRE:
        cx, cy = float(intrinsics[0, 2]), float(intrinsics[1, 2])
        raise UserError(
            f"{where} does not say the size of its images, and its principal point ({cx:.0f}, {cy:.0f}) is not near "
            f"the middle of yours ({size[0]}x{size[1]}): add lines 'image_width: ...' and 'image_height: ...' with the "
            "size that was calibrated."
        )


def check_stereo(right_T_left: Tensor, where: str) -> None:
    """Raises UserError when [4, 4] (metres) is no motion from a left camera to its right partner."""
    rotation, translation = right_T_left[:3, :3], right_T_left[:3, 3]
    off = float((rotation @ rotation.T - torch.eye(3, dtype=rotation.dtype)).abs().max())
    if off > ROTATION_TOLERANCE or float(torch.linalg.det(rotation)) < 0:
        raise UserError(
            f"{where}: the rotation from the left to the right camera is no rotation (its rows are not of length 1 and "
            "at right angles): give OpenCV's R, row after row."
        )
    x, y, z = translation.tolist()
    if abs(x) < max(abs(y), abs(z)):
        raise UserError(
            f"{where}: the cameras do not stand side by side (translation {x:g}, {y:g}, {z:g}; expected mostly x): "
            "correct it; cameras above one another cannot be used as stereo."
        )
    if x > 0:
        raise UserError(
            f"{where}: the right camera would stand to the left of the left one (x of the translation is {x:g}; from "
            "left to right camera, as OpenCV's T, it is negative): swap the cameras, or give the inverse motion."
        )


def check_baseline(length: float, what: str, where: str) -> None:
    """Raises UserError when a baseline cannot be in metres; `what` names the entry."""
    if not 0.0 < length <= LONGEST_BASELINE_M or not math.isfinite(length):
        raise UserError(
            f"{where}: {what} is {length:g}, expected metres between 0 and {LONGEST_BASELINE_M:g} (120 would be "
            "millimetres): correct it."
        )


def _words(counts: tuple[int, ...]) -> str:
    first, last = ", ".join(map(str, counts[:-1])), str(counts[-1])
    return f"{first} or {last}" if first else last
