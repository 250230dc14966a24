"""One real rectified stereo pair with true depth, installed with scikit-image: nothing to download.

Middlebury 2014 "Motorcycle" (Scharstein et al., GCPR 2014) at a quarter of its size, 741x500.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import skimage.data
import torch
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.depth import depth_from_disparity
from geometry.se3 import translation_transform
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import ViewSource
from selfsup_depth.errors import UserError
from splits import SplitLine

FOCAL = 994.978  # pixels
#: The published centre counts full-size pixels from the centre of the first: half of one, at a quarter
#: of the size, is 0.125 of ours.
LEFT_CX, CY = 311.193 + 0.125, 254.877 + 0.125
RIGHT_CX = LEFT_CX + 31.086  # the cameras were rectified with different centres
BASELINE_M = 0.193001


class Motorcycle(ViewSource):
    """Both views as targets of training, the left one, which has depth, for validation."""

    has_stereo = True
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        if request.data_path is not None or request.split is not None or request.lines is not None:
            raise UserError("motorcycle is one pair inside scikit-image: leave out --data_path and --split.")
        left, right, self._disparity = skimage.data.stereo_motorcycle()
        self._images = {"l": left, "r": right}

    def items(self) -> Sequence[SplitLine]:
        sides = "lr" if self.request.part == "train" else "l"
        return [SplitLine("motorcycle", 0, side) for side in sides]

    def image_path(self, view: SplitLine) -> str:
        return f"skimage.data.stereo_motorcycle(), frame {view.frame}, side {view.side}"

    def has_image(self, view: SplitLine) -> bool:
        return view.frame == 0

    def read_image(self, view: SplitLine) -> Tensor:
        return torch.from_numpy(self._images[view.side or ""]).permute(2, 0, 1)

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return intrinsics_matrix(FOCAL, FOCAL, LEFT_CX if view.side == "l" else RIGHT_CX, CY)

    def stereo_T_target(self, item: SplitLine) -> Tensor:
        towards_source = -BASELINE_M if item.side == "l" else BASELINE_M
        return translation_transform(torch.tensor([towards_source, 0.0, 0.0]))

    def has_depth(self, item: SplitLine) -> bool:
        return item.side == "l"

    def depth(self, item: SplitLine) -> np.ndarray:
        known = np.isfinite(self._disparity)
        # disparity between the pixels of two different centres -> between those of two equal cameras
        parallax = np.where(known, self._disparity + np.float32(RIGHT_CX - LEFT_CX), np.float32(0))
        return depth_from_disparity(torch.from_numpy(parallax), FOCAL, BASELINE_M).numpy()
