"""KITTI's calibration and pose files, as the devkit documents them; no samples here.

KITTI counts pixels from the centre of the first one, we from its corner: +0.5 on cx, cy, once, here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.se3 import translation_transform
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class RectifiedCamera:
    """One camera of a rectified rig, all cameras of which look the same way."""

    projection: np.ndarray  # [3, 4] float64 as in the file (integer pixel centres), from rectified camera 0
    intrinsics: Tensor  # [3, 3] pixels, corner origin
    camera_t_reference: np.ndarray  # [3] float64 metres: a point of rectified camera 0 plus this is ours
    size: tuple[int, int] | None = None  # (width, height) of the calibrated images, where the file says


@dataclass(frozen=True)
class RawCalibration:
    """Calibration of one recording date."""

    cameras: dict[int, RectifiedCamera]  # 2: left colour, 3: right colour
    rectification: np.ndarray  # [3, 3] R_rect_00


def read_calibration_file(path: Path) -> dict[str, np.ndarray]:
    """`key: numbers` lines as float64 vectors; lines of words (dates) are passed over.

    Raises UserError when the file is missing.
    """
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: KITTI's calibration belongs there; unpack it.") from error
    values: dict[str, np.ndarray] = {}
    for line in text.splitlines():
        key, separator, numbers = line.partition(":")
        if not separator:
            continue
        try:
            values[key.strip()] = np.array([float(number) for number in numbers.split()])
        except ValueError:  # calib_time: 09-Jan-2012 13:57:47
            continue
    return values


def _entry(values: dict[str, np.ndarray], key: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    count = int(np.prod(shape))
    if key not in values:
        raise UserError(f"{path} has no line '{key}:' with {count} numbers: restore KITTI's original file.")
    if values[key].size != count:
        raise UserError(f"{path}, line '{key}:': expected {count} numbers, found {values[key].size}: restore the file.")
    return values[key].reshape(shape)


def camera_from_projection(projection: np.ndarray, size: tuple[int, int] | None = None) -> RectifiedCamera:
    """Split P = K [I | t] (integer centres, [3, 4]) into our intrinsics and the translation t in metres."""
    fx, fy, cx, cy = projection[0, 0], projection[1, 1], projection[0, 2], projection[1, 2]
    z = projection[2, 3]
    x = (projection[0, 3] - cx * z) / fx
    y = (projection[1, 3] - cy * z) / fy
    intrinsics = intrinsics_matrix(float(fx), float(fy), float(cx) + 0.5, float(cy) + 0.5)
    return RectifiedCamera(projection, intrinsics, np.array([x, y, z]), size)


def read_raw_calibration(date_folder: Path) -> RawCalibration:
    """`calib_cam_to_cam.txt` of a recording date.

    Raises UserError naming the file, and the key where one is missing.
    """
    path = date_folder / "calib_cam_to_cam.txt"
    values = read_calibration_file(path)
    cameras = {}
    for number in (2, 3):
        width, height = _entry(values, f"S_rect_0{number}", (2,), path)
        projection = _entry(values, f"P_rect_0{number}", (3, 4), path)
        cameras[number] = camera_from_projection(projection, (int(width), int(height)))
    return RawCalibration(cameras, _entry(values, "R_rect_00", (3, 3), path))


def read_velodyne_extrinsics(date_folder: Path) -> np.ndarray:
    """[4, 4] float64 camera0_T_velodyne of a recording date (`calib_velo_to_cam.txt`), metres.

    Raises UserError naming the file, and the key where one is missing.
    """
    return _read_rigid(date_folder / "calib_velo_to_cam.txt")


def read_imu_extrinsics(date_folder: Path) -> np.ndarray:
    """[4, 4] float64 velodyne_T_imu of a recording date (`calib_imu_to_velo.txt`), metres.

    Raises UserError naming the file, and the key where one is missing.
    """
    return _read_rigid(date_folder / "calib_imu_to_velo.txt")


def _read_rigid(path: Path) -> np.ndarray:
    values = read_calibration_file(path)
    transform = np.eye(4)
    transform[:3, :3] = _entry(values, "R", (3, 3), path)
    transform[:3, 3] = _entry(values, "T", (3,), path)
    return transform


def read_odometry_calibration(path: Path) -> dict[int, RectifiedCamera]:
    """The colour cameras 2 and 3 of an odometry sequence's `calib.txt`.

    Raises UserError naming the file, and the key where one is missing.
    """
    values = read_calibration_file(path)
    return {n: camera_from_projection(_entry(values, f"P{n}", (3, 4), path)) for n in (2, 3)}


def stereo_transform(target: RectifiedCamera, source: RectifiedCamera) -> Tensor:
    """[4, 4] float64 metres, source_T_target of two cameras of a rectified rig: a translation."""
    return translation_transform(torch.from_numpy(source.camera_t_reference - target.camera_t_reference))


def read_poses(path: Path) -> np.ndarray:
    """[N, 4, 4] float64 world_T_camera0 in metres: `poses/NN.txt`, twelve numbers a line.

    Raises UserError when the file is missing or a line has not twelve numbers.
    """
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: the poses of a KITTI odometry sequence belong there.") from error
    poses = np.tile(np.eye(4), (len(lines), 1, 1))
    for number, line in enumerate(lines):
        try:
            poses[number, :3] = np.array(line.split(), dtype=np.float64).reshape(3, 4)
        except ValueError as error:
            raise UserError(
                f"{path}, line {number + 1}: expected the twelve numbers of a 3x4 camera-to-world matrix, "
                f"found '{line[:60]}': restore the file."
            ) from error
    return poses


def read_times(path: Path) -> list[float]:
    """Seconds from the first frame of an odometry sequence: `times.txt`, one number a line.

    Raises UserError when a line is no number.
    """
    return [_seconds(path, place, line, float) for place, line in enumerate(path.read_text().splitlines(), 1)]


def read_timestamps(path: Path) -> list[float]:
    """Seconds since 1970 of a raw drive's camera: `timestamps.txt`, lines `2011-09-26 13:02:25.964389445`, in UTC.

    Raises UserError when a line is no date and time.
    """

    def seconds(line: str) -> float:
        return datetime.fromisoformat(line).replace(tzinfo=UTC).timestamp()

    return [_seconds(path, place, line, seconds) for place, line in enumerate(path.read_text().splitlines(), 1)]


def _seconds(path: Path, place: int, line: str, parse: Callable[[str], float]) -> float:
    try:
        return parse(line.strip())
    except ValueError as error:
        raise UserError(f"{path}, line {place}: expected a time, found '{line[:60]}': restore the file.") from error
