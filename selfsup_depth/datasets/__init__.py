"""Bytes on disk -> samples: one file per data set, one line in `DATASETS`."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from selfsup_depth.datasets.augmentation import RawBatch, augment, collate, draw_augmentation
from selfsup_depth.datasets.base import ViewDataset
from selfsup_depth.datasets.batch_memory import BatchMemory, ShelvedBatch
from selfsup_depth.datasets.colmap import ColmapProject
from selfsup_depth.datasets.folder import Folder
from selfsup_depth.datasets.held_images import hold_images
from selfsup_depth.datasets.kitti import KittiRaw
from selfsup_depth.datasets.kitti_depth import KittiDepth
from selfsup_depth.datasets.kitti_odom import KittiOdometry
from selfsup_depth.datasets.motorcycle import Motorcycle
from selfsup_depth.datasets.nyuv2 import open_nyuv2
from selfsup_depth.datasets.prepared import Prepared
from selfsup_depth.datasets.request import DatasetRequest, FootageOptions, ReaderOptions, ShardCacheOptions
from selfsup_depth.datasets.shards import Shards
from selfsup_depth.datasets.simsin import SimSIN
from selfsup_depth.datasets.source import ViewSource
from selfsup_depth.datasets.stereo_folder import StereoFolder
from selfsup_depth.datasets.tum import TumRgbd
from selfsup_depth.datasets.unisin import UniSIN
from selfsup_depth.datasets.va import VA
from selfsup_depth.datasets.video import open_video
from selfsup_depth.errors import UserError

DATASETS: dict[str, Callable[[DatasetRequest], ViewSource]] = {
    "kitti": KittiRaw,
    "kitti_odom": KittiOdometry,
    "kitti_depth": KittiDepth,
    "folder": Folder,  # one's own frames or pairs
    "stereo_folder": StereoFolder,
    "simsin": SimSIN,
    "unisin": UniSIN,
    "va": VA,
    "nyuv2": open_nyuv2,  # DistDepth's folders, or the official .mat
    "colmap": ColmapProject,
    "tum": TumRgbd,
    "video": open_video,  # prepared beforehand, by train.py itself or by prepare_data.py
    "prepared": Prepared,  # what prepare_data.py writes
    "shards": Shards,  # the same as tar shards, also at a URL
    "motorcycle": Motorcycle,
    "builtin": KittiDepth,  # the rendered drive, written in that layout
    "builtin_indoor": SimSIN,  # the rendered rooms, likewise
}

#: Data sets that need no --data_path.
COMES_WITH_ITS_DATA = ("motorcycle",)
#: Data sets that look at `ReaderOptions.footage`; each refuses in words what means nothing to it.
READ_FOOTAGE_OPTIONS = ("folder", "stereo_folder", "video", "colmap", "tum", "prepared", "shards")
#: Data sets that `ReaderOptions.kitti_intrinsics` is about.
HAVE_KITTI_INTRINSICS = ("kitti", "kitti_odom", "kitti_depth", "builtin")


def build_dataset(name: str, request: DatasetRequest) -> ViewDataset:
    """The requested part of a data set of `DATASETS`.

    Raises UserError for an unknown name, and for everything that makes the data unusable.
    """
    return ViewDataset(name, build_source(name, request), request)


def build_source(name: str, request: DatasetRequest) -> ViewSource:
    """What a data set of `DATASETS` tells about itself, for whoever asks before an index is built.

    Raises UserError for an unknown name, and when the source finds its files unusable.
    """
    refuse_unknown(name)
    return DATASETS[name](request)


def refuse_unknown(name: str) -> None:
    """Raises UserError for a value of --dataset that is not in `DATASETS`."""
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UserError(f"--dataset {name} is not known{hint}: choose one of {', '.join(DATASETS)}.")


__all__ = [
    "COMES_WITH_ITS_DATA",
    "DATASETS",
    "HAVE_KITTI_INTRINSICS",
    "READ_FOOTAGE_OPTIONS",
    "BatchMemory",
    "DatasetRequest",
    "FootageOptions",
    "RawBatch",
    "ReaderOptions",
    "ShardCacheOptions",
    "ShelvedBatch",
    "ViewDataset",
    "ViewSource",
    "augment",
    "build_dataset",
    "build_source",
    "collate",
    "draw_augmentation",
    "hold_images",
    "refuse_unknown",
]
