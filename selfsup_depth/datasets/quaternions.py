"""Rotations written as unit quaternions x y z w (Hamilton), as matrices and between each other."""

from __future__ import annotations

import numpy as np

#: Four printed decimals are off by 1e-4; numbers in another order, or that are no quaternion, by far more.
UNIT_TOLERANCE = 0.01
#: Below this sine of the angle, the straight line is the arc to the last digit.
SMALL_SINE = 1e-6


def first_not_unit(quaternions: np.ndarray) -> int | None:
    """Index of the first of [N, 4] whose length is not 1 (NaN included); None: all are unit quaternions."""
    bad = ~(np.abs(np.linalg.norm(quaternions, axis=1) - 1) <= UNIT_TOLERANCE)
    return int(bad.argmax()) if bad.any() else None


def pose_matrices(translations: np.ndarray, xyzw: np.ndarray) -> np.ndarray:
    """[N, 4, 4] float64 rigid motions from [N, 3] and quaternions [N, 4], whose lengths are made 1."""
    x, y, z, w = (xyzw / np.linalg.norm(xyzw, axis=1, keepdims=True)).T
    matrices = np.tile(np.eye(4), (len(translations), 1, 1))
    matrices[:, 0, :3] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], axis=1)
    matrices[:, 1, :3] = np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], axis=1)
    matrices[:, 2, :3] = np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=1)
    matrices[:, :3, 3] = translations
    return matrices


def slerp(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Quaternions [N, 4] at `share` [N] of the shorter way from `first` to `second` [N, 4] (Shoemake 1985)."""
    cosine = (first * second).sum(axis=1)
    second = np.where(cosine[:, None] < 0, -second, second)  # q and -q are the same rotation
    angle = np.arccos(np.clip(np.abs(cosine), 0, 1))
    sine = np.sin(angle)
    straight = sine < SMALL_SINE
    divisor = np.where(straight, 1, sine)
    before = np.where(straight, 1 - share, np.sin((1 - share) * angle) / divisor)
    after = np.where(straight, share, np.sin(share * angle) / divisor)
    return before[:, None] * first + after[:, None] * second
