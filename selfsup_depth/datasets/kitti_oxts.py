"""Poses of a KITTI raw drive from its GPS/IMU packets (`oxts/data/0000000000.txt`), as KITTI's devkit makes them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from selfsup_depth.datasets.kitti_devkit import (
    RawCalibration,
    read_imu_extrinsics,
    read_raw_calibration,
    read_velodyne_extrinsics,
)
from selfsup_depth.errors import UserError

EARTH_RADIUS_M = 6378137.0
NUMBERS = 6  # latitude, longitude, altitude, roll, pitch, yaw; 24 more follow


class OxtsPoses:
    """Where the cameras of one drive were; the world is a Mercator plane, x east, y north, z up, in metres."""

    def __init__(self, drive_folder: Path) -> None:
        self.drive_folder = drive_folder
        self.date_folder = drive_folder.parent

    def world_T_camera(self, camera: int, frame: int) -> np.ndarray:
        """[4, 4] float64 of camera 2 or 3 (rectified) at a frame.

        Raises UserError naming the packet or calibration file that is missing or broken.
        """
        to_reference = _shift(-self._calibration.cameras[camera].camera_t_reference)
        return self._world_T_imu(frame) @ self._imu_T_rect @ to_reference

    @cached_property
    def _calibration(self) -> RawCalibration:
        return read_raw_calibration(self.date_folder)

    @cached_property
    def _imu_T_rect(self) -> np.ndarray:
        """From the frame of the rectified camera 0 to the inertial unit."""
        rectification = np.eye(4)
        rectification[:3, :3] = self._calibration.rectification
        camera0_T_imu = read_velodyne_extrinsics(self.date_folder) @ read_imu_extrinsics(self.date_folder)
        return np.linalg.inv(rectification @ camera0_T_imu)

    @cached_property
    def _scale(self) -> float:
        """Metres per unit of Mercator's map, at the latitude of the first packet."""
        return float(np.cos(np.radians(self._packet(min(self._frames(), default=0))[0])))

    def _frames(self) -> list[int]:
        return [int(path.stem) for path in (self.drive_folder / "oxts" / "data").glob("*.txt")]

    def _world_T_imu(self, frame: int) -> np.ndarray:
        latitude, longitude, altitude, roll, pitch, yaw = self._packet(frame)
        radius = self._scale * EARTH_RADIUS_M
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_euler("ZYX", [yaw, pitch, roll]).as_matrix()
        north = radius * np.log(np.tan(np.pi / 4 + np.radians(latitude) / 2))
        pose[:3, 3] = radius * np.radians(longitude), north, altitude
        return pose

    def _packet(self, frame: int) -> np.ndarray:
        path = self.drive_folder / "oxts" / "data" / f"{frame:010d}.txt"
        try:
            numbers = np.array(path.read_text().split(), dtype=np.float64)
        except FileNotFoundError as error:
            raise UserError(f"{path} is missing: unpack the oxts packets of the drive there.") from error
        except ValueError as error:
            raise UserError(f"{path} is not an oxts packet of 30 numbers ({error}): restore the file.") from error
        if len(numbers) < NUMBERS:
            raise UserError(
                f"{path} is not an oxts packet: expected 30 numbers, found {len(numbers)}: restore the file."
            )
        return numbers[:NUMBERS]


def _shift(translation: np.ndarray) -> np.ndarray:
    transform = np.eye(4)
    transform[:3, 3] = translation
    return transform
