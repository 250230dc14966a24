"""A textured wall seen through real lenses, in closed form: no OpenCV, so that it can be checked against it."""

from __future__ import annotations

import numpy as np
import torch

from selfsup_depth.datasets.cameras import Camera

WIDTH, HEIGHT = 160, 120
K = torch.tensor([[110.0, 0.0, 78.5], [0.0, 108.0, 63.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
PINHOLE = Camera(K, (WIDTH, HEIGHT))
BARREL = Camera(K, (WIDTH, HEIGHT), (-0.22, 0.06, 0.002, -0.003, -0.01))
FISHEYE = Camera(K, (WIDTH, HEIGHT), (0.05, -0.02, 0.004, -0.001), "fisheye")


def see_wall(
    camera: Camera, world_R_camera: np.ndarray | None = None, origin: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, 3] uint8 and depth [H, W] float32 along the camera's axis of the wall z = 6 + 0.3 x of the world."""
    rotation = np.eye(3) if world_R_camera is None else world_R_camera
    place = np.zeros(3) if origin is None else origin
    rays = rays_of(camera) @ rotation.T
    depth = (6.0 + 0.3 * place[0] - place[2]) / (rays[..., 2] - 0.3 * rays[..., 0])
    x, y, _ = np.moveaxis(place + depth[..., None] * rays, -1, 0)
    waves = [np.sin(a * x + b * y + c) for a, b, c in ((2.1, 0.7, 0), (0.9, 1.9, 1), (1.6, -1.7, 2), (-1.2, 2.2, 3))]
    image = np.stack([0.5 + 0.2 * (waves[i] + waves[i + 1]) for i in range(3)], axis=-1)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8), depth.astype(np.float32)


def rays_of(camera: Camera) -> np.ndarray:
    """[H, W, 3] the direction in which each pixel looks, of length 1 along the camera's axis."""
    width, height = camera.size
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    matrix = camera.intrinsics.numpy()
    seen = np.stack([(columns - matrix[0, 2]) / matrix[0, 0], (rows - matrix[1, 2]) / matrix[1, 1]], axis=-1)
    return np.concatenate([_straight(camera, seen), np.ones((height, width, 1))], axis=-1)


def _straight(camera: Camera, seen: np.ndarray) -> np.ndarray:
    """The points [..., 2] at distance 1 that a lens shows at `seen` [..., 2]: its model, solved step by step."""
    if not camera.is_distorted:
        return seen
    if camera.model == "fisheye":
        k = camera.distortion
        radius = np.linalg.norm(seen, axis=-1)
        angle = radius.copy()
        for _ in range(50):
            squared = angle**2
            angle = radius / (1 + squared * (k[0] + squared * (k[1] + squared * (k[2] + squared * k[3]))))
        return seen * np.where(radius > 1e-9, np.tan(angle) / np.maximum(radius, 1e-9), 1.0)[..., None]
    k1, k2, p1, p2, k3 = camera.distortion
    point = seen.copy()
    for _ in range(200):
        x, y = point[..., 0], point[..., 1]
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        aside = np.stack([2 * p1 * x * y + p2 * (r2 + 2 * x * x), p1 * (r2 + 2 * y * y) + 2 * p2 * x * y], axis=-1)
        point = (seen - aside) / radial[..., None]
    return point


def shown_at(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Pixels [..., 2], corner origin, at which a lens shows points [..., 2] at distance 1: its model as published."""
    r2 = (points**2).sum(axis=-1, keepdims=True)
    if camera.model == "fisheye":
        k, radius = camera.distortion, np.sqrt(r2)
        angle = np.arctan(radius)
        a2 = angle**2
        bent = angle * (1 + a2 * (k[0] + a2 * (k[1] + a2 * (k[2] + a2 * k[3]))))
        points = points * np.where(radius > 1e-9, bent / np.maximum(radius, 1e-9), 1.0)
    elif camera.is_distorted:
        k1, k2, p1, p2, k3 = camera.distortion
        x, y = points[..., :1], points[..., 1:]
        aside = [2 * p1 * x * y + p2 * (r2 + 2 * x * x), p1 * (r2 + 2 * y * y) + 2 * p2 * x * y]
        points = points * (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) + np.concatenate(aside, axis=-1)
    matrix = camera.intrinsics.numpy()
    return points * [matrix[0, 0], matrix[1, 1]] + [matrix[0, 2], matrix[1, 2]]
