"""Bytes on disk -> samples: one file per data set, one line in `DATASETS`."""

from __future__ import annotations

from collections.abc import Callable

from selfsup_depth.datasets.augmentation import RawBatch, augment, collate, draw_augmentation
from selfsup_depth.datasets.base import ViewDataset
from selfsup_depth.datasets.kitti import KittiRaw
from selfsup_depth.datasets.kitti_depth import KittiDepth
from selfsup_depth.datasets.kitti_odom import KittiOdometry
from selfsup_depth.datasets.motorcycle import Motorcycle
from selfsup_depth.datasets.request import DatasetRequest, ReaderOptions
from selfsup_depth.datasets.simsin import SimSIN
from selfsup_depth.datasets.source import ViewSource
from selfsup_depth.datasets.stereo_folder import StereoFolder
from selfsup_depth.errors import UserError

DATASETS: dict[str, Callable[[DatasetRequest], ViewSource]] = {
    "kitti": KittiRaw,
    "kitti_odom": KittiOdometry,
    "kitti_depth": KittiDepth,
    "stereo_folder": StereoFolder,
    "simsin": SimSIN,
    "motorcycle": Motorcycle,
    "builtin": KittiDepth,  # the rendered drive, written in that layout
}

#: Data sets that need no --data_path.
COMES_WITH_ITS_DATA = ("motorcycle",)


def build_dataset(name: str, request: DatasetRequest) -> ViewDataset:
    """The requested part of a data set of `DATASETS`.

    Raises UserError for an unknown name, and for everything that makes the data unusable.
    """
    source = DATASETS.get(name)
    if source is None:
        raise UserError(f"--dataset {name} is not known: choose one of {', '.join(DATASETS)}.")
    return ViewDataset(name, source(request), request)


__all__ = [
    "COMES_WITH_ITS_DATA",
    "DATASETS",
    "DatasetRequest",
    "RawBatch",
    "ReaderOptions",
    "ViewDataset",
    "ViewSource",
    "augment",
    "build_dataset",
    "collate",
    "draw_augmentation",
]
