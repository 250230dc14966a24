"""A walk along the street as several cameras see it: lenses of all kinds, a raw rig, a level pair, a phone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from lens_footage import rays_of
from scipy.spatial.transform import Rotation
from street_scene import seen_along

from selfsup_depth.datasets.cameras import Camera

FRAMES, BASELINE = 16, 0.3


def camera(focal: float, cx: float, cy: float, size: tuple[int, int], *lens: float, model: str = "pinhole") -> Camera:
    matrix = torch.tensor([[focal, 0, cx], [0, focal, cy], [0, 0, 1]], dtype=torch.float64)
    return Camera(matrix, size, lens, model)  # type: ignore[arg-type]


LANDSCAPE, UPRIGHT = (160, 120), (120, 160)
PLAIN = camera(115.0, 80.0, 60.0, LANDSCAPE)
BARREL = camera(115.0, 80.7, 59.4, LANDSCAPE, -0.25, 0.08, 0.001, -0.0015, 0.0)
OTHER_BARREL = camera(116.5, 79.1, 61.2, LANDSCAPE, -0.24, 0.07, -0.0005, 0.001, 0.0)
PHONE = camera(170.0, 60.0, 80.0, UPRIGHT)  # 39 degrees wide


@dataclass(frozen=True)
class Eye:
    """One camera of the walk: its lens, and the motion [3, 4] from the left camera to it (row after row)."""

    lens: Camera
    eye_T_left: tuple[float, ...] = tuple(np.eye(4)[:3].flatten())

    def seen(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Image [H, W, 3] uint8 and depth [H, W] metres of each frame; rendered once."""
        key = str(self)
        if key not in _RENDERED:
            motion = np.vstack([np.reshape(self.eye_T_left, (3, 4)), (0, 0, 0, 1)])
            rays, focal = rays_of(self.lens), float(self.lens.intrinsics[0, 0])
            _RENDERED[key] = [seen_along(rays, pose @ np.linalg.inv(motion), focal) for pose in poses()]
        return _RENDERED[key]

    @property
    def images(self) -> list[np.ndarray]:
        return [image for image, _ in self.seen()]


_RENDERED: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}


def beside(lens: Camera, rotation: np.ndarray, translation: tuple[float, float, float]) -> Eye:
    """The right camera: OpenCV's R and T, metres."""
    return Eye(lens, tuple(np.column_stack([rotation, translation]).flatten()))


LEVEL_RIGHT = beside(PLAIN, np.eye(3), (-BASELINE, 0.0, 0.0))
R, T = Rotation.from_euler("xyz", (0.8, -1.2, 0.7), degrees=True).as_matrix(), (-BASELINE, 0.004, 0.006)
RAW_RIGHT = beside(OTHER_BARREL, R, T)


@lru_cache
def poses() -> list[np.ndarray]:
    """world_T_left of each frame: forwards, turning and nodding, so that the focal length can be told."""
    found = []
    for frame in range(FRAMES):
        pose = np.eye(4)
        turn = (3 * np.sin(0.35 * frame), np.cos(0.5 * frame))
        pose[:3, :3] = Rotation.from_euler("YX", turn, degrees=True).as_matrix()
        pose[:3, 3] = (0.3 * np.sin(0.2 * frame), 0.0, 0.15 * frame)
        found.append(pose)
    return found
