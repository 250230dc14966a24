"""A laser scanner: rings of exact hits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.shading import Shader

RINGS = 48
_REACH = 120.0  # metres
_STEP = 0.25  # degrees


def scan(shader: Shader, world_T_velo: NDArray[np.float64], half_view: float) -> NDArray[np.float32]:
    """Points [N, 4]: x forward, y left, z up in metres, and reflectance 0..1.

    `half_view` is half the azimuth covered, in degrees; rings go from -18 to +3 degrees.
    """
    elevation = np.radians(np.linspace(3.0, -18.0, RINGS))[:, None]
    azimuth = np.radians(np.arange(half_view, -half_view, -_STEP))[None]
    x, y = np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth)
    z = np.broadcast_to(np.sin(elevation), x.shape)
    local = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    hits = shader.tracer.trace(world_T_velo[:3, 3], local @ world_T_velo[:3, :3].T)
    seen = np.flatnonzero(hits.distance < _REACH)
    tint = shader.mesh.tints[hits.triangle[seen]].mean(axis=1)
    points = local[seen] * hits.distance[seen, None]
    return np.concatenate([points, np.clip(0.5 * tint, 0.0, 1.0)[:, None]], axis=1).astype(np.float32)
