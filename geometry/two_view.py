"""Two pictures of one scene, by points that were matched: rays, the rotation between them, depth by intersection.

Small problems of a few hundred points, so float64 throughout; nothing here is meant for gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor

from geometry.camera import invert_intrinsics

_ITERATIONS = 12
_SMALLEST_RESIDUAL = 1e-4  # radians: below, all residuals weigh the same


def pixel_rays(pixels: Tensor, K: Tensor) -> Tensor:
    """Directions [N, 3] with z = 1 of pixels [N, 2] (corner origin) in the frame of the camera K [3, 3]."""
    homogeneous = torch.cat([pixels.double(), torch.ones(len(pixels), 1, dtype=torch.float64)], dim=1)
    return homogeneous @ invert_intrinsics(K.double()).T


def ray_pixels(rays: Tensor, K: Tensor) -> Tensor:
    """Pixels [N, 2] at which the camera K [3, 3] sees directions [N, 3]; infinite for those beside or behind it."""
    projected = rays.double() @ K.double().T
    in_front = projected[:, 2:] > 0
    return torch.where(in_front, projected[:, :2] / projected[:, 2:].clamp(min=1e-12), torch.inf)


def fit_rotation(rays_a: Tensor, rays_b: Tensor) -> Tensor:
    """[3, 3] float64 b_R_a that brings directions [N, 3] of a closest to those of b.

    The sum of distances (not of squares) between unit vectors is minimised, by Kabsch's solution with weights
    that follow the residuals, so that a minority of wrong matches or of near points hardly counts.

    Raises:
        ValueError: fewer than three pairs.
    """
    if len(rays_a) < 3:
        raise ValueError(f"A rotation is fitted to three pairs of rays or more, but there are {len(rays_a)}.")
    a, b = (torch.nn.functional.normalize(rays.double(), dim=1) for rays in (rays_a, rays_b))
    weights = torch.ones(len(a), 1, dtype=torch.float64)
    rotation = torch.eye(3, dtype=torch.float64)
    for _ in range(_ITERATIONS):
        u, _, vh = torch.linalg.svd(b.T @ (weights * a))
        proper = torch.ones(3, dtype=torch.float64)
        proper[2] = torch.linalg.det(u @ vh)  # -1 would mirror
        rotation = (u * proper) @ vh
        residual = (a @ rotation.T - b).norm(dim=1, keepdim=True)
        weights = 1.0 / residual.clamp(min=_SMALLEST_RESIDUAL)
    return rotation


def intersect_rays(rays_a: Tensor, rays_b: Tensor, b_T_a: Tensor) -> tuple[Tensor, Tensor]:
    """Depths ([N] in a, [N] in b) of the points that rays [N, 3] with z = 1 of both cameras see, for b_T_a [4, 4].

    The depth in a is the one at which its ray passes closest to the ray of b, seen from b: least squares of
    z_a (r_b x R r_a) = -(r_b x t). Negative depths mean that the rays meet behind a camera; parallel rays have
    depth infinity.
    """
    rotation, translation = b_T_a[:3, :3].double(), b_T_a[:3, 3].double()
    turned, rays_b = rays_a.double() @ rotation.T, rays_b.double()
    across = torch.linalg.cross(rays_b, turned)
    towards = -torch.linalg.cross(rays_b, translation.expand_as(rays_b))
    square = (across * across).sum(1)
    depth_a = torch.where(square > 0, (towards * across).sum(1) / square.clamp(min=1e-300), torch.inf)
    depth_b = depth_a * turned[:, 2] + translation[2]
    return depth_a, depth_b
