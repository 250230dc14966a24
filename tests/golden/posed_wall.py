"""A textured slanted wall seen by one camera with any pose: images and depth in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Pinhole:
    """Pixels, corner origin; the principal point is off the middle, so that nobody can take one for the other."""

    width: int = 96
    height: int = 64
    fx: float = 80.0
    fy: float = 78.0
    cx: float = 45.5
    cy: float = 34.0

    @property
    def matrix(self) -> np.ndarray:
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]])


def see_wall(world_T_camera: np.ndarray, camera: Pinhole) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, 3] uint8 and depth [H, W] float32 of the wall z = 8 + 0.5 x of the world."""
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    ones = np.ones_like(columns)
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, ones], axis=-1)
    rays = rays @ world_T_camera[:3, :3].T  # of length 1 along the camera's z
    origin = world_T_camera[:3, 3]
    depth = (8.0 + 0.5 * origin[0] - origin[2]) / (rays[..., 2] - 0.5 * rays[..., 0])
    x, y, _ = np.moveaxis(origin + depth[..., None] * rays, -1, 0)
    waves = [np.sin(a * x + b * y + c) for a, b, c in ((2.1, 0.7, 0), (0.9, 1.9, 1), (1.6, -1.7, 2), (-1.2, 2.2, 3))]
    image = np.stack([0.5 + 0.15 * (waves[i] + waves[i + 1]) for i in range(3)], axis=-1)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8), depth.astype(np.float32)


def walk(steps: np.ndarray) -> np.ndarray:
    """[N, 4, 4] world_T_camera after so many steps: sidewards and forwards, turning about all axes."""
    poses = np.tile(np.eye(4), (len(steps), 1, 1))
    angles = np.stack([0.02 * steps, 0.03 * np.sin(steps), 0.12 * steps - 0.4], axis=1)  # about x, y and the view
    poses[:, :3, :3] = Rotation.from_euler("xyz", angles).as_matrix()
    poses[:, :3, 3] = np.stack([0.25 * steps, 0.1 * np.cos(steps), 0.2 * steps], axis=1)
    return poses
