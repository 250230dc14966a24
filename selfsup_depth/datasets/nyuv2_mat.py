"""NYUv2 as published: `nyu_depth_v2_labeled.mat` (HDF5, 1449 images, 2.8 GB) with `splits.mat` beside it.

An item is `<scene> <number> l`, the number counting from 1 as `splits.mat` and the unpacked files do. "test" is
the official test set (654 images); "train" and "val" divide the official training set (795) by scenes. Depth is
`depths`: Kinect's, projected to the camera and filled in, metres.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets.held_out import Frame
from selfsup_depth.datasets.matlab_files import Hdf5File, read_indices
from selfsup_depth.datasets.nyuv2_views import HEIGHT, WIDTH, NyuSource, without_frame
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.errors import UserError
from splits import SplitLine

OFFICIAL_NAME = "nyu_depth_v2_labeled.mat"
SPLITS_NAME = "splits.mat"
#: Matlab's axes, reversed by HDF5
IMAGE_SHAPE, DEPTH_SHAPE = (3, WIDTH, HEIGHT), (WIDTH, HEIGHT)


class NyuMat(NyuSource):
    """Images are read one at a time, from a file that each process opens once."""

    def __init__(self, request: DatasetRequest, path: str) -> None:
        super().__init__(request)
        self.path = path
        self.root = os.path.dirname(path) or "."
        self.file = Hdf5File(path)
        self.count = self._count()

    def to_item(self, line: SplitLine) -> SplitLine:
        """The number says which image it is."""
        if not 1 <= line.frame <= self.count:
            raise ValueError(f"expected 'scene number l' with a number from 1 to {self.count}, found {line.frame}")
        return self._item(line.frame)

    def unlisted(self) -> tuple[list[SplitLine], bool]:
        path = f"{self.root}/{SPLITS_NAME}"
        if self.request.part == "test":
            return self._official(path, "testNdxs"), False
        return self._official(path, "trainNdxs"), True

    def frames_of(self, items: Sequence[SplitLine]) -> list[Frame]:
        return [(item.folder, item.frame) for item in items]

    def image_path(self, view: SplitLine) -> str:
        return f"{self.path}, image {view.frame}"

    def has_image(self, view: SplitLine) -> bool:
        return 1 <= view.frame <= self.count

    def read_image(self, view: SplitLine) -> Tensor:
        pixels = self.file.read("images", view.frame - 1)  # [3, w, h]
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 2, 1)))
        return without_frame(image, self.image_path(view))

    def depth(self, item: SplitLine) -> np.ndarray:
        depth = self.file.read("depths", item.frame - 1).T.astype(np.float32)
        depth = without_frame(depth, self.image_path(item))
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))

    def _count(self) -> int:
        """How many images there are. Raises UserError when images and depths are not what was published."""
        shapes = {name: self.file.shape(name) for name in ("images", "depths")}
        count = shapes["images"][0] if shapes["images"] else 0
        if count == 0 or shapes != {"images": (count, *IMAGE_SHAPE), "depths": (count, *DEPTH_SHAPE)}:
            raise UserError(
                f"{self.path} is not NYUv2's labelled data: expected images (N, 3, {WIDTH}, {HEIGHT}) and depths "
                f"(N, {WIDTH}, {HEIGHT}), found {shapes['images']} and {shapes['depths']}; give {OFFICIAL_NAME}."
            )
        return count

    def _official(self, path: str, key: str) -> list[SplitLine]:
        """The images of an official list. Raises UserError when there is none or it is of other data."""
        if not os.path.isfile(path):
            raise UserError(
                f"{path} is missing, which says what NYUv2's training and test images are: put {SPLITS_NAME} of the "
                f"same web page beside {OFFICIAL_NAME}, or give a list as --split."
            )
        numbers = read_indices(path, key)
        if not len(numbers) or numbers.min() < 1 or numbers.max() > self.count:
            raise UserError(
                f"{path}: '{key}' must have numbers of images, 1 to {self.count}, found {len(numbers)} up to "
                f"{max(numbers, default=0)}: give the {SPLITS_NAME} that belongs to {self.path}."
            )
        return [self._item(int(number)) for number in numbers]

    def _item(self, number: int) -> SplitLine:
        return SplitLine(self._scenes[number - 1], number, "l")

    @cached_property
    def _scenes(self) -> list[str]:
        """The scene of every image; one and the same where the file does not say."""
        scenes = self.file.texts("scenes")
        return scenes if len(scenes) == self.count else [self.name] * self.count
