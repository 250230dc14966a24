"""Factors between the depths that stereo, depth maps and poses give to the same points.

Where two of the three agree, the third is at fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.preflight.footage import Footage, Moment
from selfsup_depth.preflight.point_depths import by_map, by_motion, by_stereo
from selfsup_depth.preflight.trajectories import explained, posed_pairs, relative_motion

Witness = Callable[[Moment], Tensor | None]
FEWEST = 40  # points in all moments
#: Good data: KITTI's LiDAR against its stereo 0.99, its poses against its stereo 0.96, drive and rooms 0.997 to 1.
MOST_APART = 1.12
#: Share of the points that poses have to explain before their scale is looked at.
EXPLAINED = 0.5
#: Factor between depth maps and truth -> what has that factor.
MAP_FACTORS = {
    1000.0: "millimetres read as metres", 0.001: "metres divided by 1000", 100.0: "centimetres read as metres",
    10.0: "a factor of ten: tenths of a unit, or a baseline ten times too short",
    0.1: "a factor of ten: a baseline ten times too long", 256.0: "KITTI's 16-bit numbers, not divided by 256",
    5.0: "TUM's numbers (5000 a metre) read as millimetres", 0.2: "millimetres read as TUM's numbers (5000 a metre)",
    8.0: "SUN3D's bits not turned back", 3.90625: "millimetres read as KITTI's numbers (256 a metre)",
    0.256: "KITTI's numbers (256 a metre) read as millimetres",
    0.00390625: "metres that were divided by 256, as if they were KITTI's 16-bit numbers",
    0.185: "network units (5.4 m on KITTI) instead of metres",
}  # fmt: skip


def map_over_stereo(footage: Footage) -> float | None:
    """Median of depth map over depth by stereo; None: not enough points that have both."""
    return _median_ratio(footage, by_map, by_stereo)


def poses_over_stereo(footage: Footage) -> float | None:
    return _median_ratio(footage, by_poses, by_stereo) if poses_can_be_used(footage) else None


def poses_over_map(footage: Footage) -> float | None:
    return _median_ratio(footage, by_poses, by_map) if poses_can_be_used(footage) else None


def poses_can_be_used(footage: Footage) -> bool:
    """Whether the poses explain what moved, up to their scale."""
    return explained(posed_pairs(footage)) >= EXPLAINED


def agrees(ratio: float | None) -> bool:
    """Whether two witnesses say the same; False where they were not both heard."""
    return ratio is not None and 1 / MOST_APART <= ratio <= MOST_APART


def by_poses(moment: Moment) -> Tensor | None:
    """[N] metres by the motion to the neighbour that shows more of the points."""
    motions = [(pair, relative_motion(moment, pair)) for pair in moment.in_time]
    depths = [
        by_motion(pair, motion)
        for pair, motion in motions
        if motion is not None and pair.first.intrinsics is not None and pair.second.intrinsics is not None
    ]
    return max(depths, key=lambda depth: int(depth.isfinite().sum()), default=None)


def describe_factor(ratio: float, factors: Mapping[float, str]) -> str:
    """What is known to have a factor near this one (within 15 %)."""
    near = min(factors, key=lambda known: abs(math.log(max(ratio, 1e-12) / known)))
    if abs(math.log(max(ratio, 1e-12) / near)) < 0.15:
        return factors[near]
    return "a wrong unit, baseline or focal length, or data of another camera"


def _median_ratio(footage: Footage, one: Witness, other: Witness) -> float | None:
    ratios = [np.zeros(0)]
    for moment in footage.moments:
        a, b = one(moment), other(moment)
        if a is not None and b is not None:
            both = torch.isfinite(a) & torch.isfinite(b)
            ratios.append((a[both] / b[both]).numpy())
    together = np.concatenate(ratios)
    return float(np.median(together)) if together.size >= FEWEST else None
