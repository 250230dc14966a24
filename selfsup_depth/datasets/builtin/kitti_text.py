"""The text files of a KITTI raw drive: calibration, timestamps, oxts packets, poses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.rig import CAMERA_X, Rig

FloatArray = NDArray[np.float64]

DATE = "2026_01_01"
DRIVE = f"{DATE}/{DATE}_drive_0001_sync"
_EARTH_RADIUS = 6378137.0
_HOME = (49.0, 8.4)  # degrees north, east: a field near Karlsruhe
_CALIBRATED = "calib_time: 01-Jan-2026 12:00:00"


def write_calibration(root: Path, rig: Rig) -> None:
    """calib_cam_to_cam.txt, calib_velo_to_cam.txt and calib_imu_to_velo.txt."""
    camera = rig.camera
    intrinsics = np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])
    size = np.array([rig.width, rig.height])
    lines = [_CALIBRATED, "corner_dist: 9.950000e-02"]
    for number, x in enumerate(CAMERA_X):
        shift = rig.rect_T_camera0[:3, :3].T @ [-x, 0.0, 0.0]
        values = {
            "S": size,
            "K": intrinsics,
            "D": np.zeros(5),
            "R": np.eye(3),
            "T": shift,
            "S_rect": size,
            "R_rect": rig.rect_T_camera0[:3, :3],
            "P_rect": rig.projection(number),
        }
        lines += [f"{key}_0{number}: {_numbers(value)}" for key, value in values.items()]
    folder = root / DATE
    _write(folder / "calib_cam_to_cam.txt", lines)
    velo = {"delta_f": np.zeros(2), "delta_c": np.zeros(2)}
    _write(folder / "calib_velo_to_cam.txt", _rigid_lines(rig.camera0_T_velo, velo))
    _write(folder / "calib_imu_to_velo.txt", _rigid_lines(rig.velo_T_imu, {}))


def write_timestamps(root: Path, frames: int) -> None:
    """Ten frames a second from noon."""
    times = [f"{DATE.replace('_', '-')} 12:{n // 600:02d}:{n % 600 // 10:02d}.{n % 10}00000000" for n in range(frames)]
    for sensor in ("image_02", "image_03", "velodyne_points", "oxts"):
        _write(root / DRIVE / sensor / "timestamps.txt", times)


def write_poses(root: Path, world_T_rect: FloatArray) -> None:
    """poses.txt: camera 0 (rectified) to the world, which is its own first frame, as in KITTI odometry."""
    relative = np.linalg.inv(world_T_rect[0]) @ world_T_rect
    _write(root / DRIVE / "poses.txt", [_numbers(pose[:3]) for pose in relative])


def write_oxts(root: Path, world_T_imu: FloatArray, step_seconds: float = 0.1) -> None:
    """One packet of 30 numbers a frame; the scene's x is east, y north."""
    scale = np.cos(np.radians(_HOME[0]))
    home_y = scale * _EARTH_RADIUS * np.log(np.tan(np.pi / 4 + np.radians(_HOME[0]) / 2))
    position = world_T_imu[:, :3, 3]
    velocity = np.gradient(position, step_seconds, axis=0)
    for n, pose in enumerate(world_T_imu):
        longitude = _HOME[1] + np.degrees(position[n, 0] / (scale * _EARTH_RADIUS))
        mercator = (home_y + position[n, 1]) / (scale * _EARTH_RADIUS)
        latitude = np.degrees(2 * np.arctan(np.exp(mercator)) - np.pi / 2)
        turn = pose[:3, :3]
        angles = [
            np.arctan2(turn[2, 1], turn[2, 2]),
            -np.arcsin(turn[2, 0]),
            np.arctan2(turn[1, 0], turn[0, 0]),
        ]
        own = turn.T @ velocity[n]
        packet = [latitude, longitude, 116.0 + position[n, 2], *angles, velocity[n, 1], velocity[n, 0], *own]
        packet += [0.0, 0.0, 9.81] * 2 + [0.0] * 6 + [0.05, 0.05]
        text = " ".join(f"{value:.12g}" for value in packet)
        _write(root / DRIVE / "oxts" / "data" / f"{n:010d}.txt", [text + " 4 10 4 4 0"])


def _rigid_lines(transform: FloatArray, more: Mapping[str, FloatArray]) -> list[str]:
    values = {"R": transform[:3, :3], "T": transform[:3, 3], **more}
    return [_CALIBRATED, *(f"{key}: {_numbers(value)}" for key, value in values.items())]


def _numbers(values: NDArray[np.generic]) -> str:
    return " ".join(f"{float(value):.12e}" for value in np.ravel(values))


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
