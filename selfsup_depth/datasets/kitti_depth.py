"""KITTI raw images with the improved ground truth of the depth benchmark (Uhrig et al. 2017).

Ground truth is looked for as `proj_depth/groundtruth/image_0{2,3}/0000000000.png` (16 bits, metres * 256)
inside each raw drive, and as the official archive lies: `train/<drive>/...` or `val/<drive>/...`, under
`--depth_path`, or else under the data path.
"""

from __future__ import annotations

import os

import numpy as np

from selfsup_depth.datasets.images import read_depth_png
from selfsup_depth.datasets.kitti import KittiRaw
from selfsup_depth.datasets.kitti_views import camera_number
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.errors import UserError
from splits import SplitLine


class KittiDepth(KittiRaw):
    """As `KittiRaw`, with accumulated and cleaned LiDAR as depth (none for the ends of a drive)."""

    name = "kitti_depth"

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        given = request.options.depth_path
        self.depth_root = self.root if given is None else os.path.expanduser(os.fspath(given)).rstrip("/")
        if not os.path.isdir(self.depth_root):
            raise UserError(
                f"--depth_path {given} is not a folder: expected KITTI's data_depth_annotated, which "
                "has train/ and val/ in it; correct the path."
            )

    def has_depth(self, item: SplitLine) -> bool:
        return self._depth_file(item) is not None

    def depth(self, item: SplitLine) -> np.ndarray | None:
        path = self._depth_file(item)
        return None if path is None else read_depth_png(path)

    def _depth_file(self, item: SplitLine) -> str | None:
        drive = item.folder.rpartition("/")[2]
        tail = f"proj_depth/groundtruth/image_0{camera_number(item)}/{item.frame:010d}.png"
        for folder in (item.folder, f"train/{drive}", f"val/{drive}"):
            path = f"{self.depth_root}/{folder}/{tail}"
            if self.files.has(path):
                return path
        return None
