"""A pinhole camera that renders a picture and its exact depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.shading import Rays, Shader

FloatArray = NDArray[np.float64]

#: Where the four samples of a pixel lie, in pixels from its top-left corner.
SAMPLES = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
#: Each sample sees half a pixel; textures are averaged over a bit more, so that the picture is smooth
#: enough to be interpolated.
_FILTER = 0.7


@dataclass(frozen=True)
class Camera:
    """Intrinsics in pixels (corner origin) and size of a picture."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def directions(self, right: float = 0.5, down: float = 0.5) -> FloatArray:
        """Rays [height * width, 3] with z = 1 through the point (right, down) of every pixel."""
        v, u = np.mgrid[0 : self.height, 0 : self.width].astype(np.float64)
        x, y = (u + right - self.cx) / self.fx, (v + down - self.cy) / self.fy
        return np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)


def render(shader: Shader, camera: Camera, world_T_camera: FloatArray) -> NDArray[np.uint8]:
    """The picture [height, width, 3], gamma 2, from 2 x 2 samples per pixel."""
    rotation, origin = world_T_camera[:3, :3], world_T_camera[:3, 3].astype(np.float32)
    across = (_FILTER / camera.fx * rotation[:, 0]).astype(np.float32)
    down = (_FILTER / camera.fy * rotation[:, 1]).astype(np.float32)
    total = np.zeros((camera.height * camera.width, 3), np.float32)
    for turn, (right, low) in enumerate(SAMPLES):
        directions = camera.directions(right, low) @ rotation.T
        hits = shader.tracer.trace(world_T_camera[:3, 3], directions)
        rays = Rays(origin, directions.astype(np.float32), across, down)
        total += np.minimum(shader.radiance(rays, hits, turn), 4.0 / shader.lighting.exposure)
    linear = np.clip(total * (shader.lighting.exposure / len(SAMPLES)), 0.0, 1.0)
    picture = np.rint(np.sqrt(linear) * 255.0).astype(np.uint8)
    return picture.reshape(camera.height, camera.width, 3)


def render_depth(shader: Shader, camera: Camera, world_T_camera: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """Depth [height, width] at pixel centres, in metres along the camera's axis (infinite: sky).

    Also the number [height, width] of the triangle that each pixel's centre sees (-1: sky).
    """
    directions = camera.directions() @ world_T_camera[:3, :3].T
    hits = shader.tracer.trace(world_T_camera[:3, 3], directions)  # z = 1, so the distance is the depth
    shape = (camera.height, camera.width)
    return hits.distance.reshape(shape), hits.triangle.reshape(shape)
