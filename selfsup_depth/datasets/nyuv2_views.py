"""What NYUv2's two readers share: single images, their camera, and the crop that takes off the white frame."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

from geometry.camera import crop_intrinsics, intrinsics_matrix
from selfsup_depth.datasets.listed_source import ListedSource
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine

WIDTH, HEIGHT = 640, 480
#: Pixels that are taken off at each side of image and depth: undistortion left a white frame there.
MARGIN = 16
#: Of the whole picture, as DistDepth has it. Its centre (0.508, 0.5286 of the size) comes from a calibration
#: that counts from the centre of the first pixel: hence the 0.5.
FX, FY, CX, CY = 518.0, 519.0, 0.508 * WIDTH + 0.5, 0.5286 * HEIGHT + 0.5

Map = TypeVar("Map", np.ndarray, Tensor)


class NyuSource(ListedSource):
    """608x448 images and depth maps; frame 0 and nothing else."""

    name = "nyuv2"
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        neighbours = [frame for frame in request.frame_ids if frame not in (0, STEREO)]
        if neighbours:
            raise UserError(
                f"nyuv2 has single images without neighbours in time, but --frame_ids asks for {neighbours}: "
                "use frame 0 alone, or a data set of sequences."
            )

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        return item if frame == 0 else None

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return crop_intrinsics(intrinsics_matrix(FX, FY, CX, CY), MARGIN, MARGIN)

    def has_depth(self, item: SplitLine) -> bool:
        return True


def without_frame(whole: Map, where: str) -> Map:
    """An image [3, 480, 640] or a depth map [480, 640] without its margin: [..., 448, 608].

    Raises UserError for another size, of which nobody could say what was cropped.
    """
    height, width = whole.shape[-2:]
    if (width, height) != (WIDTH, HEIGHT):
        raise UserError(
            f"{where} has {width}x{height} pixels where NYUv2 has {WIDTH}x{HEIGHT}: it was cropped or resized; "
            "give the files as published."
        )
    return whole[..., MARGIN : HEIGHT - MARGIN, MARGIN : WIDTH - MARGIN]
