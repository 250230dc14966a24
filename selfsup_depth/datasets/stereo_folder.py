"""Any rectified stereo pairs: `left/`, `right/` and a calibration file; no code, no list needed.

    data_path/calib.json          see `stereo_calibration`; may also lie one folder higher
    data_path/left/<name>.jpg     any image format; the same names in right/
    data_path/right/<name>.jpg
    data_path/depth/<name>.png    optional, of the left view: 16 bits, metres * 256, 0 = none, any size

Names are `<scene>_<number>`: neighbours in time are the same scene's number + offset. Names without
underscore (`000123`, `frame7`) are one sequence in order of their numbers: neighbours are consecutive
ones, unless a gap in the numbers says that frames are missing.

`train/` and `val/` (each with left/, right/) under the data path are the parts; a data path that is one of
them finds the other beside it, and `val/` beside left/ and right/ will do. Without `val/` the last tenth of the
scenes (of the frames, when there is one scene) is held out for validation. Lines `<scene> <number> <side>` of a given
split win over both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from geometry.se3 import translation_transform
from selfsup_depth.datasets.frame_names import FrameNames
from selfsup_depth.datasets.held_out import (
    Frame,
    frames_left_out,
    furthest_neighbour,
    hold_out_the_last,
    more_to_validate_on,
)
from selfsup_depth.datasets.images import IMAGE_SUFFIXES, read_depth_png
from selfsup_depth.datasets.index import NO_DEPTH, PURPOSE, STEREO_MISSING, TARGET_MISSING, item_name
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import OTHER_SIDE, ViewSource, data_folder
from selfsup_depth.datasets.stereo_calibration import find_calibration
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine

FOLDER_OF_SIDE = {"l": "left", "r": "right"}


class StereoFolder(ViewSource):
    """Both sides are targets of training; validation is on the left ones, which may have depth."""

    has_stereo = True
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        root = data_folder(request, "stereo_folder")
        self.root = root
        self.folder, self.has_parts = _part_folder(root, request.part)
        self.calibration = find_calibration(self.folder)
        suffixes = (".png", *IMAGE_SUFFIXES) if request.options.png else IMAGE_SUFFIXES
        self.names = {
            side: FrameNames(f"{self.folder}/{name}", self.files, suffixes) for side, name in FOLDER_OF_SIDE.items()
        }

    def items(self) -> Sequence[SplitLine]:
        if self.request.has_list:
            return self._listed()
        if not self._is_divided:
            return self._views()
        kept, held_out = hold_out_the_last(self._frames(), furthest_neighbour(self.request.frame_ids))
        frames = kept if self.request.part == "train" else held_out
        return [view for view in self._views() if (view.folder, view.frame) in frames]

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        if self.request.part != "train" or not self._is_divided:
            return {}
        views = self._views()
        kept, held_out = hold_out_the_last(self._frames(), furthest_neighbour(self.request.frame_ids))
        left_out = frames_left_out([(view.folder, view.frame) for view in views], kept, held_out)
        return {reason: [item_name(views[index]) for index in indices] for reason, indices in left_out.items()}

    def check_frames(self, frame_ids: Sequence[FrameId]) -> None:
        if STEREO in frame_ids and not os.path.isdir(f"{self.folder}/right"):
            raise UserError(
                f"{self.folder}/right does not exist, but --use_stereo needs the right images for "
                f"{PURPOSE[self.request.part]} there, named as in left/: add them, or leave out --use_stereo."
            )
        frames = self._frames()
        if furthest_neighbour(frame_ids) and frames and not any(names.have_numbers for names in self.names.values()):
            asked = " ".join(str(frame) for frame in frame_ids if frame != STEREO)
            raise UserError(
                f"{self.image_path(SplitLine(*frames[0], 'l'))} and all other names have no number, so nobody knows "
                f"the neighbours that --frame_ids {asked} asks for: number your frames (NAME_0001.png, NAME_0002.png, "
                "...), or train from stereo alone with --frame_ids 0 --use_stereo."
            )

    def remedy(self, reason: str | None) -> str | None:
        if not self._frames():
            return f"put images into {self.folder}/left and, of the same names, into {self.folder}/right"
        if self._is_divided and reason not in (TARGET_MISSING, STEREO_MISSING, NO_DEPTH):
            reach = furthest_neighbour(self.request.frame_ids)
            return more_to_validate_on(reach, f"put others into {self.root}/val/left and {self.root}/val/right, ")
        if reason == STEREO_MISSING:
            return "a pair has the same name in left/ and right/: rename or add the images, or leave out --use_stereo"
        return None

    @property
    def _is_divided(self) -> bool:
        """Whether training and validation have to share the images of one folder."""
        return not (self.request.has_list or self.has_parts or self.request.part == "test")

    def check_kept(self, items: Sequence[SplitLine]) -> None:
        for scene in dict.fromkeys(item.folder for item in items):
            self.calibration.of_scene(scene)

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        if frame == 0 or frame == STEREO:
            return super().neighbour(item, frame)
        number = self.names[item.side or ""].neighbour(item.folder, item.frame, int(frame))
        return None if number is None else SplitLine(item.folder, number, item.side)

    def image_path(self, view: SplitLine) -> str:
        side = view.side or ""
        return self.names[side].path(view.folder, view.frame, like=self.names[OTHER_SIDE[side]])

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return self.calibration.intrinsics(view.folder, view.side or "", (width, height), self.image_path(view))

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

    def _views(self) -> list[SplitLine]:
        sides = "lr" if self.request.part == "train" else "l"
        return [SplitLine(scene, number, side) for scene, number in self._frames() for side in sides]

    def _listed(self) -> list[SplitLine]:
        def check(line: SplitLine) -> None:
            if line.side not in FOLDER_OF_SIDE:
                raise ValueError("must be '<scene> <number> <side>' with side l or r")

        return self.request.split_lines("stereo_folder", check)


def _part_folder(root: str, part: str) -> tuple[str, bool]:
    """The folder that holds left/ and right/ of a part, and whether the parts are folders.

    Raises UserError when there is neither.
    """
    names = ("test", "val") if part == "test" else (part,)
    parent, _, own = os.path.abspath(root).replace(os.sep, "/").rpartition("/")
    places = [f"{root}/{name}" for name in names]
    of_both = all(os.path.isdir(f"{parent}/{name}/left") for name in ("train", "val"))
    if own in ("train", "val") and of_both and part != "test":  # one alone has to be shared
        places += [f"{parent}/{name}" for name in names]
    for place in places:
        if os.path.isdir(f"{place}/left"):
            return place, True
    if os.path.isdir(f"{root}/left"):
        return root, part == "train" and os.path.isdir(f"{root}/val/left")
    if part == "val" and os.path.isdir(f"{root}/train/left"):
        raise UserError(
            f"{root}/val/left is missing: expected images for validation in val/, as for training in train/; add them, "
            f"or give {root}/train as --data_path, whose end is then held out."
        )
    raise UserError(
        f"{root}/left is missing: expected left/ and right/ (or {' or '.join(names)}/ with both) and "
        "calib.json under --data_path; correct the path."
    )
