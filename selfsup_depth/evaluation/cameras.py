"""The camera of a scored map, which has the field of view of an image but seldom its size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from geometry.camera import resize_intrinsics
from selfsup_depth.datasets import ViewDataset

#: (height, width) -> intrinsics [3, 3] in pixels (corner origin) of the scored map when it has that size.
Camera = Callable[[int, int], NDArray[np.floating]]


def camera_of_image(intrinsics: Tensor, height: int, width: int) -> Camera:
    """The camera of an image of height x width pixels with these intrinsics [3, 3]."""
    return partial(_resized, intrinsics, height, width)


class DatasetCameras:
    """The cameras of a data set by index: of the images as stored, which are opened when they are asked for."""

    def __init__(self, dataset: ViewDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> Camera:
        return partial(self._at, index)

    def _at(self, index: int, height: int, width: int) -> NDArray[np.floating]:
        stored_height, stored_width = self.dataset.image(index).shape[-2:]
        intrinsics = self.dataset.source.intrinsics(self.dataset.items[index], stored_width, stored_height)
        return _resized(intrinsics, stored_height, stored_width, height, width)


def _resized(intrinsics: Tensor, height: int, width: int, new_height: int, new_width: int) -> NDArray[np.floating]:
    return resize_intrinsics(intrinsics.double(), new_width / width, new_height / height).numpy()
