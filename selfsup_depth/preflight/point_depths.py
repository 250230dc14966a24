"""Depth of a target's points by three witnesses: stereo, the depth map, and the camera's motion with its poses.

Each is [N] metres in the order of the target's points, NaN where it knows nothing.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.two_view import intersect_rays, pixel_rays, ray_pixels
from selfsup_depth.preflight.footage import Moment, Pair

#: Pixels of disparity or parallax, below which the error of matching (0.1) is more than a twentieth.
LEAST_PARALLAX = 2.0
#: Pixels between where a point is seen and where the poses put it.
MOST_OFF = 1.0


def by_stereo(moment: Moment) -> Tensor | None:
    seen = moment.disparities
    if seen is None or moment.stereo is None:
        return None
    depth = torch.where(seen.along >= LEAST_PARALLAX, seen.depth_m, torch.nan)
    return _in_order(depth, moment.stereo)


def by_map(moment: Moment) -> Tensor | None:
    """The nearest known depth within the pixel of the picture in which a point lies."""
    if moment.depth is None or moment.stereo is None and not moment.in_time:
        return None
    pair = moment.stereo or moment.in_time[0]
    small = depth_at_size(moment.depth, moment.target.width, moment.target.height)
    points = pair.matches.points.long()
    depth = torch.from_numpy(small)[points[:, 1], points[:, 0]].double()
    return torch.where(depth > 0, depth, torch.nan)


def by_motion(pair: Pair, source_T_target: Tensor) -> Tensor:
    """Where the rays of both cameras meet, for points that move enough and fit the motion."""
    consistent, depth, parallax = fit_of_motion(pair, source_T_target)
    return _in_order(torch.where(consistent & (parallax >= LEAST_PARALLAX), depth, torch.nan), pair)


def fit_of_motion(pair: Pair, source_T_target: Tensor, focal_factor: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Of the M matched points: whether a motion explains them, their depth in its unit, their parallax in pixels.

    A point is explained when it is seen within MOST_OFF pixels of where some depth, positive in both cameras, puts
    it. Both focal lengths are multiplied by `focal_factor` first.
    """
    assert pair.first.intrinsics is not None and pair.second.intrinsics is not None
    first, second = (_with_focal(K, focal_factor) for K in (pair.first.intrinsics, pair.second.intrinsics))
    valid = pair.matches.valid
    start, found = pixel_rays(pair.matches.points[valid], first), pair.matches.found[valid].double()
    end = pixel_rays(found, second)
    rotation, translation = source_T_target[:3, :3], source_T_target[:3, 3]
    parallax = (found - ray_pixels(start @ rotation.T, second)).norm(dim=1)
    depth, there = intersect_rays(start, end, source_T_target)
    finite = torch.where(torch.isfinite(depth), depth, 1.0)
    off = (found - ray_pixels(finite[:, None] * (start @ rotation.T) + translation, second)).norm(dim=1)
    consistent = torch.isfinite(depth) & (depth > 0) & (there > 0) & (off <= MOST_OFF)
    return consistent | (parallax <= MOST_OFF), depth, parallax


def depth_at_size(depth: np.ndarray, width: int, height: int) -> np.ndarray:
    """[height, width] float32: the nearest known depth of each cell of a map [h, w], 0 where nothing is known."""
    known = np.isfinite(depth) & (depth > 0)
    inverse = np.where(known, 1.0 / np.maximum(depth, 1e-9), 0.0).astype(np.float32)
    largest = F.adaptive_max_pool2d(torch.from_numpy(inverse)[None], (height, width))[0].numpy()
    return np.where(largest > 0, 1.0 / np.maximum(largest, 1e-9), 0.0).astype(np.float32)


def _with_focal(K: Tensor, factor: float) -> Tensor:
    scaled = K.clone()
    scaled[0, 0] *= factor
    scaled[1, 1] *= factor
    return scaled


def _in_order(values: Tensor, pair: Pair) -> Tensor:
    """Values [M] of the valid matches as [N] of all points."""
    full = torch.full((len(pair.matches.valid),), torch.nan, dtype=torch.float64)
    full[pair.matches.valid] = values.double()
    return full
