"""VA, the virtual apartment that DistDepth is tested on (arXiv:2112.02306): rendered stereo video with depth.

    data_path/camera_0/00000000.png                              left; camera_1 is the right camera
    data_path/gt_depth_rectify/cam0_frame0000.depth.pfm          metres, of either camera
    data_path/calib.json                                         optional, see below

The published list, `VA_left_all.txt`, is for testing. Intrinsics and baseline were not published: the original
takes SimSIN's matrix, as we do, and a nominal baseline, which we do not, because depth learnt from it would be
in no known unit. Where a calibration (format: `stereo_calibration`) lies in the data folder, both are read from
it, and stereo can be used.
"""

from __future__ import annotations

import re

import numpy as np
from torch import Tensor

from selfsup_depth.datasets.depth_files import read_depth_pfm
from selfsup_depth.datasets.numbered_pairs import DIGIT_OF_SIDE, NumberedPairs
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.stereo_calibration import FILE_NAMES, CalibrationFile, find_calibration
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO
from splits import SplitLine


class VA(NumberedPairs):
    """Square views of one sequence, with depth of both cameras."""

    name = "va"
    pattern = re.compile(r"(?P<prefix>|.*/)camera_(?P<side>[01])/(?P<frame>\d{8})")
    spelling = "camera_0/NNNNNNNN (camera_1 is the right one, the frame has eight digits)"
    published = {"test": ("VA_left_all.txt",)}
    native_size = (640, 640)
    native_camera = (320.0, 320.0, 320.0, 320.0)  # SimSIN's 90 degrees; not verified by anyone
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self.calibration: CalibrationFile | None = None
        if any(self.files.has(f"{self.root}/{name}") for name in FILE_NAMES):
            self.calibration = find_calibration(self.root)
            self.baseline_m = self.calibration.of_scene(self.name).baseline_m
        elif STEREO in request.frame_ids:
            raise UserError(
                f"--use_stereo needs the baseline of va, which was not published: measure it and write "
                f"{self.root}/{FILE_NAMES[0]}, or leave out --use_stereo."
            )
        self.has_stereo = self.calibration is not None

    def path_of(self, prefix: str, frame: int, side: str) -> str:
        return f"{prefix}camera_{side}/{frame:08d}"

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        if self.calibration is None:
            return super().intrinsics(view, width, height)
        return self.calibration.intrinsics(self.name, view.side or "", (width, height), self.image_path(view))

    def of_another_shape(self) -> str:
        return f"write the camera of these images to {self.root}/{FILE_NAMES[0]} (docs/your_own_data.md)"

    def has_depth(self, item: SplitLine) -> bool:
        return self.files.has(self._depth_path(item))

    def depth(self, item: SplitLine) -> np.ndarray:
        return read_depth_pfm(self._depth_path(item))

    def _depth_path(self, item: SplitLine) -> str:
        name = f"cam{DIGIT_OF_SIDE[item.side or '']}_frame{item.frame:04d}.depth.pfm"
        return f"{self.root}/{self.prefix(item)}gt_depth_rectify/{name}"
