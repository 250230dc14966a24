"""Consecutive frames of a data set, and the true poses where it has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from selfsup_depth.datasets import DatasetRequest, FootageOptions, ReaderOptions, ViewDataset, build_dataset
from selfsup_depth.datasets.builtin import BUILTIN, builtin_name
from selfsup_depth.datasets.index import item_name
from selfsup_depth.datasets.prepared_files import read_manifest, read_views
from selfsup_depth.datasets.request import GUESSED_FOV
from selfsup_depth.datasets.storage import open_storage
from selfsup_depth.odometry.config import PoseConfig
from selfsup_depth.odometry.trajectory import Poses
from splits import SplitLine


@dataclass(frozen=True)
class Walk:
    """Steps of one sequence that follow each other: `indices[k]` of the data set goes from frame k to frame k + 1."""

    name: str
    indices: tuple[int, ...]
    views: tuple[SplitLine, ...]  # one more than steps


class FramesTogether(Dataset[Tensor]):
    """[N, 3, H, W] uint8 images of a sample, in the order of its frames."""

    def __init__(self, dataset: ViewDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Tensor:
        return self.dataset[index].images


def one_side(items: Sequence[SplitLine]) -> set[str | None]:
    """The side whose trajectory is made: that of the first item."""
    return {items[0].side} if items else set()


def walks_of(dataset: ViewDataset) -> list[Walk]:
    """The items of a data set as walks: an item follows another when it is its next frame."""
    source, sides = dataset.source, one_side(dataset.items)
    chosen = {item: index for index, item in enumerate(dataset.items) if item.side in sides}
    walks: list[Walk] = []
    begun: set[SplitLine] = set()
    for item in chosen:
        before = source.neighbour(item, -1)
        if before in chosen or item in begun:
            continue  # begins nowhere, or is part of a walk
        views, indices = [item], []
        while views[-1] in chosen:
            begun.add(views[-1])
            indices.append(chosen[views[-1]])
            following = source.neighbour(views[-1], 1)
            assert following is not None  # the index has only items whose frames exist
            views.append(following)
        walks.append(Walk(_name(item, walks), tuple(indices), tuple(views)))
    return walks


def _name(item: SplitLine, before: Sequence[Walk]) -> str:
    """The sequence's name; with the first frame's number where a gap divides it."""
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in item.folder).strip("._") or "sequence"
    taken = any(walk.views[0].folder == item.folder for walk in before)
    return f"{plain}_from_{item.frame}" if taken else plain


def true_poses(dataset: ViewDataset, walk: Walk) -> Poses | None:
    """[N, 4, 4] world_T_camera of a walk's frames; None unless all of them are known."""
    poses = [dataset.source.world_T_camera(view) for view in walk.views]
    known = [pose for pose in poses if pose is not None]
    if len(known) < len(poses):
        return None
    return torch.stack(known).numpy().astype(np.float64)


def times_of(dataset: ViewDataset, walk: Walk) -> tuple[float, ...] | None:
    times = [dataset.source.time_s(view) for view in walk.views]
    known = tuple(time for time in times if time is not None)
    return known if len(known) == len(times) else None


def frame_names(walk: Walk) -> tuple[str, ...]:
    return tuple(item_name(view) for view in walk.views)


def open_frames(config: PoseConfig, frames: tuple[int, ...], size: tuple[int, int]) -> ViewDataset:
    """The samples that a pose network of these frames needs, at its size (height, width), in order.

    Raises UserError when the data cannot be read or has no consecutive frames.
    """
    dataset, data_path, split = config.dataset, config.data_path, config.eval_split
    name = builtin_name(dataset, data_path, default=PoseConfig.dataset, on_disk={"eval_split": split})
    if name is not None:
        dataset, data_path = name, BUILTIN[name].ensure()
    lines = None
    if split is None and data_path is not None and dataset in WHOLE_SEQUENCES:
        lines = WHOLE_SEQUENCES[dataset](data_path.expanduser())
    request = DatasetRequest(
        height=size[0],
        width=size[1],
        frame_ids=frames,
        data_path=data_path,
        part="test",
        split=split,
        lines=lines,
        options=ReaderOptions(png=config.png, footage=footage_options(config)),
    )
    return build_dataset(dataset, request)


def footage_options(config: PoseConfig) -> FootageOptions:
    """What the options say of the footage; a camera that nothing tells is guessed, since motion is seen without it."""
    given = {option.name: getattr(config.footage, option.name) for option in fields(config.footage)}
    return FootageOptions(**given, guess_fov=GUESSED_FOV)


def odometry_sequences(root: Path) -> tuple[str, ...]:
    """Lines of every frame of the left camera in KITTI odometry's layout."""
    folders = sorted(path for path in (root / "sequences").glob("*/image_2") if path.parent.name.isdecimal())
    return tuple(f"{int(f.parent.name)} {int(image.stem)} l" for f in folders for image in _numbered(f))


def raw_drives(root: Path) -> tuple[str, ...]:
    """Lines of every frame of the left camera in KITTI raw's layout."""
    folders = sorted(root.glob("*/*_sync/image_02/data"))
    return tuple(
        f"{folder.relative_to(root).parts[0]}/{folder.relative_to(root).parts[1]} {int(image.stem)} l"
        for folder in folders
        for image in _numbered(folder)
    )


def prepared_images(root: Path) -> tuple[str, ...]:
    """Lines of every image of a prepared set or of tar shards, of the left camera where it has one.

    Its parts list the targets of training and validation, of which the latter may be stored without neighbours.
    """
    storage = open_storage(root)
    views = read_views(storage, read_manifest(storage).shards)
    left = [view for view in views if view.camera == "left"]
    return tuple(dict.fromkeys(item_name(view.name) for view in left or views))


def _numbered(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.stem.isdecimal() and path.suffix in (".png", ".jpg"))


#: Data sets whose lists are not of whole sequences -> lines of all frames under a data path.
WHOLE_SEQUENCES: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "kitti_odom": odometry_sequences,
    "kitti": raw_drives,
    "kitti_depth": raw_drives,
    "builtin": raw_drives,
    "prepared": prepared_images,
    "video": prepared_images,  # whose --data_path is then that of its prepared frames
    "shards": prepared_images,
}
