"""The calibration file of a stereo folder: `calib.json`, `calib.yaml` or `calib.yml`.

One camera for all images:

    {"image_width": 640, "image_height": 192,   size of the images that the numbers below belong to
     "fx": 371.8, "fy": 369.4, "cx": 314.4, "cy": 95.3,   pixels
     "baseline_m": 0.537,                       distance of the two cameras in metres
     "pixel_origin": "corner"}                  see below

or a table `scenes`, whose entries give what differs from scene to scene (a scene is what stands before the
last underscore of an image's name); what an entry lacks is taken from the top level:

    {"image_width": 640, "image_height": 192, "pixel_origin": "corner",
     "scenes": {"000001": {"fx": ..., "fy": ..., "cx": ..., "cy": ..., "baseline_m": ...}, ...}}

`pixel_origin` is "corner" when the centre of the top-left pixel is at (0.5, 0.5), and "centre" when it is at
(0, 0), as OpenCV and Matlab's toolbox after it have it. `cx_right` may be given where the right camera
was rectified to another centre. Other entries are ignored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from geometry.camera import check_intrinsics, intrinsics_matrix
from selfsup_depth.datasets.calibration import fit_to_image
from selfsup_depth.errors import UserError

FILE_NAMES = ("calib.json", "calib.yaml", "calib.yml")
NUMBERS = ("fx", "fy", "cx", "cy", "baseline_m", "image_width", "image_height")
LONGEST_BASELINE_M = 20.0

ASPECT_TOLERANCE = 0.02


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
        self._content = _read(path)
        scenes = self._content.get("scenes")
        if scenes is not None and not isinstance(scenes, Mapping):
            raise UserError(f"{path}: 'scenes' must be a table of scenes, found {type(scenes).__name__}.")
        self._scenes: Mapping[Any, Any] | None = scenes
        self._known: dict[str, StereoCalibration] = {}

    def of_scene(self, scene: str) -> StereoCalibration:
        """The calibration of a scene's images; raises UserError naming the file and the key at fault."""
        if scene not in self._known:
            self._known[scene] = self._parse(scene)
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

    def _parse(self, scene: str) -> StereoCalibration:
        entries, where = self._content, str(self.path)
        if self._scenes is not None:
            where = f"{self.path}, scene {scene}"
            own = self._scenes.get(scene)
            if not isinstance(own, Mapping):
                hint = "" if self.path.suffix == ".json" else " (names made of digits need quotes in YAML)"
                raise UserError(
                    f"{self.path} has no entry for scene '{scene}' in 'scenes'{hint}: add it, or remove the "
                    "scene's images."
                )
            entries = {**self._content, **own}
        values = {key: _number(entries, key, where) for key in NUMBERS}
        shift = _shift_to_corner(entries, where)
        cx_right = _number(entries, "cx_right", where) if "cx_right" in entries else values["cx"]
        fx, fy, cy = values["fx"], values["fy"], values["cy"] + shift
        size = (int(values["image_width"]), int(values["image_height"]))
        left = intrinsics_matrix(fx, fy, values["cx"] + shift, cy)
        right = intrinsics_matrix(fx, fy, cx_right + shift, cy)
        for matrix in (left, right):
            try:
                check_intrinsics(matrix, *size)
            except ValueError as error:
                raise UserError(f"{where}: {error}") from error
        baseline = values["baseline_m"]
        if not 0.0 < baseline <= LONGEST_BASELINE_M:
            raise UserError(
                f"{where}: 'baseline_m' is {baseline:g}, expected metres between 0 and "
                f"{LONGEST_BASELINE_M:g} (120 would be millimetres): correct it."
            )
        return StereoCalibration(left, right, size, baseline)


def find_calibration(folder: str) -> CalibrationFile:
    """The calibration file in a folder or in its parent; raises UserError naming what was looked for."""
    for place in (Path(folder), Path(folder).absolute().parent):
        for name in FILE_NAMES:
            if (place / name).is_file():
                return CalibrationFile(place / name)
    raise UserError(
        f"{folder}/{FILE_NAMES[0]} is missing (also not found one folder higher, nor as .yaml): write the "
        'cameras there, e.g. {"image_width": 640, "image_height": 480, "fx": 520.0, "fy": 520.0, "cx": 319.5, '
        '"cy": 239.5, "baseline_m": 0.12, "pixel_origin": "centre"} (centre: numbers as OpenCV gives them).'
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be parsed ({error}): correct the file.") from error
    if not isinstance(content, Mapping):
        found = type(content).__name__
        raise UserError(f"{path} must be a table with fx, fy, ..., found {found}: correct the file.")
    return content


def _number(entries: Mapping[str, Any], key: str, where: str) -> float:
    if key not in entries:
        raise UserError(
            f"{where}: '{key}' is missing: add it (the format is in selfsup_depth/datasets/stereo_calibration.py)."
        )
    value = entries[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{where}: '{key}' must be a number, found {value!r}: correct it.")
    return float(value)


def _shift_to_corner(entries: Mapping[str, Any], where: str) -> float:
    """What to add to cx and cy so that the centre of the top-left pixel is (0.5, 0.5)."""
    origin = str(entries.get("pixel_origin", "")).lower()
    if origin.startswith("corner"):
        return 0.0
    if origin.startswith(("centre", "center")):
        return 0.5
    found = f"found '{entries['pixel_origin']}'" if "pixel_origin" in entries else "it is missing"
    raise UserError(
        f"{where}: 'pixel_origin' must be 'corner' (the top-left pixel's centre is at 0.5, 0.5) or 'centre' "
        f"(it is at 0, 0, as in OpenCV), {found}: correct it."
    )
