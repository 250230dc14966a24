"""Intrinsics of a pinhole camera, in pixels of the image they stand beside.

With pixel centres at (0.5, 0.5) a resize multiplies, a crop subtracts and a flip mirrors at the image's
width. Every function takes [..., 3, 3] and returns a new tensor.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_NARROWEST_DEGREES = 3.0
_WIDEST_DEGREES = 170.0
_LARGEST_NORMALISED = 20.0  # in image widths: a narrower view than any lens meant for video
_SMALLEST_IMAGE = 10  # below, a principal point of (1, 1) pixels can be meant


def intrinsics_matrix(fx: float, fy: float, cx: float, cy: float) -> Tensor:
    """[3, 3] float32 matrix of focal lengths and principal point in pixels (corner origin)."""
    return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=torch.float32)


def resize_intrinsics(K: Tensor, scale_x: float, scale_y: float) -> Tensor:
    """K of the image resized by the given factors (new width / old width, new height / old height)."""
    resized = K.clone()
    resized[..., 0, :] *= scale_x
    resized[..., 1, :] *= scale_y
    return resized


def crop_intrinsics(K: Tensor, left: float, top: float) -> Tensor:
    """K of the image whose first `left` columns and `top` rows were cut off (negative: padded)."""
    cropped = K.clone()
    cropped[..., 0, 2] -= left
    cropped[..., 1, 2] -= top
    return cropped


def flip_intrinsics(K: Tensor, width: int) -> Tensor:
    """K of the horizontally flipped image of the given width: cx becomes width - cx, a skew changes sign."""
    flipped = K.clone()
    flipped[..., 0, 1] = -K[..., 0, 1]
    flipped[..., 0, 2] = width - K[..., 0, 2]
    return flipped


def invert_intrinsics(K: Tensor) -> Tensor:
    """Inverse [..., 3, 3] of [[fx, s, cx], [0, fy, cy], [0, 0, 1]], in closed form."""
    fx, skew, cx = K[..., 0, 0], K[..., 0, 1], K[..., 0, 2]
    fy, cy = K[..., 1, 1], K[..., 1, 2]
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    entries = [
        [1.0 / fx, -skew / (fx * fy), (skew * cy / fy - cx) / fx],
        [zero, 1.0 / fy, -cy / fy],
        [zero, zero, one],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in entries], dim=-2)


def check_intrinsics(K: Tensor, width: int, height: int) -> None:
    """Refuse intrinsics [..., 3, 3] that cannot belong to an image of the given size in pixels.

    Raises:
        ValueError: K is not a finite upper-triangular camera matrix; a focal length is not positive;
            the values are normalised by the image size; the principal point lies outside the image; or
            the field of view is below 3 or above 170 degrees.
    """
    if K.shape[-2:] != (3, 3):
        raise ValueError(f"Intrinsics must have shape [..., 3, 3], but have {list(K.shape)}.")
    for matrix in K.detach().double().reshape(-1, 3, 3).tolist():
        _check_form(matrix)
        _check_values(matrix, width, height)


def _check_form(matrix: list[list[float]]) -> None:
    """Refuse what is no camera matrix, whatever the image is."""
    if not all(math.isfinite(entry) for row in matrix for entry in row):
        raise ValueError(f"Intrinsics must be finite numbers, but are {matrix}.")
    if matrix[0][2] == 0.0 and matrix[1][2] == 0.0 and (matrix[2][0] != 0.0 or matrix[2][1] != 0.0):
        raise ValueError(f"Intrinsics {matrix} look transposed: cx and cy belong in the last column.")
    if matrix[1][0] != 0.0 or matrix[2] != [0.0, 0.0, 1.0]:
        raise ValueError(f"Intrinsics must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]], but are {matrix}.")
    if matrix[0][0] <= 0.0 or matrix[1][1] <= 0.0:
        raise ValueError(f"Focal lengths must be positive, but fx = {matrix[0][0]:g}, fy = {matrix[1][1]:g}.")


def _check_values(matrix: list[list[float]], width: int, height: int) -> None:
    """Refuse values that cannot be in pixels of an image of this size."""
    (fx, _, cx), (_, fy, cy), _ = matrix
    found = f"fx = {fx:g}, fy = {fy:g}, cx = {cx:g}, cy = {cy:g} for a {width} x {height} image"
    at_corner = 0.0 <= cx <= 1.0 and 0.0 <= cy <= 1.0 and min(width, height) > _SMALLEST_IMAGE
    if at_corner and max(fx, fy) < _LARGEST_NORMALISED:
        raise ValueError(
            f"Intrinsics must be in pixels but look normalised by the image size ({found}): multiply "
            f"fx and cx by the width, fy and cy by the height."
        )
    if not (0.0 <= cx <= width and 0.0 <= cy <= height):
        raise ValueError(
            f"The principal point must lie inside the image, but does not ({found}): the intrinsics "
            f"probably belong to another image size or to the image before a crop."
        )
    for name, focal, centre, size in (("horizontal", fx, cx, width), ("vertical", fy, cy, height)):
        degrees = math.degrees(math.atan2(centre, focal) + math.atan2(size - centre, focal))
        if not _NARROWEST_DEGREES <= degrees <= _WIDEST_DEGREES:
            raise ValueError(
                f"The {name} field of view must be {_NARROWEST_DEGREES:g} to {_WIDEST_DEGREES:g} degrees, but "
                f"is {degrees:.1f} ({found}): check the unit of the focal length and the image size."
            )
