"""The calibration file of rectified stereo pairs: `calib.json`, `calib.yaml` or `calib.yml`.

Its format stands in `cameras.own_format`; a baseline is needed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from selfsup_depth.datasets.calibration import fit_to_image
from selfsup_depth.datasets.cameras.reading import RigFile
from selfsup_depth.datasets.cameras.rigs import ASPECT_TOLERANCE
from selfsup_depth.errors import UserError

FILE_NAMES = ("calib.json", "calib.yaml", "calib.yml")


@dataclass(frozen=True)
class StereoCalibration:
    """One rectified pair of cameras."""

    left: Tensor  # [3, 3] pixels, corner origin
    right: Tensor  # [3, 3]
    size: tuple[int, int]  # (width, height) of the images that the matrices belong to
    baseline_m: float


class CalibrationFile:
    """A calibration file, of one camera pair or of one for each scene."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rigs = RigFile(path)
        self._known: dict[str, StereoCalibration] = {}

    def of_scene(self, scene: str) -> StereoCalibration:
        """The calibration of a scene's images; raises UserError naming the file and the key at fault."""
        if scene not in self._known:
            self._known[scene] = self._read(scene)
        return self._known[scene]

    def intrinsics(self, scene: str, side: str, size: tuple[int, int], image: str) -> Tensor:
        """[3, 3] of the camera of this side (l or r), in pixels of an image of this width and height.

        Raises UserError when the calibration is of an image of another shape.
        """
        calibration = self.of_scene(scene)
        return fit_to_image(
            calibration.left if side == "l" else calibration.right,
            calibration.size,
            size,
            calibration=str(self.path),
            image=image,
            aspect_tolerance=ASPECT_TOLERANCE,
        )

    def _read(self, scene: str) -> StereoCalibration:
        rig = self._rigs.of_scene(scene)
        if rig.right is None or rig.baseline_m is None:
            raise UserError(
                f"{rig.source}: 'baseline_m' is missing",
                cause="a calibration of each camera alone, without the rig's",
                remedy="add the distance of the cameras in metres (docs/your_own_data.md says the format)",
            )
        if not rig.is_rectified:
            raise UserError(
                f"{rig.source} describes cameras before rectification, but these images are taken for rectified ones",
                cause="the calibration of the pictures as recorded, beside rectified ones, or pictures never rectified",
                remedy="give the calibration of the rectified images, or rectify these once with prepare_data.py",
            )
        return StereoCalibration(rig.left.intrinsics, rig.right.intrinsics, rig.left.size, rig.baseline_m)


def find_calibration(folder: str) -> CalibrationFile:
    """The calibration file in a folder or in its parent; raises UserError naming what was looked for."""
    for place in (Path(folder), Path(folder).absolute().parent):
        for name in FILE_NAMES:
            if (place / name).is_file():
                return CalibrationFile(place / name)
    raise UserError(
        f"{folder}/{FILE_NAMES[0]} is missing (also not found one folder higher, nor as .yaml)",
        cause="cameras that were never calibrated, or a calibration that lies elsewhere or has another name",
        remedy='write the cameras there, e.g. {"image_width": 640, "image_height": 480, "fx": 520.0, "fy": 520.0, '
        '"cx": 319.5, "cy": 239.5, "baseline_m": 0.12, "pixel_origin": "centre"} (centre: as OpenCV counts)',
    )
