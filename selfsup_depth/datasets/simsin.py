"""SimSIN (DistDepth, arXiv:2207.04535): simulated indoor stereo pairs rendered with Habitat.

A list names images as `<scene>/.../NNN_S`, NNN the frame and S the side (0 left, 1 right), with `.png` added
on disk; depth lies beside it as `NNN_S_depth.npy`, metres.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.se3 import translation_transform
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import ViewSource, data_folder
from selfsup_depth.errors import UserError
from splits import SplitLine

BASELINE_M = 0.1312  # the sensors stand at +-0.0656 m
FOCAL = 0.5  # of the image's size: 90 degrees of field of view
SIDE_OF_DIGIT = {"0": "l", "1": "r"}
DIGIT_OF_SIDE = {"l": "0", "r": "1"}
LISTED = re.compile(r"(.*?)(\d{3})_([01])")


class SimSIN(ViewSource):
    """Square 90-degree views with exact depth of both sides."""

    has_stereo = True
    has_depth_maps = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self.root = data_folder(request, "simsin")
        self.suffixes = (".png", ".jpg") if request.options.png else (".jpg", ".png")

    def items(self) -> Sequence[SplitLine]:
        return [_decoded(line) for line in self.request.split_lines("simsin")]

    def image_path(self, view: SplitLine) -> str:
        folder, stem = self._stem(view)
        return self.files.find(folder, stem, self.suffixes)

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return intrinsics_matrix(FOCAL * width, FOCAL * height, 0.5 * width, 0.5 * height)

    def stereo_T_target(self, item: SplitLine) -> Tensor:
        towards_source = -BASELINE_M if item.side == "l" else BASELINE_M
        return translation_transform(torch.tensor([towards_source, 0.0, 0.0]))

    def has_depth(self, item: SplitLine) -> bool:
        return self.files.has(self._depth_path(item))

    def depth(self, item: SplitLine) -> np.ndarray:
        path = self._depth_path(item)
        try:
            depth = np.load(path)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path} cannot be read as a depth map ({error}): replace the file.") from error
        depth = np.asarray(depth, dtype=np.float32).squeeze()
        if depth.ndim != 2:
            raise UserError(f"{path} has shape {depth.shape} where one depth map [h, w] was expected.")
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))

    def _stem(self, view: SplitLine) -> tuple[str, str]:
        folder, _, prefix = f"{self.root}/{view.folder}".rpartition("/")
        return folder, f"{prefix}{view.frame:03d}_{DIGIT_OF_SIDE[view.side or '']}"

    def _depth_path(self, view: SplitLine) -> str:
        folder, stem = self._stem(view)
        return f"{folder}/{stem}_depth.npy"


def _decoded(line: SplitLine) -> SplitLine:
    """Frame and side are in the path; the list's own columns repeat them."""
    found = LISTED.fullmatch(line.folder)
    if found is None:
        raise UserError(
            f"simsin: the split line '{line.folder}' does not name an image as <scene>/NNN_S (three digits, "
            "then 0 for left or 1 for right): correct the list."
        )
    prefix, frame, side = found.groups()
    if line.side is not None and line.side != SIDE_OF_DIGIT[side]:
        raise UserError(
            f"simsin: the split line '{line.folder} {line.frame} {line.side}' contradicts itself: its path "
            f"ends in _{side}, which is side {SIDE_OF_DIGIT[side]}; correct the list."
        )
    return SplitLine(prefix, int(frame), SIDE_OF_DIGIT[side])
