"""Rendered footage small enough to train on in a test: a textured slanted wall seen by a moving stereo rig."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH, FOCAL, BASELINE = 64, 96, 60.0, 0.5


def wall(camera_x: float, camera_z: float) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, 3] uint8 and depth [H, W] metres of the wall z = 8 + 0.5 x, seen from (camera_x, 0, camera_z)."""
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    ray_x, ray_y = (columns - WIDTH / 2) / FOCAL, (rows - HEIGHT / 2) / FOCAL
    depth = (8.0 + 0.5 * camera_x - camera_z) / (1 - 0.5 * ray_x)
    x, y = camera_x + ray_x * depth, ray_y * depth
    waves = [np.sin(a * x + b * y + c) for a, b, c in ((3.1, 0.7, 0), (0.9, 2.3, 1), (5.3, -4.1, 2), (1.7, 6.1, 3))]
    image = np.stack([0.5 + 0.12 * (waves[i % 4] + waves[(i + 1) % 4] + 0.7 * waves[(i + 2) % 4]) for i in range(3)])
    return (np.clip(image, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0), depth.astype(np.float32)


def write_stereo_folder(root: Path, frames: int = 6) -> Path:
    """`train/` and `val/` with left, right and depth, and one calibration."""
    for part, offset in (("train", 0.0), ("val", 0.25)):
        for side in ("left", "right", "depth"):
            (root / part / side).mkdir(parents=True)
        for frame in range(frames if part == "train" else 3):
            x, z = 0.3 * frame + offset, 0.2 * frame
            left, depth = wall(x, z)
            right, _ = wall(x + BASELINE, z)
            name = f"wall_{frame:04d}.png"
            Image.fromarray(left).save(root / part / "left" / name)
            Image.fromarray(right).save(root / part / "right" / name)
            Image.fromarray((depth * 256).astype(np.uint16)).save(root / part / "depth" / name)
    calibration = {
        "image_width": WIDTH, "image_height": HEIGHT, "fx": FOCAL, "fy": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2,
        "baseline_m": BASELINE, "pixel_origin": "corner",
    }  # fmt: skip
    (root / "calib.json").write_text(json.dumps(calibration))
    return root
