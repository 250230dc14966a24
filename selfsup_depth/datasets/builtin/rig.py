"""The car's sensors: two colour cameras, a laser scanner, an inertial unit, calibrated as KITTI's are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.camera import Camera

FloatArray = NDArray[np.float64]

#: x of each camera in the frame of the rectified camera 0, metres; 2 and 3 are the colour pair.
CAMERA_X = (0.0, 0.537, -0.06, 0.48)
#: x of a point in the scanner's frame -> camera 0 before rectification: KITTI's mounting, slightly askew.
_VELO_TO_CAMERA_ANGLES = (0.008, -0.006, 0.012)
_VELO_IN_CAMERA = (-0.004, -0.076, -0.272)
_RECTIFICATION_ANGLES = (0.004, 0.009, -0.007)
_IMU_IN_VELO = (-0.809, 0.32, -0.8)


def rotation(angles: tuple[float, float, float]) -> FloatArray:
    """Turns about x, then y, then z (radians)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1.0]])
    return about_z @ about_y @ about_x


def rigid(turn: FloatArray, shift: tuple[float, ...] | FloatArray) -> FloatArray:
    """[4, 4] transform of a rotation [3, 3] and a translation [3]."""
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = turn, shift
    return transform


@dataclass(frozen=True)
class Rig:
    """All calibration, for pictures of a given size. "rect" is the rectified frame of camera 0."""

    width: int
    height: int

    @property
    def camera(self) -> Camera:
        """Square pixels, KITTI's field of view, and a principal point as far off the middle as KITTI's."""
        focal = 0.58 * self.width
        return Camera(focal, focal, 0.4908 * self.width, 0.461 * self.height, self.width, self.height)

    @property
    def rect_T_camera0(self) -> FloatArray:
        return rigid(rotation(_RECTIFICATION_ANGLES), (0.0, 0.0, 0.0))

    @property
    def camera0_T_velo(self) -> FloatArray:
        axes = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0.0]])
        return rigid(rotation(_VELO_TO_CAMERA_ANGLES) @ axes, _VELO_IN_CAMERA)

    @property
    def rect_T_velo(self) -> FloatArray:
        return self.rect_T_camera0 @ self.camera0_T_velo

    @property
    def velo_T_imu(self) -> FloatArray:
        return rigid(rotation((0.0, 0.0, 0.0)), _IMU_IN_VELO)

    def rect_T_camera(self, number: int) -> FloatArray:
        """Pose of rectified camera 0..3."""
        return rigid(np.eye(3), (CAMERA_X[number], 0.0, 0.0))

    def projection(self, number: int) -> FloatArray:
        """KITTI's P_rect [3, 4] for points of "rect"; pixels have integer centres there."""
        camera = self.camera
        return np.array(
            [
                [camera.fx, 0, camera.cx - 0.5, -camera.fx * CAMERA_X[number]],
                [0, camera.fy, camera.cy - 0.5, 0],
                [0, 0, 1, 0],
            ],
            np.float64,
        )
