"""Where light comes from: sky, sun, lamps. All colours linear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.textures import TextureBank

FloatArray = NDArray[np.float32]
Colour = tuple[float, float, float]

_CLOUD = (0.95, 0.96, 0.98)


@dataclass(frozen=True)
class Lamp:
    """A small area light, as points that take turns from sub-pixel to sub-pixel: soft shadows for free."""

    points: NDArray[np.float64]  # [k, 3]
    colour: Colour  # what a white matt surface receives at one metre


@dataclass(frozen=True)
class Lighting:
    """The light of a scene."""

    ambient_above: Colour
    ambient_below: Colour
    exposure: float = 1.0
    sun_direction: Colour | None = None  # unit vector towards the sun
    sun: Colour = (0.0, 0.0, 0.0)
    lamps: tuple[Lamp, ...] = ()
    zenith: Colour = (0.25, 0.45, 0.85)
    horizon: Colour = (0.75, 0.82, 0.9)
    cloud_texture: str | None = None
    haze_distance: float = np.inf  # metres after which 63 % of the light comes from the haze

    def ambient(self, normals: FloatArray) -> FloatArray:
        """Soft light [N, 3] on open surfaces with `normals` [N, 3]."""
        up = 0.5 + 0.5 * normals[:, 2:]
        return rgb(self.ambient_above) * up + rgb(self.ambient_below) * (1 - up)

    def sky(self, directions: FloatArray, bank: TextureBank) -> FloatArray:
        """Sky colours [N, 3], with clouds on a plane far above (texture at infinity)."""
        unit = directions / np.sqrt(np.einsum("nc,nc->n", directions, directions))[:, None]
        up = np.clip(unit[:, 2:], 0.0, 1.0)
        blend = up**0.6
        colour = rgb(self.horizon) * (1 - blend) + rgb(self.zenith) * blend
        if self.cloud_texture is None:
            return colour
        scale = 0.35 / (up[:, 0] + 0.1)
        uv = np.stack([unit[:, 0] * scale, unit[:, 1] * scale])
        width = (0.002 + 0.004 * scale) * scale
        ids = np.full(len(unit), bank.ids[self.cloud_texture], np.int32)
        cover = np.clip(2.6 * bank.sample(ids, uv, np.stack([width, width]))[:, :1] - 0.35, 0.0, 1.0)
        return colour * (1 - cover) + rgb(_CLOUD) * cover


def rgb(colour: Colour) -> FloatArray:
    return np.array(colour, np.float32)
