"""A drive in KITTI raw's layout for the benchmark of loaders: JPEGs and scans of KITTI's sizes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from selfsup_depth.datasets.builtin.kitti_text import DRIVE, write_calibration
from selfsup_depth.datasets.builtin.rig import Rig

RECORDED = (375, 1242)  # height, width
RINGS, STEP_DEGREES, MOUNTED_AT_M, REACH_M = 64, 0.17, 1.73, 80.0  # of KITTI's scanner: 120,000 points and more


def write_drive(root: Path, frames: int) -> Path:
    """Both cameras' pictures, scans, calibration; lists of all frames that have neighbours, two of them to validate."""
    height, width = RECORDED
    write_calibration(root, Rig(width, height))
    wide = Image.fromarray(skimage.data.coffee())
    wide = wide.resize((width + 8 * frames + 60, 2 * height), Image.Resampling.LANCZOS)
    random = np.random.default_rng(0)
    grain = random.normal(0, 4, (*RECORDED, 3))
    for frame in range(frames):
        for camera, shift in ((2, 0), (3, 60)):
            left = 8 * frame + shift
            view = np.asarray(wide.crop((left, frame, left + width, frame + height)), dtype=np.float32)
            path = root / DRIVE / f"image_0{camera}" / "data" / f"{frame:010d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            # quality and chroma sampling as the published conversion of KITTI has them
            Image.fromarray(np.clip(view + grain, 0, 255).astype(np.uint8)).save(path, quality=92, subsampling="4:2:0")
        path = root / DRIVE / "velodyne_points" / "data" / f"{frame:010d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        scan(random).tofile(path)
    usable = [f"{DRIVE} {frame} {side}" for frame in range(1, frames - 1) for side in "lr"]
    (root / "train_files.txt").write_text("\n".join(usable[:-2]))
    (root / "val_files.txt").write_text("\n".join(usable[-2:]))
    return root


def write_walk(folder: Path, images: int) -> None:
    """JPEGs of one camera that moves along a photograph, and its calibration: a folder of frames."""
    folder.mkdir(parents=True)
    height, width = RECORDED
    wide = Image.fromarray(skimage.data.coffee()).resize((width + 8 * images, 2 * height), Image.Resampling.LANCZOS)
    grain = np.random.default_rng(0).normal(0, 4, (*RECORDED, 3))
    for frame in range(images):
        view = np.asarray(wide.crop((8 * frame, frame, 8 * frame + width, frame + height)), dtype=np.float32)
        picture = Image.fromarray(np.clip(view + grain, 0, 255).astype(np.uint8))
        picture.save(folder / f"{frame:06d}.jpg", quality=92)
    camera = {"image_width": width, "image_height": height, "fx": 720.0, "fy": 720.0, "cx": width / 2, "cy": height / 2}
    (folder / "calib.json").write_text(json.dumps(camera | {"pixel_origin": "corner"}))


def scan(random: np.random.Generator) -> np.ndarray:
    """[n, 4] float32: a flat road, and at every angle something upright at a random distance."""
    elevation = np.radians(np.linspace(2.0, -24.8, RINGS))[:, None]
    azimuth = np.radians(np.arange(-180.0, 180.0, STEP_DEGREES))[None]
    to_road = np.where(elevation < 0, MOUNTED_AT_M / np.maximum(-np.sin(elevation), 1e-6), np.inf)
    upright = np.repeat(random.uniform(5.0, REACH_M, azimuth.shape[1] // 16 + 1), 16)[None, : azimuth.shape[1]]
    distance = np.minimum(to_road, upright)
    flat = distance * np.cos(elevation)
    points = [flat * np.cos(azimuth), flat * np.sin(azimuth), distance * np.sin(elevation), np.zeros_like(flat)]
    return np.stack(points, axis=-1).reshape(-1, 4).astype(np.float32)
