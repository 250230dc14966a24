"""SimSIN (DistDepth, arXiv:2112.02306): simulated indoor stereo pairs rendered with Habitat.

A list names images as `<scene>/.../NNN_S`, NNN the frame and S the side (0 left, 1 right), with `.png` added
on disk; depth lies beside it as `NNN_S_depth.npy`, metres.
"""

from __future__ import annotations

import re

import numpy as np

from selfsup_depth.datasets.depth_files import read_depth_npy
from selfsup_depth.datasets.numbered_pairs import NumberedPairs
from splits import SplitLine


class SimSIN(NumberedPairs):
    """Square 90-degree views with exact depth of both sides."""

    name = "simsin"
    # lazy, so that a fourth digit belongs to the frame: 1000 follows 999
    pattern = re.compile(r"(?P<prefix>.*?)(?P<frame>\d{3}|[1-9]\d{3,})_(?P<side>[01])")
    spelling = "<scene>/NNN_S (three digits, then 0 for left or 1 for right)"
    published = {
        "train": ("SimSIN_release.txt", "all_large_release2.txt", "replica_train.txt"),
        "val": ("replica_test_sub.txt",),
    }
    native_size = (512, 512)
    # a rendered view of 90 degrees: the optical axis goes through the middle of the picture
    native_camera = (256.0, 256.0, 256.0, 256.0)
    baseline_m = 0.1312  # the sensors stand at +-0.0656 m
    has_depth_maps = True

    def path_of(self, prefix: str, frame: int, side: str) -> str:
        return f"{prefix}{frame:03d}_{side}"

    def has_depth(self, item: SplitLine) -> bool:
        return self.files.has(self._depth_path(item))

    def depth(self, item: SplitLine) -> np.ndarray:
        return read_depth_npy(self._depth_path(item))

    def _depth_path(self, item: SplitLine) -> str:
        return f"{self.root}/{item.folder}_depth.npy"
