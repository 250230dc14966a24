"""A stereo pair's matches along and across its baseline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geometry.two_view import pixel_rays
from selfsup_depth.preflight.matching import Matches
from selfsup_depth.preflight.views import Picture


@dataclass(frozen=True)
class Disparities:
    """Of the matched points of a target, as its calibration sees them: pixels of the target's picture."""

    points: Tensor  # [M, 2] pixels of the target
    along: Tensor  # [M] pixels, positive in front of the cameras
    across: Tensor  # [M] pixels, 0 in a rectified pair
    depth_m: Tensor  # [M] metres, infinite where the disparity is not positive
    focal: float  # pixels, along the baseline
    baseline_m: float
    along_rays: Tensor  # [M] where the points are along the baseline, in units of z

    def across_model(self) -> tuple[float, float]:
        """Offset (pixels) and turn (degrees) that explain most of it: across = offset + focal * tan(turn) * ray."""
        design = torch.stack([torch.ones_like(self.across), self.along_rays], dim=1)
        weights = torch.ones_like(self.across)
        solution = torch.zeros(2, dtype=torch.float64)
        for _ in range(8):  # least absolute deviations
            scaled = design * weights[:, None]
            solution = torch.linalg.lstsq(scaled.T @ design, scaled.T @ self.across).solution
            weights = 1.0 / (self.across - design @ solution).abs().clamp(min=0.05)
        return float(solution[0]), float(torch.rad2deg(torch.atan(solution[1] / self.focal)))


def disparities(target: Picture, partner: Picture, matches: Matches, stereo_T_target: Tensor) -> Disparities | None:
    """None when the intrinsics are unknown or when there is no baseline.

    A known rotation between the cameras is undone. With the partner's centre at c, a point at depth z in the direction
    r (r_z = 1) then moves by (c - c_z r) / (z - c_z): the epipolar line, which for rectified pairs is the baseline.
    """
    if target.intrinsics is None or partner.intrinsics is None:
        return None
    rotation, translation = stereo_T_target[:3, :3], stereo_T_target[:3, 3]
    centre = -rotation.T @ translation  # of the partner, seen from the target
    if float(centre[:2].norm()) == 0.0:
        return None
    rays = pixel_rays(matches.points[matches.valid], target.intrinsics)
    seen = pixel_rays(matches.found[matches.valid], partner.intrinsics) @ rotation  # R^T applied to rows
    moved = rays[:, :2] - seen[:, :2] / seen[:, 2:]
    line = centre[:2] - centre[2] * rays[:, :2]
    length = line.norm(dim=1).clamp(min=1e-12)
    direction = line / length[:, None]
    sideways = torch.stack([-direction[:, 1], direction[:, 0]], dim=1)
    focals = torch.stack([target.intrinsics[0, 0], target.intrinsics[1, 1]])
    along = (moved * direction).sum(1)
    return Disparities(
        points=matches.points[matches.valid],
        along=along * (direction * focals).norm(dim=1),
        across=(moved * sideways).sum(1) * (sideways * focals).norm(dim=1),
        depth_m=torch.where(along > 0, length / along.clamp(min=1e-12) + centre[2], torch.inf),
        focal=float((centre[:2] / centre[:2].norm() * focals).norm()),
        baseline_m=float(centre.norm()),
        along_rays=rays[:, :2] @ (centre[:2] / centre[:2].norm()),
    )
