"""Tiny data sets in every layout that a reader knows, and one data set of a single camera."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from geometry.camera import intrinsics_matrix
from selfsup_depth.datasets import DatasetRequest, ViewSource
from splits import SplitLine

DATE = "2011_09_26"
DRIVE = f"{DATE}/{DATE}_drive_0001_sync"
SIZE = (12, 40)  # height, width of the stored images
KITTI_P = {2: (20.0, 21.0, 19.0, 5.5, 1.2, 0.03, 0.003), 3: (20.0, 21.0, 19.0, 5.5, -9.5, 0.06, 0.005)}


def write_image(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> None:
    """A picture whose content depends on the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_depth_png(path: Path, metres: np.ndarray) -> None:
    """16 bits, metres * 256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((metres * 256).astype(np.uint16)).save(path)


def projection(camera: int) -> np.ndarray:
    """[3, 4] as a KITTI file holds it."""
    fx, fy, cx, cy, px, py, pz = KITTI_P[camera]
    return np.array([[fx, 0, cx, px], [0, fy, cy, py], [0, 0, 1, pz]])


def calibration_text(width: int = SIZE[1], height: int = SIZE[0]) -> str:
    lines = ["calib_time: 09-Jan-2012 13:57:47", "R_rect_00: 1 0 0 0 1 0 0 0 1"]
    for camera in (2, 3):
        lines.append(f"S_rect_0{camera}: {width} {height}")
        lines.append(f"P_rect_0{camera}: " + " ".join(str(x) for x in projection(camera).flatten()))
    return "\n".join(lines) + "\n"


#: camera x right = -scanner y, camera y down = -scanner z, camera z forward = scanner x
VELODYNE_TEXT = "R: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 0\n"


class Trees:
    """Writes data sets below a folder; every method returns the data path."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def kitti_raw(self, frames: int = 4, suffix: str = ".jpg", calibrated: bool = True, scans: bool = True) -> Path:
        for frame in range(frames):
            for camera in (2, 3):
                path = self.root / DRIVE / f"image_0{camera}" / "data" / f"{frame:010d}{suffix}"
                write_image(path, seed=10 * frame + camera)
            if scans:
                path = self.root / DRIVE / "velodyne_points" / "data" / f"{frame:010d}.bin"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.array([[5.0, 0.0, 0.0, 0.3]], dtype=np.float32).tofile(path)
        if calibrated:
            (self.root / DATE / "calib_cam_to_cam.txt").write_text(calibration_text())
            (self.root / DATE / "calib_velo_to_cam.txt").write_text(VELODYNE_TEXT)
        return self.root

    def kitti_depth(self, frames: int = 4) -> Path:
        self.kitti_raw(frames, scans=False)
        for frame in range(frames):
            for camera in (2, 3):
                tail = f"proj_depth/groundtruth/image_0{camera}/{frame:010d}.png"
                write_depth_png(self.root / DRIVE / tail, np.full(SIZE, 1.0 + frame))
        return self.root

    def kitti_odom(self, frames: int = 4, suffix: str = ".png") -> Path:
        folder = self.root / "sequences" / "09"
        for frame in range(frames):
            for camera in (2, 3):
                write_image(folder / f"image_{camera}" / f"{frame:06d}{suffix}", seed=10 * frame + camera)
        rows = [f"P{n}: " + " ".join(str(x) for x in projection(n).flatten()) for n in (2, 3)]
        (folder / "calib.txt").write_text("\n".join(rows))
        (self.root / "poses").mkdir()
        (self.root / "poses" / "09.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0.5 0 1 0 0 0 0 1 2\n")
        return self.root

    def stereo_folder(
        self,
        names: Sequence[str] = ("a_1", "a_2", "a_3", "b_1", "b_2", "b_3"),
        parts: Sequence[str] = ("",),
        **calibration: object,
    ) -> Path:
        for part in parts:
            for i, name in enumerate(names):
                write_image(self.root / part / "left" / f"{name}.png", seed=2 * i)
                write_image(self.root / part / "right" / f"{name}.png", seed=2 * i + 1)
                write_depth_png(self.root / part / "depth" / f"{name}.png", np.full((6, 20), 4.0))
        height, width = SIZE
        content = {"image_width": width, "image_height": height, "fx": 30.0, "fy": 31.0, "cx": 19.0, "cy": 5.0}
        content |= {"baseline_m": 0.25, "pixel_origin": "corner"} | calibration
        (self.root / "calib.json").write_text(json.dumps(content))
        return self.root

    def simsin(self, frames: int = 4) -> Path:
        for frame in range(frames):
            for side in (0, 1):
                stem = self.root / "apartment_0" / f"{frame:03d}_{side}"
                write_image(Path(f"{stem}.png"), seed=10 * frame + side, size=(16, 16))
                depth = np.full((16, 16), 2.0 + frame, dtype=np.float32)
                depth[0] = np.inf
                np.save(f"{stem}_depth.npy", depth)
        lines = [f"apartment_0/{frame:03d}_{s} {frame} {'lr'[s]}" for frame in range(frames) for s in (0, 1)]
        (self.root / "train_files.txt").write_text("\n".join(lines))
        (self.root / "val_files.txt").write_text(lines[0])
        return self.root


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    root = tmp_path / "data"
    root.mkdir()
    return Trees(root)


class OneCamera(ViewSource):
    """Frames 0..5 of one camera, held in memory; frame 3 is missing."""

    K = intrinsics_matrix(30.0, 31.0, 19.0, 5.0)

    def items(self) -> list[SplitLine]:
        return [SplitLine("clip", frame) for frame in range(6)]

    def image_path(self, view: SplitLine) -> str:
        return f"clip/{view.frame}.png"

    def has_image(self, view: SplitLine) -> bool:
        return 0 <= view.frame < 6 and view.frame != 3

    def read_image(self, view: SplitLine) -> Tensor:
        return torch.full((3, *SIZE), 20 * view.frame, dtype=torch.uint8)

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return self.K


@pytest.fixture
def one_camera() -> type[OneCamera]:
    return OneCamera


def request(**changes: object) -> DatasetRequest:
    """A request at the stored size."""
    height, width = SIZE
    return DatasetRequest(**({"height": height, "width": width} | changes))  # type: ignore[arg-type]


@pytest.fixture
def ask() -> object:
    return request
