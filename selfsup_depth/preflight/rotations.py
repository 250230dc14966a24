"""How much of the motion between two pictures a turn of the camera explains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geometry.two_view import fit_rotation, pixel_rays, ray_pixels
from selfsup_depth.preflight.footage import LEAST_MATCHES, Pair


@dataclass(frozen=True)
class Turn:
    """The rotation that fits the matches of two pictures best."""

    degrees: float
    parallax: float  # pixels: median displacement that it leaves over
    left_over: Tensor  # [M, 2] pixels, of the valid matches


def best_turn(pair: Pair) -> Turn | None:
    """None without intrinsics or with too few matches."""
    first, second, matches = pair.first, pair.second, pair.matches
    if first.intrinsics is None or second.intrinsics is None or matches.count < LEAST_MATCHES:
        return None
    start = pixel_rays(matches.points[matches.valid], first.intrinsics)
    end = pixel_rays(matches.found[matches.valid], second.intrinsics)
    rotation = fit_rotation(start, end)
    left_over = matches.found[matches.valid] - ray_pixels(start @ rotation.T, second.intrinsics)
    angle = torch.rad2deg(torch.acos(((rotation.trace() - 1) / 2).clamp(-1, 1)))
    return Turn(float(angle), float(left_over.norm(dim=1).median()), left_over)
