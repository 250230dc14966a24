"""TUM RGB-D sequences (Sturm et al., IROS 2012), and recordings in their layout.

    data_path/rgb.txt, depth.txt, groundtruth.txt, rgb/, depth/      one sequence
    data_path/<sequence>/rgb.txt ...                                 or a folder of them

An item is `<sequence> <row> l`: the row of its image in rgb.txt, from 0. Depth is the map nearest in time within
20 ms, poses are interpolated; without depth.txt or groundtruth.txt there is no depth and there are no poses. Neighbours
are the next images in rgb.txt, unless the times say that frames are missing between.

The camera is that of --calibration, of a calibration file in the sequence's folder or the data path, of --fov, or the
published one of freiburg1, 2 or 3, by the sequence's name. The lenses of freiburg1 and 2 are distorted, by 3 to 6
pixels half way to the corners and by 15 to 37 in them. They are refused as every distorted lens is, instead of being
taken for pinholes without a word; who wants the pinhole that the benchmark's authors recommend (525, 525, 319.5,
239.5: depth is registered to the colour image without regard to the lens) asks for it by --fov 62.7. A sequence of
another name may be of any camera: it is not given one that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets.cameras import CameraRig, RigFinder, fit_camera
from selfsup_depth.datasets.cameras.reading import NAMES, calibration_in
from selfsup_depth.datasets.folder_cameras import image_size
from selfsup_depth.datasets.footage_refusals import BY_PREPARATION, OF_ONE_CAMERA, refuse_options
from selfsup_depth.datasets.footage_source import FootageSource
from selfsup_depth.datasets.frame_order import passed_over
from selfsup_depth.datasets.images import read_depth_png
from selfsup_depth.datasets.index import item_name
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import data_folder
from selfsup_depth.datasets.tum_devkit import DEPTH_SCALE, published_camera
from selfsup_depth.datasets.tum_sequence import TumSequence, sequence_folders
from selfsup_depth.errors import UserError
from splits import SplitLine

MEANINGLESS = {**OF_ONE_CAMERA, "min_motion": BY_PREPARATION}
#: As wide as the pinhole that the benchmark recommends: 525 pixels of 640.
RECOMMENDED_FOV = 62.7
PUBLISHED = "the published camera of {}"
PINHOLE_INSTEAD = (
    "say that the camera is to be taken for a pinhole, which is off by 3 to 6 pixels half way to the corners of "
    f"freiburg1 and 2 and by 15 to 37 in them: --fov {RECOMMENDED_FOV} is what the benchmark's authors recommend, "
    "because their depth was made so"
)


class TumRgbd(FootageSource):
    """Single images in time, with depth and poses in metres where the sequence has them."""

    name = "tum"
    describes_lenses = True
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self.root = data_folder(request, self.name)
        footage = request.options.footage
        refuse_options(self.name, footage, MEANINGLESS)
        self.sequences = {
            name: TumSequence(name, folder, footage) for name, folder in sequence_folders(self.root).items()
        }
        self._finder = RigFinder(footage)
        self._rigs: dict[str, CameraRig] = {}

    def to_item(self, line: SplitLine) -> SplitLine:
        sequence = self.sequences.get(line.folder)
        if sequence is None or line.side != "l" or not 0 <= line.frame < len(sequence.images.files):
            raise ValueError("expected '<sequence> <row of its rgb.txt, from 0> l'")
        if line.frame not in sequence.taken:
            raise ValueError(f"it is one of those {passed_over(self.request.options.footage)}")
        return line

    def found(self) -> tuple[list[SplitLine], Mapping[str, Sequence[str]]]:
        views = [_view(seq, row) for seq in self.sequences.values() for row in range(len(seq.images.files))]
        taken = [view for view in views if view.frame in self.sequences[view.folder].taken]
        others = [item_name(view) for view in views if view.frame not in self.sequences[view.folder].taken]
        return taken, {passed_over(self.request.options.footage): others}

    def next_in_time(self, view: SplitLine, offset: int) -> SplitLine | None:
        sequence = self.sequences[view.folder]
        row = sequence.order.neighbour(view.frame, offset)
        return None if row is None else _view(sequence, row)

    def image_path(self, view: SplitLine) -> str:
        return self.sequences[view.folder].image_path(view.frame)

    def check_kept(self, items: Sequence[SplitLine]) -> None:
        for item in {item.folder: item for item in items}.values():
            self._pinhole(item)

    def rig(self, view: SplitLine) -> CameraRig:
        """The camera by which a sequence was recorded. Raises UserError when nothing tells it."""
        name = view.folder
        if name not in self._rigs:
            self._rigs[name] = self._find_rig(self.sequences[name], image_size(self.image_path(view)))
        return self._rigs[name]

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        rig = self._pinhole(view)
        return fit_camera(rig.left, (width, height), rig.source, self.image_path(view)).intrinsics

    def _pinhole(self, view: SplitLine) -> CameraRig:
        """Raises UserError when the camera is distorted."""
        rig = self.rig(view)
        if rig.is_distorted:
            published = rig.source == PUBLISHED.format(view.folder)
            otherwise = PINHOLE_INSTEAD if published else "give the calibration of these images, without distortion"
            raise UserError(
                f"{rig.source} tells of lens distortion, but images are used as they lie here: undistort them once "
                f"with prepare_data.py, and train from what it writes (--dataset prepared), or {otherwise}."
            )
        return rig

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        pose = self.sequences[view.folder].world_T_camera(view.frame)
        return None if pose is None else torch.from_numpy(pose)

    def time_s(self, view: SplitLine) -> float:
        return float(self.sequences[view.folder].images.times[view.frame])

    def has_depth(self, item: SplitLine) -> bool:
        path = self.sequences[item.folder].depth_path(item.frame)
        return path is not None and self.files.has(path)

    def depth(self, item: SplitLine) -> np.ndarray | None:
        path = self.sequences[item.folder].depth_path(item.frame)
        return None if path is None else read_depth_png(path, DEPTH_SCALE)

    def _find_rig(self, sequence: TumSequence, size: tuple[int, int]) -> CameraRig:
        """Raises UserError when neither an option, nor a file, nor the sequence's name tells its camera."""
        options = self.request.options.footage
        folder, root = Path(sequence.folder), Path(self.root)
        told = options.calibration is not None or options.fov is not None
        if told or calibration_in(folder) is not None or calibration_in(root) is not None:
            return self._finder.find(folder, None, size, scene=sequence.name, highest=root)
        camera = published_camera(sequence.name)
        if camera is None:
            raise UserError(
                f"{sequence.folder} does not say its camera, and its name is none of the benchmark's (freiburg1, 2 or "
                f"3): write {sequence.folder}/{NAMES[0]}.json, or give --calibration or --fov ({RECOMMENDED_FOV} is a "
                "Kinect's as its driver has it, 525 pixels of 640)."
            )
        return CameraRig(camera, source=PUBLISHED.format(sequence.name))


def _view(sequence: TumSequence, row: int) -> SplitLine:
    return SplitLine(sequence.name, row, "l")
