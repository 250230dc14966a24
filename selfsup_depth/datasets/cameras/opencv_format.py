"""Calibrations as OpenCV's and ROS's programs write them. Their principal points count from pixel centres: + 0.5.

One camera: `camera_matrix` (K, cameraMatrix), `distortion_coefficients` (D, distCoeffs), `image_width` and
`image_height`; of ROS also `distortion_model`. A pair: M1, D1, M2, D2 and R, T (of stereoCalibrate:
X_right = R X_left + T), in one file or in two (intrinsics.yml and extrinsics.yml of the sample stereo_calib.cpp,
neither of which says the image size).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from selfsup_depth.datasets.cameras.checks import check_baseline, check_near_centre, make_camera
from selfsup_depth.datasets.cameras.model import Camera, CameraRig
from selfsup_depth.datasets.cameras.rigs import rig_of_one, rig_of_pair, side_by_side
from selfsup_depth.datasets.cameras.tables import Table
from selfsup_depth.errors import UserError

Size = tuple[int, int]  # width, height

CENTRE_TO_CORNER = 0.5
MATRIX = ("camera_matrix", "K", "cameraMatrix", "k", "mtx")
DISTORTION = ("distortion_coefficients", "D", "distCoeffs", "d", "dist")
MATRICES = (("M1", "K1", "cameraMatrix1"), ("M2", "K2", "cameraMatrix2"))
DISTORTIONS = (("D1", "distCoeffs1"), ("D2", "distCoeffs2"))
WIDTH, HEIGHT = ("image_width", "width", "imageWidth"), ("image_height", "height", "imageHeight")
SIZE = ("size", "image_size", "imageSize", "img_size")
#: ROS's names of distortion models
MODELS = {
    "plumb_bob": "pinhole",
    "rational_polynomial": "pinhole",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
    "pinhole": "pinhole",
}
#: A longer translation is in millimetres or squares of the chessboard, this one in metres or centimetres: who knows?
LARGEST_OBVIOUS_M = 1.5
MILLIMETRES_FROM = 20.0


def is_one_camera(table: Table) -> bool:
    return table.name_of(MATRIX) is not None


def is_pair(table: Table) -> bool:
    return table.name_of(MATRICES[0]) is not None


def is_motion_alone(table: Table) -> bool:
    return "R" in table and "T" in table


def one_camera(table: Table, size: Size | None, *, baseline: float | None) -> CameraRig:
    """`size` is that of the images, used where the file does not say its own. Raises UserError for what cannot be."""
    name = table.name_of(MATRIX)
    assert name is not None  # is_one_camera
    return rig_of_one(_camera(table, name, table.name_of(DISTORTION), size), table.where, baseline)


def pair(intrinsics: Table, motion: Table, size: Size | None, *, baseline: float | None) -> CameraRig:
    """Both cameras; `motion` has R and T and may be the same file. Raises UserError for what cannot be."""
    cameras = []
    for matrices, distortions in zip(MATRICES, DISTORTIONS, strict=True):
        name = intrinsics.name_of(matrices)
        if name is None:
            raise UserError(f"{intrinsics.where}: '{matrices[0]}' is missing: a pair has M1, D1, M2, D2, R and T.")
        cameras.append(_camera(intrinsics, name, intrinsics.name_of(distortions), size))
    right_T_left = side_by_side(0.0)
    right_T_left[:3, :3] = torch.tensor(motion.matrix("R", 3, 3), dtype=torch.float64)
    right_T_left[:3, 3] = torch.tensor(motion.matrix("T", 3, 1), dtype=torch.float64)[:, 0]
    if baseline is None:
        _check_unit(float(right_T_left[:3, 3].norm()), motion.where)
    source = intrinsics.where if motion is intrinsics else f"{intrinsics.where} and {Path(motion.where).name}"
    return rig_of_pair(cameras[0], cameras[1], right_T_left, source, baseline)


def _camera(table: Table, matrix: str, distortion: str | None, size: Size | None) -> Camera:
    intrinsics = _intrinsics(table, matrix)
    own_size = _own_size(table)
    if own_size is None:
        if size is None:
            raise UserError(
                f"{table.where} does not say the size of its images",
                cause="a file of OpenCV's stereo sample, which leaves the size out",
                remedy="add lines 'image_width: ...' and 'image_height: ...' with the size that was calibrated",
            )
        check_near_centre(intrinsics, size, table.where)
        own_size = size
    values = table.numbers(distortion) if distortion is not None and _has_entries(table, distortion) else []
    return make_camera(intrinsics, own_size, values, _model(table), where=table.where, added=CENTRE_TO_CORNER)


def _has_entries(table: Table, key: str) -> bool:
    return table.entries[key] != []


def _intrinsics(table: Table, key: str) -> Tensor:
    """[3, 3] float64, corner origin."""
    matrix = torch.tensor(table.matrix(key, 3, 3), dtype=torch.float64)
    matrix[:2, 2] += CENTRE_TO_CORNER
    return matrix


def _own_size(table: Table) -> Size | None:
    width, height = table.name_of(WIDTH), table.name_of(HEIGHT)
    if width is not None and height is not None:
        return int(table.number(width)), int(table.number(height))
    key = table.name_of(SIZE)
    if key is None:
        return None
    values = table.numbers(key)
    if len(values) != 2:
        raise UserError(f"{table.where}: '{key}' must be width and height, found {len(values)} numbers: correct it.")
    return int(values[0]), int(values[1])


def _model(table: Table) -> str:
    """OpenCV's sample says `fisheye_model: 1`, ROS `distortion_model`, whoever edits a file `model`."""
    if table.entries.get("fisheye_model"):
        return "fisheye"
    key = table.name_of(("distortion_model", "model"))
    if key is None:
        return "pinhole"
    name = str(table.entries[key])
    if name not in MODELS:
        raise UserError(
            f"{table.where}: '{key}' is '{name}', but known are {', '.join(MODELS)}: calibrate with one of these."
        )
    return MODELS[name]


def _check_unit(length: float, where: str) -> None:
    """T is in the unit of the chessboard's squares, which the file does not say."""
    if length <= LARGEST_OBVIOUS_M:
        return check_baseline(length, "the length of T", where)
    if length > MILLIMETRES_FROM:
        guess = f"millimetres ({length / 1000:g} m) or centimetres"
    else:
        guess = f"centimetres ({length / 100:g} m) or squares of the chessboard"
    raise UserError(
        f"{where}: T has the length {length:g}, which looks like {guess}, because it is in the unit in which the "
        "squares of the chessboard were given",
        cause=f"a baseline in {guess}",
        remedy="say the distance of the cameras in metres with --baseline",
    )
