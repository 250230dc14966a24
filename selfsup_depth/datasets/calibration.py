"""Calibrations meet images: intrinsics of the size that was calibrated, for the size that is stored."""

from __future__ import annotations

from torch import Tensor

from geometry.camera import resize_intrinsics
from selfsup_depth.errors import UserError


def fit_to_image(
    intrinsics: Tensor,
    calibrated_size: tuple[int, int],
    image_size: tuple[int, int],
    *,
    calibration: str,
    image: str,
    aspect_tolerance: float,
    remedy: str = "give the calibration of the stored images",
) -> Tensor:
    """Intrinsics [3, 3] of a calibrated (width, height), scaled to a stored image's (width, height).

    A resize may stretch a little (640x192 from 1242x375 does, by 0.6 %); a crop changes the aspect more
    and moves the principal point by an unknown amount, so it is refused.

    Raises UserError when the aspects differ by more than `aspect_tolerance`.
    """
    if calibrated_size == image_size:
        return intrinsics
    scale_x = image_size[0] / calibrated_size[0]
    scale_y = image_size[1] / calibrated_size[1]
    if abs(scale_x / scale_y - 1.0) > aspect_tolerance:
        shape = "another shape"
        if _is_turned(image_size, calibrated_size):
            shape = "the same shape turned by a quarter (a video is read as its rotation flag shows it)"
        raise UserError(
            f"{calibration} is for images of {calibrated_size[0]}x{calibrated_size[1]}, but {image} has "
            f"{image_size[0]}x{image_size[1]}, {shape}",
            cause=cause_of_another_shape(image_size, calibrated_size),
            remedy=remedy,
        )
    return resize_intrinsics(intrinsics, scale_x, scale_y)


def cause_of_another_shape(size: tuple[int, int], calibrated: tuple[int, int]) -> str:
    """Why an image of `size` (width, height) has another shape than that of its calibration."""
    turned = _is_turned(size, calibrated)
    return "an image that was turned by a quarter" if turned else "an image that was cropped, or of another camera"


def _is_turned(size: tuple[int, int], calibrated: tuple[int, int]) -> bool:
    return abs(size[0] * calibrated[0] / (size[1] * calibrated[1]) - 1) < 0.02
