"""KITTI odometry: `sequences/NN/image_{2,3}/000000.jpg` (or .png), `calib.txt`, and `poses/NN.txt`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets.kitti_devkit import RectifiedCamera, read_odometry_calibration, read_poses, read_times
from selfsup_depth.datasets.kitti_views import KittiSource, camera_number
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.errors import UserError
from splits import SplitLine

#: calib.txt does not say its image size. KITTI's principal points lie within 5 % of the centre of their
#: images; of images resized to 1024x320 or less they would be off by 9 % or more.
CENTRE_TOLERANCE = 0.08


class KittiOdometry(KittiSource):
    """There is no ground-truth depth; the trajectory is known where it is published (00 to 10)."""

    name = "kitti_odom"
    default_split = "odom"

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self._poses: dict[str, np.ndarray] = {}
        self._times: dict[str, list[float]] = {}

    def check_line(self, line: SplitLine) -> None:
        super().check_line(line)
        if not line.folder.isdecimal():
            raise ValueError(
                "does not begin with a sequence number, expected lines like '9 0 l' as in an odometry --split"
            )

    def image_path(self, view: SplitLine) -> str:
        folder = f"{self._sequence(view.folder)}/image_{camera_number(view)}"
        return self.files.find(folder, f"{view.frame:06d}", self.suffixes)

    def calibration_file(self, folder: str) -> str:
        return f"{self._sequence(folder)}/calib.txt"

    def read_cameras(self, folder: str) -> dict[int, RectifiedCamera]:
        return read_odometry_calibration(Path(self.calibration_file(folder)))

    def fitted(self, camera: RectifiedCamera, view: SplitLine, size: tuple[int, int]) -> Tensor:
        off_centre = max(abs(float(camera.intrinsics[axis, 2]) / size[axis] - 0.5) for axis in (0, 1))
        if off_centre > CENTRE_TOLERANCE:
            cx, cy = camera.intrinsics[0, 2].item(), camera.intrinsics[1, 2].item()
            raise UserError(
                f"{self.calibration_file(view.folder)} puts the principal point at ({cx:.0f}, {cy:.0f}), "
                f"which is not near the middle of {self.image_path(view)} ({size[0]}x{size[1]}): these images were "
                "resized or cropped. Use the original images, or --kitti_intrinsics published."
            )
        return camera.intrinsics

    def poses(self, folder: str) -> np.ndarray:
        """[N, 4, 4] float64 world_T_camera0 in metres of a sequence.

        Raises UserError when the file is missing or damaged.
        """
        return read_poses(Path(self._pose_file(folder)))

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        """[4, 4] float64 metres of the view's own camera, which stands beside camera 0, whose poses are published.

        None without the poses, beyond their last, and without the calibration that tells the camera's place.
        """
        folder = view.folder
        if folder not in self._poses:
            known = self.files.has(self._pose_file(folder)) and self.files.has(self.calibration_file(folder))
            self._poses[folder] = self.poses(folder) if known else np.zeros((0, 4, 4))
        cameras = self.cameras(folder) if view.frame < len(self._poses[folder]) else None
        if cameras is None:
            return None
        pose = self._poses[folder][view.frame].copy()
        # all cameras of the rig look the same way: a point of camera 0 plus t is a point of this one
        pose[:3, 3] -= pose[:3, :3] @ cameras[camera_number(view)].camera_t_reference
        return torch.from_numpy(pose)

    def time_s(self, view: SplitLine) -> float | None:
        """Seconds from the sequence's first frame; None without times.txt or beyond its last line."""
        if view.folder not in self._times:
            path = f"{self._sequence(view.folder)}/times.txt"
            self._times[view.folder] = read_times(Path(path)) if self.files.has(path) else []
        times = self._times[view.folder]
        return times[view.frame] if view.frame < len(times) else None

    def _pose_file(self, folder: str) -> str:
        return f"{self.root}/poses/{int(folder):02d}.txt"

    def _sequence(self, folder: str) -> str:
        return f"{self.root}/sequences/{int(folder):02d}"
