"""What COLMAP writes of one camera and one image, and its camera models as cameras of ours. No samples here.

COLMAP puts the origin of pixels at the corner of the image, so that the centre of the top-left pixel is (0.5, 0.5),
as we do: its principal points are taken as they are. Its poses map the world to the camera (x right, y down, z
forward); ours, `world_T_camera`, are the inverse. The unit of the world is that of the reconstruction: arbitrary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from selfsup_depth.datasets.cameras import Camera
from selfsup_depth.datasets.quaternions import first_not_unit, pose_matrices
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class LensModel:
    """How a camera model of COLMAP orders its parameters; `distortion` has OpenCV's order, None: OpenCV lacks it."""

    number: int  # in binary files
    focal_lengths: int  # 1 where fx and fy are one
    parameters: int  # in all: focal lengths, principal point, distortion
    kind: Literal["pinhole", "fisheye"] | None = "pinhole"


#: COLMAP's `models.h`. Its coefficients stand in OpenCV's order already: k1 k2 p1 p2 k3 ..., or k1 ... k4.
LENS_MODELS = {
    "SIMPLE_PINHOLE": LensModel(0, 1, 3),
    "PINHOLE": LensModel(1, 2, 4),
    "SIMPLE_RADIAL": LensModel(2, 1, 4),
    "RADIAL": LensModel(3, 1, 5),
    "OPENCV": LensModel(4, 2, 8),
    "OPENCV_FISHEYE": LensModel(5, 2, 8, "fisheye"),
    "FULL_OPENCV": LensModel(6, 2, 12),
    "FOV": LensModel(7, 2, 5, None),
    "SIMPLE_RADIAL_FISHEYE": LensModel(8, 1, 4, "fisheye"),
    "RADIAL_FISHEYE": LensModel(9, 1, 5, "fisheye"),
    "THIN_PRISM_FISHEYE": LensModel(10, 2, 12, None),
    "RAD_TAN_THIN_PRISM_FISHEYE": LensModel(11, 2, 16, None),
}
NAME_OF_NUMBER = {model.number: name for name, model in LENS_MODELS.items()}
FEWEST_COEFFICIENTS = 4


@dataclass(frozen=True)
class CameraRecord:
    """One line of cameras.txt."""

    number: int
    model: str  # a key of `LENS_MODELS`
    size: tuple[int, int]  # (width, height)
    params: tuple[float, ...]
    file: str = "cameras.txt"  # where it stands, for messages


@dataclass(frozen=True)
class ImageRecord:
    """One registered image, without the points it sees."""

    name: str  # path below the folder of images
    camera: int  # the number of its CameraRecord
    camera_T_world: np.ndarray  # [4, 4] float64, lengths in the reconstruction's own unit

    @property
    def world_T_camera(self) -> np.ndarray:
        """[4, 4] float64."""
        inverse = np.eye(4)
        inverse[:3, :3] = self.camera_T_world[:3, :3].T
        inverse[:3, 3] = -inverse[:3, :3] @ self.camera_T_world[:3, 3]
        return inverse


def camera_record(number: int, model: str, size: tuple[int, int], params: tuple[float, ...], file: str) -> CameraRecord:
    """Raises UserError for a model that COLMAP does not have, or when it has another number of parameters."""
    known = LENS_MODELS.get(model)
    if known is None:
        raise UserError(
            f"{file}: camera {number} is of the model {model}, which is none of COLMAP's "
            f"({', '.join(LENS_MODELS)}): restore the file, or write the model anew."
        )
    if len(params) != known.parameters:
        raise UserError(
            f"{file}: camera {number} is a {model}, which has {known.parameters} parameters, but {len(params)} stand "
            "there: restore the file, or write the model anew."
        )
    return CameraRecord(number, model, size, params, file)


def image_record(name: str, camera: int, pose: tuple[float, ...], file: str) -> ImageRecord:
    """From `pose` = qw qx qy qz tx ty tz. Raises UserError when the quaternion is none."""
    xyzw = np.array([[*pose[1:4], pose[0]]])
    if first_not_unit(xyzw) is not None or not np.isfinite(pose).all():
        raise UserError(
            f"{file}: the pose of {name}, {' '.join(f'{value:g}' for value in pose)}, does not begin with a unit "
            "quaternion (qw qx qy qz) and end with a translation: restore the file, or write the model anew."
        )
    return ImageRecord(name, camera, pose_matrices(np.array([pose[4:]]), xyzw)[0])


def colmap_camera(record: CameraRecord) -> Camera:
    """The same camera with its distortion, if it has any.

    Raises UserError for models that are neither OpenCV's nor a part of one (FOV, thin prisms).
    """
    model = LENS_MODELS[record.model]
    if model.kind is None:
        raise UserError(
            f"{record.file}: camera {record.number} is of the model {record.model}, which cannot be undistorted here: "
            "let COLMAP's image_undistorter write the images without distortion, and give its folder as --data_path."
        )
    fx, fy = record.params[0], record.params[model.focal_lengths - 1]
    cx, cy, *coefficients = record.params[model.focal_lengths :]
    if coefficients:  # of both of OpenCV's models it wants four at least; COLMAP's smaller ones have the first of them
        coefficients += [0.0] * (FEWEST_COEFFICIENTS - len(coefficients))
    intrinsics = torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=torch.float64)
    return Camera(intrinsics, record.size, tuple(coefficients), model.kind)
