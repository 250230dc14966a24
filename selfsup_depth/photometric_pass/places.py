"""Where the sources see the target's pixels, and how that moves with depth and motion.

With D and e as in `geometry.projection.PixelMotion`, A = D (u, v, 1) and z = (1 + A_z) depth + e_z, the pixel (u, v) is
seen at u + ((A_u - u A_z) depth + e_u - u e_z) / z, and the same for v: see `geometry.projection.reproject`. Here
derivatives are written out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geometry.projection import NEAREST_Z, PixelMotion


@dataclass(frozen=True)
class Places:
    """Pixels of a target in N sources; all [N, B, h, w] but for the first three."""

    depth: Tensor  # [B, h, w]
    pixel_u: Tensor  # [w]
    pixel_v: Tensor  # [h, 1]
    turned_z: Tensor
    slope_u: Tensor
    slope_v: Tensor
    z: Tensor
    over_z: Tensor
    moved_u: Tensor
    moved_v: Tensor

    @property
    def u(self) -> Tensor:
        return self.pixel_u + self.moved_u

    @property
    def v(self) -> Tensor:
        return self.pixel_v + self.moved_v

    def in_view(self, height: int, width: int) -> Tensor:
        """Bool: in front of the source and inside its image."""
        u, v = self.u, self.v
        return (self.z > NEAREST_Z) & (u >= 0) & (u <= width) & (v >= 0) & (v <= height)

    def cut(self, margin: int) -> Places:
        """Without so many pixels at each side."""
        keep = slice(margin, -margin)
        maps = (
            self.turned_z, self.slope_u, self.slope_v, self.z, self.over_z, self.moved_u, self.moved_v
        )  # fmt: skip
        return Places(
            self.depth[..., keep, keep], self.pixel_u[keep], self.pixel_v[keep], *(m[..., keep, keep] for m in maps)
        )

    def pull_back(self, to_u: Tensor, to_v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients in u and v [N, B, h, w] as those in depth [B, h, w], D [N, B, 3, 3] and e [N, B, 3]."""
        to_u, to_v = to_u * self.over_z, to_v * self.over_z
        moves = (self.z > NEAREST_Z).to(to_u.dtype)  # where z is held at its least it does not move
        z_by_depth = (1.0 + self.turned_z) * moves
        to_depth = to_u * (self.slope_u - self.moved_u * z_by_depth) + to_v * (self.slope_v - self.moved_v * z_by_depth)
        to_z = -(to_u * (self.pixel_u + self.moved_u * moves) + to_v * (self.pixel_v + self.moved_v * moves))
        to_e = torch.stack([each.sum((2, 3)) for each in (to_u, to_v, to_z)], dim=-1)
        rows = [self._by_row(each * self.depth) for each in (to_u, to_v, to_z)]
        return to_depth.sum(0), torch.stack(rows, dim=-2), to_e

    def _by_row(self, gradient: Tensor) -> Tensor:
        """Of a row of D: the gradient in its product with (u, v, 1)."""
        parts = (gradient * self.pixel_u, gradient * self.pixel_v, gradient)
        return torch.stack([part.sum((2, 3)) for part in parts], dim=-1)


def places_in_sources(depth: Tensor, motion: PixelMotion, pixel_u: Tensor, pixel_v: Tensor) -> Places:
    """Places of pixels at u [w] and v [h, 1] with depths [B, h, w], for motions D [N, B, 3, 3] and e [N, B, 3]."""
    turned_u, turned_v, turned_z = (
        a * pixel_u + (b * pixel_v + c)
        for a, b, c in (motion.D[:, :, row, :, None, None].unbind(2) for row in range(3))
    )
    e_u, e_v, e_z = motion.e[..., None, None].unbind(2)
    z = depth + (turned_z * depth + e_z)
    over_z = 1.0 / z.clamp(min=NEAREST_Z)
    slope_u, slope_v = turned_u - pixel_u * turned_z, turned_v - pixel_v * turned_z
    moved_u = (slope_u * depth + (e_u - pixel_u * e_z)) * over_z
    moved_v = (slope_v * depth + (e_v - pixel_v * e_z)) * over_z
    return Places(depth, pixel_u, pixel_v, turned_z, slope_u, slope_v, z, over_z, moved_u, moved_v)
