"""Any rectified stereo pairs: `left/`, `right/` and a calibration file; no code, no list needed.

    data_path/calib.json          see `stereo_calibration`; may also lie one folder higher
    data_path/left/<name>.jpg     any image format; the same names in right/
    data_path/right/<name>.jpg
    data_path/depth/<name>.png    optional, of the left view: 16 bits, metres * 256, 0 = none, any size

Names are `<scene>_<number>`: neighbours in time are the same scene's number + offset. Names without
underscore (`000123`, `frame7`) are one sequence in order of their numbers: neighbours are consecutive
ones, unless a gap in the numbers says that frames are missing.

`train/` and `val/` (each with left/, right/) under the data path are the parts; a data path that is one of
them finds the other beside it. Without them the last tenth of the scenes (of the frames, when there is
one scene) is held out for validation. Lines `<scene> <number> <side>` of a given split win over both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from geometry.se3 import translation_transform
from selfsup_depth.datasets.calibration import fit_to_image
from selfsup_depth.datasets.frame_names import FrameNames
from selfsup_depth.datasets.images import IMAGE_SUFFIXES, read_depth_png
from selfsup_depth.datasets.index import item_name
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import ViewSource, data_folder
from selfsup_depth.datasets.stereo_calibration import find_calibration
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine

FOLDER_OF_SIDE = {"l": "left", "r": "right"}
ASPECT_TOLERANCE = 0.02
HELD_OUT = "held out for validation"
Frame = tuple[str, int]  # scene, number


class StereoFolder(ViewSource):
    """Both sides are targets of training; validation is on the left ones, which may have depth."""

    has_stereo = True
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        root = data_folder(request, "stereo_folder")
        self.folder, self.has_parts = _part_folder(root, request.part)
        self.calibration = find_calibration(self.folder)
        suffixes = (".png", *IMAGE_SUFFIXES) if request.options.png else IMAGE_SUFFIXES
        self.names = {
            side: FrameNames(f"{self.folder}/{name}", self.files, suffixes) for side, name in FOLDER_OF_SIDE.items()
        }

    def items(self) -> Sequence[SplitLine]:
        if self.request.has_list:
            return self._listed()
        frames = self._frames()
        if not self.has_parts and self.request.part != "test":
            kept, held_out = self._divided(frames)
            frames = kept if self.request.part == "train" else held_out
        return self._views(frames)

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        if self.request.part != "train" or self.has_parts or self.request.has_list:
            return {}
        frames = self._frames()
        kept = set(self._divided(frames)[0])
        views = self._views([frame for frame in frames if frame not in kept])
        return {HELD_OUT: [item_name(view) for view in views]} if views else {}

    def check_kept(self, items: Sequence[SplitLine]) -> None:
        for scene in dict.fromkeys(item.folder for item in items):
            self.calibration.of_scene(scene)

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        if frame == 0 or frame == STEREO:
            return super().neighbour(item, frame)
        number = self.names[item.side or ""].neighbour(item.folder, item.frame, int(frame))
        return None if number is None else SplitLine(item.folder, number, item.side)

    def image_path(self, view: SplitLine) -> str:
        return self.names[view.side or ""].path(view.folder, view.frame)

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        calibration = self.calibration.of_scene(view.folder)
        return fit_to_image(
            calibration.left if view.side == "l" else calibration.right,
            calibration.size,
            (width, height),
            calibration=str(self.calibration.path),
            image=self.image_path(view),
            aspect_tolerance=ASPECT_TOLERANCE,
        )

    def stereo_T_target(self, item: SplitLine) -> Tensor:
        baseline = self.calibration.of_scene(item.folder).baseline_m
        towards_source = -baseline if item.side == "l" else baseline
        return translation_transform(torch.tensor([towards_source, 0.0, 0.0]))

    def has_depth(self, item: SplitLine) -> bool:
        return item.side == "l" and self.files.has(self._depth_path(item))

    def depth(self, item: SplitLine) -> np.ndarray:
        return read_depth_png(self._depth_path(item))

    def _depth_path(self, item: SplitLine) -> str:
        return f"{self.folder}/depth/{self.names['l'].stem(item.folder, item.frame)}.png"

    def _frames(self) -> list[Frame]:
        """Scene and number of everything in left/ or right/, in order."""
        return sorted({*self.names["l"].frames, *self.names["r"].frames})

    def _views(self, frames: Sequence[Frame]) -> list[SplitLine]:
        sides = "lr" if self.request.part == "train" else "l"
        return [SplitLine(scene, number, side) for scene, number in frames for side in sides]

    def _divided(self, frames: Sequence[Frame]) -> tuple[list[Frame], list[Frame]]:
        """Frames to train on and frames held out: whole scenes, or the end of the only one.

        No image of the held-out end is a neighbour of a training frame.
        """
        scenes = list(dict.fromkeys(scene for scene, _ in frames))
        if len(scenes) > 1:
            held = set(scenes[-_tenth(len(scenes)) :])
            return [f for f in frames if f[0] not in held], [f for f in frames if f[0] in held]
        reach = max((abs(int(f)) for f in self.request.frame_ids if f != STEREO), default=0)
        first_held = len(frames) - _tenth(len(frames))
        return list(frames[: max(first_held - 2 * reach, 0)]), list(frames[first_held:])

    def _listed(self) -> list[SplitLine]:
        items = self.request.split_lines("stereo_folder")
        for item in items:
            if item.side not in FOLDER_OF_SIDE:
                raise UserError(
                    f"stereo_folder: the split line '{item_name(item)}' must be '<scene> <number> <side>' "
                    "with side l or r: correct the list."
                )
        return items


def _tenth(count: int) -> int:
    return max(1, round(0.1 * count)) if count > 1 else 0


def _part_folder(root: str, part: str) -> tuple[str, bool]:
    """The folder that holds left/ and right/ of a part, and whether the parts are folders.

    Raises UserError when there is neither.
    """
    names = ("test", "val") if part == "test" else (part,)
    parent, _, own = os.path.abspath(root).replace(os.sep, "/").rpartition("/")
    places = [f"{root}/{name}" for name in names]
    if own in ("train", "val") and part != "test":
        places += [f"{parent}/{name}" for name in names]
    for place in places:
        if os.path.isdir(f"{place}/left"):
            return place, True
    if os.path.isdir(f"{root}/left"):
        return root, False
    raise UserError(
        f"{root}/left is missing: expected left/ and right/ (or {' or '.join(names)}/ with both) and "
        "calib.json under --data_path; correct the path."
    )
