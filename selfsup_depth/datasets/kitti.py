"""KITTI raw: `<date>/<date>_drive_NNNN_sync/image_0{2,3}/data/0000000000.jpg` (or .png)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets.calibration import fit_to_image
from selfsup_depth.datasets.kitti_devkit import (
    RectifiedCamera,
    read_raw_calibration,
    read_timestamps,
    read_velodyne_extrinsics,
)
from selfsup_depth.datasets.kitti_lidar import lidar_depth_map, read_velodyne
from selfsup_depth.datasets.kitti_oxts import OxtsPoses
from selfsup_depth.datasets.kitti_views import KittiSource, camera_number
from selfsup_depth.datasets.request import DatasetRequest
from splits import SplitLine

#: Copies at the usual training sizes were resized with up to 3.5 % of stretch (1024x320); the nearest
#: crop in use (1216x352) has an aspect 4.3 % off.
ASPECT_TOLERANCE = 0.04


class KittiRaw(KittiSource):
    """Depth is the LiDAR scan of the same instant."""

    name = "kitti"
    default_split = "eigen_zhou"
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self._poses: dict[str, OxtsPoses] = {}
        self._times: dict[str, list[float]] = {}

    def image_path(self, view: SplitLine) -> str:
        folder = f"{self.root}/{view.folder}/image_0{camera_number(view)}/data"
        return self.files.find(folder, f"{view.frame:010d}", self.suffixes)

    def calibration_file(self, folder: str) -> str:
        return f"{self._date_folder(folder)}/calib_cam_to_cam.txt"

    def read_cameras(self, folder: str) -> dict[int, RectifiedCamera]:
        return read_raw_calibration(Path(self._date_folder(folder))).cameras

    def fitted(self, camera: RectifiedCamera, view: SplitLine, size: tuple[int, int]) -> Tensor:
        return fit_to_image(
            camera.intrinsics,
            camera.size or size,
            size,
            calibration=self.calibration_file(view.folder),
            image=self.image_path(view),
            aspect_tolerance=ASPECT_TOLERANCE,
        )

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        if not self.files.has(f"{self.root}/{view.folder}/oxts/data/{view.frame:010d}.txt"):
            return None
        if view.folder not in self._poses:
            self._poses[view.folder] = OxtsPoses(Path(f"{self.root}/{view.folder}"))
        return torch.from_numpy(self._poses[view.folder].world_T_camera(camera_number(view), view.frame))

    def time_s(self, view: SplitLine) -> float | None:
        """Seconds since 1970; None without the camera's timestamps.txt or beyond its last line."""
        path = f"{self.root}/{view.folder}/image_0{camera_number(view)}/timestamps.txt"
        if path not in self._times:
            self._times[path] = read_timestamps(Path(path)) if self.files.has(path) else []
        times = self._times[path]
        return times[view.frame] if view.frame < len(times) else None

    def has_depth(self, item: SplitLine) -> bool:
        return self.files.has(self._scan_path(item))

    def depth(self, item: SplitLine) -> np.ndarray | None:
        date_folder = Path(self._date_folder(item.folder))
        kind = self.request.options.lidar_depth
        return lidar_depth_map(
            read_velodyne(self._scan_path(item)),
            read_raw_calibration(date_folder),
            read_velodyne_extrinsics(date_folder),
            camera_number(item),
            published=kind != "corrected",
            forward_distance=kind == "eigen",
        )

    def _scan_path(self, item: SplitLine) -> str:
        return f"{self.root}/{item.folder}/velodyne_points/data/{item.frame:010d}.bin"

    def _date_folder(self, folder: str) -> str:
        return f"{self.root}/{folder.partition('/')[0]}"
