"""A street of textured planes seen by a moving stereo rig: exact images, depth and poses, with parallax.

World and camera axes are x right, y down, z forward; metres. Everything is computed from rays, by numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

HEIGHT, WIDTH, FOCAL, BASELINE = 104, 304, 190.0, 0.4
K = np.array([[FOCAL, 0.0, 150.0], [0.0, FOCAL, 50.0], [0.0, 0.0, 1.0]])
TEXEL = 0.05  # metres
LEVELS = 6


@dataclass(frozen=True)
class Plane:
    """Points p with p[axis] = at, within bounds of the two other axes; None: unbounded."""

    axis: int
    at: float
    bounds: tuple[float, float, float, float] | None
    seed: int
    tint: tuple[float, float, float]


STREET = (
    Plane(1, 1.6, None, 1, (0.9, 0.9, 1.0)),  # the road
    Plane(0, -5.0, None, 2, (1.1, 0.9, 0.8)),
    Plane(0, 6.0, None, 3, (0.9, 1.0, 1.1)),
    Plane(2, 60.0, None, 4, (1.0, 1.1, 1.0)),
    Plane(2, 9.0, (-4.6, -2.6, -0.6, 1.6), 5, (1.2, 1.0, 0.7)),
    Plane(2, 13.0, (2.2, 5.4, -1.0, 1.6), 6, (0.8, 1.0, 1.2)),
    Plane(2, 17.0, (-3.4, -1.0, -0.2, 1.6), 7, (1.0, 0.8, 0.9)),
    Plane(2, 24.0, (1.2, 5.5, -2.5, 1.6), 8, (1.1, 1.1, 0.8)),
    Plane(2, 32.0, (-4.5, -0.6, -3.0, 1.6), 9, (0.9, 1.2, 1.0)),
)


def trajectory(
    frames: int, forward: float = 0.35, sideways: float = 0.04, yaw_degrees: float = 0.9
) -> list[np.ndarray]:
    """world_T_camera [4, 4] of each frame: forward with a slight curve and changing turns."""
    poses = []
    for n in range(frames):
        yaw = np.radians(yaw_degrees) * (0.7 * n - 0.05 * n * n + np.sin(1.3 * n))
        pitch = 0.2 * np.radians(yaw_degrees) * np.cos(1.7 * n)
        turn_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        turn_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        pose = np.eye(4)
        pose[:3, :3] = turn_y @ turn_x
        pose[:3, 3] = (sideways * n, 0.0, forward * n)
        poses.append(pose)
    return poses


def render(
    world_T_camera: np.ndarray, size: tuple[int, int] = (HEIGHT, WIDTH), planes: Sequence[Plane] = STREET
) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, 3] uint8 and depth [H, W] float32 metres."""
    height, width = size
    v, u = np.mgrid[:height, :width] + 0.5
    rays = np.stack([(u - K[0, 2]) / FOCAL, (v - K[1, 2]) / FOCAL, np.ones_like(u)], axis=-1)
    return seen_along(rays, world_T_camera, FOCAL, planes)


def seen_along(
    rays: np.ndarray, world_T_camera: np.ndarray, focal: float, planes: Sequence[Plane] = STREET
) -> tuple[np.ndarray, np.ndarray]:
    """The same along rays [H, W, 3] of length 1 along the camera's axis, of a camera of about this focal length."""
    height, width = rays.shape[:2]
    rays, origin = rays @ world_T_camera[:3, :3].T, world_T_camera[:3, 3]
    depth, colour = np.full((height, width), np.inf), np.zeros((height, width, 3))
    for plane in planes:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (plane.at - origin[plane.axis]) / rays[..., plane.axis]
        hit = np.isfinite(z) & (z > 0.1) & (z < depth)
        points = origin + rays * np.where(hit, z, 1.0)[..., None]
        first, second = (points[..., axis] for axis in range(3) if axis != plane.axis)
        if plane.bounds is not None:
            left, right, top, bottom = plane.bounds
            hit &= (first > left) & (first < right) & (second > top) & (second < bottom)
        depth = np.where(hit, z, depth)
        footprint = z[hit] / (focal * TEXEL)
        colour[hit] = texture(plane.seed, first[hit] / TEXEL, second[hit] / TEXEL, footprint) * plane.tint
    return (np.clip(colour, 0, 1) * 255).astype(np.uint8), depth.astype(np.float32)


@lru_cache
def pyramid(seed: int) -> list[np.ndarray]:
    """Periodic noise of many sizes, [n, n, 3] in [0, 1], n = 512, 256, ..."""
    generator = np.random.default_rng(seed)
    image = np.full((512, 512, 3), 0.0)
    for octave in range(2, 9):
        cells = 2**octave
        image += np.repeat(np.repeat(generator.normal(size=(cells, cells, 3)), 512 // cells, 0), 512 // cells, 1)
    image = (image + 1.5 * image.mean(-1, keepdims=True)) / 2
    levels = [np.clip(0.5 + 0.13 * image, 0.03, 0.97)]
    for _ in range(LEVELS - 1):
        last = levels[-1]
        levels.append((last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2]) / 4)
    return levels


def texture(seed: int, a: np.ndarray, b: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """[N, 3] colours at texels (a, b), prefiltered to `footprint` texels."""
    wanted = np.clip(np.log2(np.maximum(footprint, 1e-6)) + 0.5, 0, LEVELS - 1.001)
    low = wanted.astype(int)
    share = (wanted - low)[:, None]
    out = np.zeros((len(a), 3))
    for level, values in enumerate(pyramid(seed)):
        for chosen, weight in ((low == level, 1 - share), (low + 1 == level, share)):
            if chosen.any():
                out[chosen] += weight[chosen] * _bilinear(values, a[chosen] / 2**level, b[chosen] / 2**level)
    return out


def _bilinear(values: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    i, j = np.floor(a - 0.5).astype(int), np.floor(b - 0.5).astype(int)
    s, t, n = (a - 0.5 - i)[:, None], (b - 0.5 - j)[:, None], len(values)
    i0, i1, j0, j1 = i % n, (i + 1) % n, j % n, (j + 1) % n
    upper = values[j0, i0] * (1 - s) + values[j0, i1] * s
    lower = values[j1, i0] * (1 - s) + values[j1, i1] * s
    return upper * (1 - t) + lower * t


def to_the_right(world_T_left: np.ndarray, baseline: float = BASELINE) -> np.ndarray:
    """world_T_right of a rig."""
    shift = np.eye(4)
    shift[0, 3] = baseline
    return world_T_left @ shift
