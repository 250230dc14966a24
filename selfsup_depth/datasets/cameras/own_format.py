"""Our own calibration file, YAML or JSON: `calib.yaml`, `calib.json`.

One camera, or two rectified ones, for all images:

    {"image_width": 640, "image_height": 192,   size of the images that the numbers below belong to
     "fx": 371.8, "fy": 369.4, "cx": 314.4, "cy": 95.3,   pixels
     "pixel_origin": "corner",                  see below
     "distortion": [k1, k2, p1, p2, k3],        optional, OpenCV's; 4 numbers with "model": "fisheye"
     "baseline_m": 0.537}                       of a rectified pair: distance of its cameras in metres

or a table `scenes`, whose entries give what differs from scene to scene (a scene is what stands before the
last underscore of an image's name); what an entry lacks is taken from the top level:

    {"image_width": 640, "image_height": 192, "pixel_origin": "corner",
     "scenes": {"000001": {"fx": ..., "fy": ..., "cx": ..., "cy": ..., "baseline_m": ...}, ...}}

or tables `left` and `right` of a pair as its cameras see it, before rectification, with the motion between them as
OpenCV gives it (points of the left camera to the right one, X_right = R X_left + T), or with `right_T_left`, 4x4:

    {"image_width": 640, "image_height": 480, "pixel_origin": "centre",
     "left": {"fx": ..., "fy": ..., "cx": ..., "cy": ..., "distortion": [...]}, "right": {...},
     "rotation": [[...], [...], [...]], "translation_m": [-0.12, 0.0, 0.0]}

`pixel_origin` is "corner" when the centre of the top-left pixel is at (0.5, 0.5), and "centre" when it is at
(0, 0), as OpenCV and Matlab's toolbox after it have it. `cx_right` may be given where the right camera
was rectified to another centre. Other entries are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from selfsup_depth.datasets.cameras.checks import check_baseline, make_camera
from selfsup_depth.datasets.cameras.model import Camera, CameraRig
from selfsup_depth.datasets.cameras.rigs import camera_matrix, rig_of_one, rig_of_pair, side_by_side
from selfsup_depth.datasets.cameras.tables import Table
from selfsup_depth.errors import UserError

#: Any of these says that a file is in this format.
KEYS = ("scenes", "left", "right", "fx", "fy", "cx", "cy", "pixel_origin", "baseline_m")


def rig_of_own_format(table: Table, *, baseline: float | None) -> CameraRig:
    """The rig of a file without scenes, or of one scene; `baseline` (metres) replaces the length of its own.

    Raises UserError naming the key at fault.
    """
    if "left" in table or "right" in table:
        return _pair(table, baseline)
    camera = _camera(table)
    right = _camera(table, cx="cx_right") if "cx_right" in table else None
    return rig_of_one(camera, table.where, _baseline(table) if baseline is None else baseline, right)


def of_scene(table: Table, scene: str | None) -> Table:
    """The entries of a scene, over those that hold for all.

    Raises UserError when the file is by scenes and knows nothing of this one.
    """
    scenes = table.entries.get("scenes")
    if scenes is None:
        return table
    if not isinstance(scenes, Mapping):
        raise UserError(f"{table.where}: 'scenes' must be a table of scenes, found {type(scenes).__name__}.")
    if scene is None:
        raise UserError(
            f"{table.where} has a camera for each scene, but nothing says which scene is meant: give a file of one "
            "camera (the entry's numbers on the top level)."
        )
    own = scenes.get(scene)
    if not isinstance(own, Mapping):
        hint = "" if table.where.endswith(".json") else " (names made of digits need quotes in YAML)"
        raise UserError(
            f"{table.where} has no entry for scene '{scene}' in 'scenes'{hint}: add it, or remove the scene's images."
        )
    return Table({**table.entries, **own}, f"{table.where}, scene {scene}")


def _pair(table: Table, baseline: float | None) -> CameraRig:
    left, right = (_camera(_side(table, side)) for side in ("left", "right"))
    motion = _right_T_left(table)
    if motion is not None:
        return rig_of_pair(left, right, motion, table.where, baseline)
    length = _baseline(table) if baseline is None else baseline
    if length is None or not (left.is_distorted or right.is_distorted):
        return rig_of_one(left, table.where, length, right)
    raise UserError(
        f"{table.where}: the motion between left and right is missing: add 'rotation' (3x3) and 'translation_m' as "
        "OpenCV gives them, or 'right_T_left' (4x4, metres)."
    )


def _side(table: Table, side: str) -> Table:
    own = table.entries.get(side)
    if not isinstance(own, Mapping):
        found = "it is missing" if own is None else f"found {type(own).__name__}"
        raise UserError(f"{table.where}: '{side}' must be a table of that camera (fx, fy, ...), {found}: correct it.")
    return Table({**table.entries, **own}, f"{table.where}, {side}")


def _camera(table: Table, cx: str = "cx") -> Camera:
    fx, fy, centre_x, centre_y = (table.number(key) for key in ("fx", "fy", cx, "cy"))
    size = (int(table.number("image_width")), int(table.number("image_height")))
    shift = _shift_to_corner(table)
    distortion = table.numbers("distortion") if "distortion" in table else []
    model = str(table.entries.get("model", "pinhole"))
    matrix = camera_matrix(fx, fy, centre_x + shift, centre_y + shift)
    return make_camera(matrix, size, distortion, model, where=table.where, added=shift)


def _shift_to_corner(table: Table) -> float:
    """What to add to cx and cy so that the centre of the top-left pixel is (0.5, 0.5)."""
    origin = str(table.entries.get("pixel_origin", "")).lower()
    if origin.startswith("corner"):
        return 0.0
    if origin.startswith(("centre", "center")):
        return 0.5
    found = f"found '{table.entries['pixel_origin']}'" if "pixel_origin" in table else "it is missing"
    raise UserError(
        f"{table.where}: 'pixel_origin' must be 'corner' (the top-left pixel's centre is at 0.5, 0.5) or 'centre' "
        f"(it is at 0, 0, as in OpenCV), {found}",
        cause="an entry that was left out: programs differ by half a pixel, and nothing in the numbers tells by which",
        remedy="correct it: numbers of OpenCV, Matlab or KITTI are 'centre'",
    )


def _baseline(table: Table) -> float | None:
    if "baseline_m" not in table:
        return None
    length = table.number("baseline_m")
    check_baseline(length, "'baseline_m'", table.where)
    return length


def _right_T_left(table: Table) -> Tensor | None:
    """[4, 4] metres; None: the file does not say."""
    if "right_T_left" in table:
        motion = torch.tensor(table.matrix("right_T_left", 4, 4), dtype=torch.float64)
        name = "the translation of 'right_T_left'"
    elif "rotation" in table or "translation_m" in table:
        for key in ("rotation", "translation_m"):
            if key not in table:
                raise UserError(f"{table.where}: '{key}' is missing: a motion needs rotation and translation_m.")
        motion = side_by_side(0.0)
        motion[:3, :3] = torch.tensor(table.matrix("rotation", 3, 3), dtype=torch.float64)
        motion[:3, 3] = torch.tensor(table.matrix("translation_m", 3, 1), dtype=torch.float64)[:, 0]
        name = "the length of 'translation_m'"
    else:
        return None
    check_baseline(float(motion[:3, 3].norm()), name, table.where)
    return motion
