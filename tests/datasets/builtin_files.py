"""Reads a drive in KITTI's layout with plain numpy, and warps: nothing here knows how it was rendered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

DATE = "2026_01_01"
DRIVE = f"{DATE}/{DATE}_drive_0001_sync"


def picture(root: Path, camera: int, frame: int) -> np.ndarray:
    return np.asarray(Image.open(root / DRIVE / f"image_0{camera}" / "data" / f"{frame:010d}.png")).astype(np.float64)


def depth_map(root: Path, camera: int, frame: int) -> np.ndarray:
    path = root / DRIVE / "proj_depth" / "groundtruth" / f"image_0{camera}" / f"{frame:010d}.png"
    image = Image.open(path)
    assert image.mode == "I;16"
    return np.asarray(image).astype(np.float64) / 256.0


def calibration(path: Path) -> dict[str, np.ndarray]:
    lines = (line.split(":", 1) for line in path.read_text().splitlines() if not line.startswith("calib_time"))
    return {key: np.array(text.split(), np.float64) for key, text in lines}


def cameras(root: Path) -> tuple[np.ndarray, dict[int, float]]:
    """K in pixels with a corner origin, and x of every camera in the frame of camera 0."""
    values = calibration(root / DATE / "calib_cam_to_cam.txt")
    projections = {number: values[f"P_rect_0{number}"].reshape(3, 4) for number in range(4)}
    K = projections[2][:, :3].copy()
    K[:2, 2] += 0.5
    return K, {number: -P[0, 3] / P[0, 0] for number, P in projections.items()}


def poses(root: Path) -> np.ndarray:
    rows = np.loadtxt(root / DRIVE / "poses.txt").reshape(-1, 3, 4)
    return np.concatenate([rows, np.tile([[[0, 0, 0, 1.0]]], (len(rows), 1, 1))], axis=1)


def bilinear(image: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Corner origin: the centre of the first pixel is (0.5, 0.5)."""
    height, width = image.shape[:2]
    x, y = np.clip(u - 0.5, 0, width - 1.001), np.clip(v - 0.5, 0, height - 1.001)
    i, j = x.astype(int), y.astype(int)
    a, b = ((x - i)[..., None], (y - j)[..., None]) if image.ndim == 3 else (x - i, y - j)
    above = image[j, i] * (1 - a) + image[j, i + 1] * a
    below = image[j + 1, i] * (1 - a) + image[j + 1, i + 1] * a
    return above * (1 - b) + below * b


def warp(depth: np.ndarray, K: np.ndarray, source_T_target: np.ndarray, source: np.ndarray, source_depth: np.ndarray):
    """The source as the target sees it, and where the same surface is seen by both."""
    height, width = depth.shape
    v, u = np.mgrid[:height, :width] + 0.5
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], axis=-1)
    points = rays * depth[..., None] @ source_T_target[:3, :3].T + source_T_target[:3, 3]
    z = np.maximum(points[..., 2], 0.1)
    u, v = K[0, 0] * points[..., 0] / z + K[0, 2], K[1, 1] * points[..., 1] / z + K[1, 2]
    inside = (depth > 0) & (points[..., 2] > 0.1) & (u > 0.5) & (u < width - 0.5) & (v > 0.5) & (v < height - 0.5)
    corners = [(du, dv) for du in (-0.5, 0.49) for dv in (-0.5, 0.49)]
    around = [source_depth[clipped(v + dv, height), clipped(u + du, width)] for du, dv in corners]
    same = np.all([np.abs(found - z) < 0.1 * z for found in around], axis=0)
    return bilinear(source, u, v), inside & same


def clipped(values: np.ndarray, size: int) -> np.ndarray:
    return np.clip(values.astype(int), 0, size - 1)


def translation(x: float) -> np.ndarray:
    transform = np.eye(4)
    transform[0, 3] = x
    return transform


def lies_on_a_plane(depth: np.ndarray) -> np.ndarray:
    """Pixels nearer than 40 m around which 1 / depth does not bend, but for the rounding of the files."""
    near = (depth > 0) & (depth < 40)
    inverse = 1.0 / np.where(near, depth, 1e-3)
    bend = np.zeros_like(inverse)
    bend[:, 1:-1] = np.abs(inverse[:, 2:] + inverse[:, :-2] - 2 * inverse[:, 1:-1])
    bend[1:-1] = np.maximum(bend[1:-1], np.abs(inverse[2:] + inverse[:-2] - 2 * inverse[1:-1]))
    straight = near & (bend < 1e-3 * inverse + 4 / 512 * inverse**2)
    around = [np.roll(straight, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    return np.all(around, axis=0)
