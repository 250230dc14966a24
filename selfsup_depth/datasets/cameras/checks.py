"""Numbers of a calibration that cannot be meant, refused with what they look like."""

from __future__ import annotations

import torch
from torch import Tensor

from geometry.camera import check_intrinsics
from selfsup_depth.datasets.cameras.model import Camera
from selfsup_depth.datasets.cameras.suspicions import (
    Numbers,
    Suspicion,
    suspect_angle,
    suspect_baseline,
    suspect_place,
    suspect_sign,
    suspect_unit,
)
from selfsup_depth.errors import UserError

#: Numbers of values that OpenCV knows what to do with.
DISTORTION_COUNTS = {"pinhole": (0, 4, 5, 8, 12, 14), "fisheye": (4,)}
#: Where a file does not say its image size, the principal point of its images is this near to their middle.
NEAR_CENTRE = 0.08
ROTATION_TOLERANCE = 1e-3
#: Degrees; the same as `check_intrinsics` has.
NARROWEST, WIDEST = 3.0, 170.0


def make_camera(
    intrinsics: Tensor, size: tuple[int, int], distortion: list[float], model: str, *, where: str, added: float = 0.0
) -> Camera:
    """A camera of intrinsics [3, 3] in pixels of images of `size` (width, height), corner origin.

    Args:
        added: what the principal point has more than the numbers as they were written down (0.5: those count from
            pixel centres).

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
    suspicion = suspect(intrinsics, size, added)
    if suspicion is not None:
        raise UserError(f"{where}: {suspicion.found}", cause=suspicion.cause, remedy=suspicion.remedy)
    try:
        check_intrinsics(intrinsics, *size)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    return Camera(intrinsics, size, tuple(distortion), model)  # type: ignore[arg-type]  # checked above


def suspect(intrinsics: Tensor, size: tuple[int, int], added: float = 0.0) -> Suspicion | None:
    """What intrinsics [3, 3] that cannot be in pixels of images of this size look like; None: they can, or are not
    even a camera matrix. `added` as in `make_camera`.
    """
    written = written_numbers(intrinsics, added)
    if not bool(torch.isfinite(intrinsics).all()):
        return None  # `check_intrinsics` has words for it
    return (
        suspect_sign(written)
        or suspect_unit(written, size)
        or suspect_place(written, size)
        or suspect_angle(written, size, NARROWEST, WIDEST)
    )


def written_numbers(intrinsics: Tensor, added: float = 0.0) -> Numbers:
    """Of intrinsics [3, 3], as somebody wrote them down; `added` as in `make_camera`."""
    (fx, _, cx), (_, fy, cy), _ = intrinsics.tolist()
    return Numbers(fx, fy, round(cx - added, 9), round(cy - added, 9))


def check_near_centre(intrinsics: Tensor, size: tuple[int, int], where: str) -> None:
    """Raises UserError when intrinsics of unsaid image size cannot be taken for those of images of `size`."""
    off = max(abs(float(intrinsics[axis, 2]) / size[axis] - 0.5) for axis in (0, 1))
    if off > NEAR_CENTRE:
        cx, cy = float(intrinsics[0, 2]), float(intrinsics[1, 2])
        raise UserError(
            f"{where} does not say the size of its images, and its principal point ({cx:.0f}, {cy:.0f}) is not near "
            f"the middle of yours ({size[0]}x{size[1]})",
            cause=f"a calibration of images of another size, about {2 * cx:.0f}x{2 * cy:.0f}, as OpenCV's stereo "
            "sample writes it",
            remedy="add lines 'image_width: ...' and 'image_height: ...' with the size that was calibrated",
        )


def check_stereo(right_T_left: Tensor, where: str) -> None:
    """Raises UserError when [4, 4] (metres) is no motion from a left camera to its right partner."""
    rotation, translation = right_T_left[:3, :3], right_T_left[:3, 3]
    off = float((rotation @ rotation.T - torch.eye(3, dtype=rotation.dtype)).abs().max())
    if off > ROTATION_TOLERANCE or float(torch.linalg.det(rotation)) < 0:
        raise UserError(
            f"{where}: the rotation from the left to the right camera is no rotation (its rows are not of length 1 and "
            "at right angles)",
            cause="a typing error, or rows and columns of another matrix",
            remedy="give OpenCV's R, row after row",
        )
    x, y, z = translation.tolist()
    if abs(x) < max(abs(y), abs(z)):
        raise UserError(
            f"{where}: the cameras do not stand side by side (translation {x:g}, {y:g}, {z:g}; expected mostly x)",
            cause="axes in another order than x right, y down, z forward, or cameras above one another",
            remedy="correct it; cameras above one another cannot be used as stereo",
        )
    if x > 0:
        raise UserError(
            f"{where}: the right camera would stand to the left of the left one (x of the translation is {x:g}; from "
            "left to right camera, as OpenCV's T, it is negative)",
            cause="the motion from right to left, or left and right exchanged in the calibration",
            remedy="swap the cameras, or give the inverse motion",
        )


def check_baseline(length: float, what: str, where: str) -> None:
    """Raises UserError when a baseline cannot be in metres; `what` names the entry."""
    suspicion = suspect_baseline(length)
    if suspicion is not None:
        raise UserError(f"{where}: {what} is {suspicion.found}", cause=suspicion.cause, remedy=suspicion.remedy)


def _words(counts: tuple[int, ...]) -> str:
    first, last = ", ".join(map(str, counts[:-1])), str(counts[-1])
    return f"{first} or {last}" if first else last
