"""The cameras of footage as pinhole cameras, and images made theirs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geometry.camera import resize_intrinsics
from geometry.se3 import invert_transform
from selfsup_depth.datasets.cameras import Camera as LensCamera
from selfsup_depth.datasets.cameras import CameraRig
from selfsup_depth.datasets.prepared_files import Camera
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.undistortion import Rectifier, stereo_rectifiers, undistorter


@dataclass(frozen=True)
class PinholeRig:
    """One or two cameras without distortion, of a pair with level rows, and how the recorded images become theirs."""

    size: tuple[int, int]  # (width, height) of the images
    intrinsics: dict[Camera, Tensor]  # [3, 3] float64, pixels of images of this size
    rectifiers: dict[Camera, Rectifier | None]  # None: as recorded
    right_T_left: Tensor | None  # [4, 4] float64 metres

    def seen(self, camera: Camera, image: Tensor) -> Tensor:
        """A recorded image [3, h, w] uint8 as the pinhole camera would have taken it."""
        rectifier = self.rectifiers[camera]
        return image if rectifier is None else rectifier(image)

    def resized(self, size: tuple[int, int]) -> PinholeRig:
        """The same cameras for images of another (width, height)."""
        scale_x, scale_y = size[0] / self.size[0], size[1] / self.size[1]
        intrinsics = {camera: resize_intrinsics(K, scale_x, scale_y) for camera, K in self.intrinsics.items()}
        rectifiers = {
            camera: None if rectifier is None else rectifier.resized(size)
            for camera, rectifier in self.rectifiers.items()
        }
        return PinholeRig(size, intrinsics, rectifiers, self.right_T_left)

    def stereo_T(self, camera: Camera) -> Tensor | None:
        """[4, 4] metres, from this camera to the other one."""
        if self.right_T_left is None:
            return None
        return self.right_T_left if camera == "left" else invert_transform(self.right_T_left)

    def recorded_T_seen(self, camera: Camera) -> Tensor:
        """[4, 4] float64, from the pinhole camera to the recorded one, which may have looked elsewhere."""
        transform = torch.eye(4, dtype=torch.float64)
        rectifier = self.rectifiers[camera]
        if rectifier is not None:
            transform[:3, :3] = rectifier.rotation.T
        return transform


def pinhole_rig(rig: CameraRig, *, stereo: bool) -> PinholeRig:
    """A rig as pinhole cameras: nothing changes where there is neither distortion nor, of a pair, an unlevel row.

    Raises UserError when a pair is asked for and the distance of its cameras is not known, and as `undistortion` does.
    """
    if not stereo:
        return _of_each(rig, stereo=False)
    if rig.right is None or rig.right_T_left is None:
        raise UserError(
            f"{rig.source} does not tell the distance of the two cameras",
            cause="a calibration of each camera alone, without the rig's",
            remedy="measure from lens to lens, and add 'baseline_m' to the calibration or give it in metres as "
            "--baseline; or use one camera's images alone",
        )
    if rig.is_rectified:
        return _of_each(rig, stereo=True)
    left, right, right_T_left = stereo_rectifiers(rig)
    intrinsics: dict[Camera, Tensor] = {"left": left.intrinsics, "right": right.intrinsics}
    return PinholeRig(rig.left.size, intrinsics, {"left": left, "right": right}, right_T_left)


def _of_each(rig: CameraRig, *, stereo: bool) -> PinholeRig:
    cameras: dict[Camera, LensCamera] = {"left": rig.left}
    if rig.right is not None:
        cameras["right"] = rig.right
    rectifiers = {side: undistorter(camera, rig.source) for side, camera in cameras.items()}
    intrinsics = {
        side: camera.intrinsics.double() if (seen := rectifiers[side]) is None else seen.intrinsics
        for side, camera in cameras.items()
    }
    return PinholeRig(rig.left.size, intrinsics, rectifiers, rig.right_T_left if stereo else None)
