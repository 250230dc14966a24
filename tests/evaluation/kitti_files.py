"""A small KITTI raw tree whose pictures tell their depth, and a network that reads it off them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from splits import SplitLine, parse_line

HEIGHT, WIDTH = 38, 124  # a tenth of KITTI's, so that calibration and images agree
FX, CX, CY = 72.0, 61.0, 17.0
CAMERA_AHEAD_M = 0.27  # of the scanner: what tells camera depth from the scanner's forward distance


def depth_of(frame: int) -> np.ndarray:
    """[HEIGHT, WIDTH] whole metres, 3 to 60, different for each frame."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (3 + (rows // 3 + columns // 5 + 7 * frame) % 58).astype(np.float32)


def write_kitti_raw(root: Path, lines: Iterable[str], *, images: bool = True, scans: bool = True) -> Path:
    """Images (red = depth in metres), velodyne scans with a point on every second pixel, calibrations."""
    for item in map(parse_line, lines):
        if not (root / item.folder).is_dir():
            _write_calibration(root / item.folder.split("/")[0])
        if images:
            _write_image(root / item.folder / "image_02" / "data" / f"{item.frame:010d}.png", item)
        if scans:
            _write_scan(root / item.folder / "velodyne_points" / "data" / f"{item.frame:010d}.bin", item)
    return root


def write_improved_depth(root: Path, lines: Iterable[str]) -> Path:
    for item in map(parse_line, lines):
        drive = item.folder.split("/")[1]
        path = root / "train" / drive / "proj_depth" / "groundtruth" / "image_02" / f"{item.frame:010d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((depth_of(item.frame) * 256).astype(np.uint16)).save(path)
    return root


def _write_image(path: Path, item: SplitLine) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 0] = depth_of(item.frame)
    Image.fromarray(picture).save(path)


def _write_scan(path: Path, item: SplitLine) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    depth = depth_of(item.frame)
    rows, columns = np.mgrid[0:HEIGHT:2, 0:WIDTH:2].reshape(2, -1)
    forward = depth[rows, columns]
    # The published maps put a point projected to (u, v) into column round(u) - 1, row round(v) - 1.
    z = forward - CAMERA_AHEAD_M
    right, down = (columns + 1 - CX) / FX * z, (rows + 1 - CY) / FX * z
    points = np.stack([forward, -right, -down, np.zeros_like(forward)], axis=1)
    points.astype(np.float32).tofile(path)


def _write_calibration(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cameras = "".join(
        f"S_rect_0{n}: {WIDTH} {HEIGHT}\nP_rect_0{n}: {FX} 0 {CX} {-0.5 * FX * (n - 2)} 0 {FX} {CY} 0 0 0 1 0\n"
        for n in (2, 3)
    )
    (folder / "calib_cam_to_cam.txt").write_text(f"calib_time: 09-Jan-2012\nR_rect_00: 1 0 0 0 1 0 0 0 1\n{cameras}")
    (folder / "calib_velo_to_cam.txt").write_text(f"R: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 {-CAMERA_AHEAD_M}\n")


@dataclass
class Meta:
    """Stand-in for what a checkpoint says of itself."""

    method: str = "reads depth off the red channel"
    metres_per_unit: float | None = 1.0


class RedModel:
    """Depth = factor * 255 * red: exact for `write_kitti_raw` when the factor is 1."""

    def __init__(self, *, metric: bool = True, factor: float = 1.0, height: int = HEIGHT, width: int = WIDTH) -> None:
        self.height, self.width, self.metric, self.factor = height, width, metric, factor
        self.device = torch.device("cpu")
        self.meta = Meta(metres_per_unit=1.0 if metric else None)
        self.predicted = 0

    def predict_inverse_depth(self, images: Tensor) -> Tensor:
        assert images.shape[1:] == (3, self.height, self.width)
        self.predicted += len(images)
        return 1.0 / (self.factor * torch.clamp(255 * images[:, :1], min=1.0))
