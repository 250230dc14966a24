"""KITTI's LiDAR scans as depth maps: corrected, or with the quirks of the published ground truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selfsup_depth.datasets.kitti_devkit import RawCalibration
from selfsup_depth.errors import UserError

NEAREST_M = 1e-3  # points closer to the camera plane than this have no usable projection


def read_velodyne(path: Path | str) -> np.ndarray:
    """[N, 4] float32 of a scan: x forward, y left, z up in metres, and reflectance.

    Raises UserError when the file is missing or truncated.
    """
    try:
        values = np.fromfile(path, dtype=np.float32)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: unpack the velodyne_points of this drive.") from error
    if values.size % 4:
        raise UserError(
            f"{path} holds {values.size} numbers, not four for each point: the file is truncated; unpack it again."
        )
    return values.reshape(-1, 4)


def lidar_depth_map(
    points: np.ndarray,
    calibration: RawCalibration,
    camera0_T_velodyne: np.ndarray,
    camera: int,
    *,
    published: bool = False,
    forward_distance: bool = False,
) -> np.ndarray:
    """Depth [h, w] float32 of rectified camera 2 or 3, in metres, 0 where no point falls.

    Default: camera z, the camera's own image size, the pixel that a point falls into, and the nearest of
    several points. `published` is the map of Eigen et al. 2014 as everybody since has computed it:
    pixels rounded as in Matlab, the size of camera 2 for both cameras, and duplicates found by an index
    that mixes up the ends of rows. `forward_distance` stores the scanner's forward coordinate in place of
    camera z (0.27 m off), as the Eigen test ground truth does; it needs `published`.

    Args:
        points: [N, 3 or 4] in the scanner's frame, metres.
        calibration: of the recording date, see `read_raw_calibration`.
        camera0_T_velodyne: [4, 4], see `read_velodyne_extrinsics`.

    Raises ValueError when `forward_distance` is asked without `published`.
    """
    if published:
        return _published_map(points, calibration, camera0_T_velodyne, camera, forward_distance)
    if forward_distance:
        raise ValueError("the scanner's forward distance is not depth: only the published maps hold it")
    u, v, z = _project(points, calibration, camera0_T_velodyne, camera)
    width, height = _size(calibration, camera)
    in_front = z > NEAREST_M
    # KITTI's integer centres: pixel 0 spans [-0.5, 0.5)
    column, row = np.floor(u[in_front] + 0.5), np.floor(v[in_front] + 0.5)
    z = z[in_front]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    pixel = row[inside].astype(np.int64) * width + column[inside].astype(np.int64)
    depth = np.full(height * width, np.inf, dtype=np.float32)
    np.minimum.at(depth, pixel, z[inside].astype(np.float32))
    depth[np.isinf(depth)] = 0.0
    return depth.reshape(height, width)


def _published_map(
    points: np.ndarray,
    calibration: RawCalibration,
    camera0_T_velodyne: np.ndarray,
    camera: int,
    forward_distance: bool,
) -> np.ndarray:
    points = points[points[:, 0] >= 0]
    u, v, z = _project(points, calibration, camera0_T_velodyne, camera)
    width, height = _size(calibration, 2)
    if forward_distance:
        z = points[:, 0].astype(np.float64)
    column, row = np.round(u) - 1, np.round(v) - 1  # half to even; the -1 is Matlab's
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    column, row, z = column[inside].astype(np.int64), row[inside].astype(np.int64), z[inside]
    depth = np.zeros((height, width))
    depth[row, column] = z  # the last of several points wins, then the minimum of the duplicates
    # width - 1 where width was meant: the last pixel of a row and the first of the next collide
    index = row * (width - 1) + column - 1
    _, first, group, count = np.unique(index, return_index=True, return_inverse=True, return_counts=True)
    nearest = np.full(len(count), np.inf)
    np.minimum.at(nearest, group, z)
    several = count > 1
    depth[row[first[several]], column[first[several]]] = nearest[several]
    depth[depth < 0] = 0.0
    return depth.astype(np.float32)


def _project(
    points: np.ndarray, calibration: RawCalibration, camera0_T_velodyne: np.ndarray, camera: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels u, v (integer centres) and camera z, float64 [N] each."""
    rectification = np.eye(4)
    rectification[:3, :3] = calibration.rectification
    projection = calibration.cameras[camera].projection @ rectification @ camera0_T_velodyne
    x, y, z = (points[:, k].astype(np.float64) for k in range(3))
    # written out, because BLAS would start its threads in every loader worker
    scaled_u, scaled_v, depth = (row[0] * x + row[1] * y + row[2] * z + row[3] for row in projection)
    with np.errstate(divide="ignore", invalid="ignore"):
        return scaled_u / depth, scaled_v / depth, depth


def _size(calibration: RawCalibration, camera: int) -> tuple[int, int]:
    size = calibration.cameras[camera].size
    if size is None:
        raise ValueError("a depth map needs the image size of the calibration (S_rect)")
    return size
