"""The images of a test list, with their ground truth: counted, complete, in order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from selfsup_depth.datasets import (
    COMES_WITH_ITS_DATA,
    DatasetRequest,
    FootageOptions,
    ReaderOptions,
    ViewDataset,
    build_dataset,
    build_source,
)
from selfsup_depth.datasets.index import NO_DEPTH, build_index
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.cameras import Camera, DatasetCameras
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.footage import footage_options
from selfsup_depth.evaluation.ground_truth_files import GroundTruthFile
from selfsup_depth.evaluation.image_list import ImageList, list_sha256
from selfsup_depth.overlap import Prefetch
from selfsup_depth.workers import begin_worker

FILE_NAME = "gt_depths.npz"
PLAUSIBLE_SIZE = (192, 640)  # of images that a data set is opened for but that nobody will look at
MAPS_AHEAD = 8  # of a file of ground truth, unpacked before they are needed
DepthMap = NDArray[np.float32]
_IMPROVED = "proj_depth/groundtruth/image_02/NNNNNNNNNN.png: 16 bits, metres * 256, 0 = none"
_SIMSIN = "put it beside the image, NNN_0_depth.npy for NNN_0.png: metres, 0 = none"
#: Where a reader looks for depth, for whoever has images alone.
WHERE_DEPTH_LIES = {
    "folder": "put it at depth/NAME.png beside the frames or left/: 16 bits, metres * 256, 0 = none",
    "stereo_folder": "put it at depth/NAME.png beside left/ of the part: 16 bits, metres * 256, 0 = none",
    "kitti": "the velodyne_points of KITTI raw are missing; unpack them too, or give exported depth by --gt_path",
    "kitti_depth": "give the folder of KITTI's improved depth (data_depth_annotated) by --depth_path, or put it into "
    f"the drives, {_IMPROVED}",
    "simsin": _SIMSIN,
    "va": "put it at gt_depth_rectify/cam0_frameNNNN.depth.pfm beside camera_0/: metres",
    "nyuv2": "put it at depth_val/NNNNN.npy beside img_val/: metres of the whole picture, 640x480",
    "tum": "put depth/ and depth.txt beside rgb.txt: 16 bits, metres * 5000, 0 = none, within 20 ms of the images",
    "colmap": "write points3D beside cameras and images, of the same model (colmap model_converter writes all three)",
    "prepared": "prepare the set anew from images that have depth, which prepare_data.py takes over",
    "shards": "prepare the set anew from images that have depth, which prepare_data.py takes over",
    "builtin": f"it is rendered into the drive, {_IMPROVED}; delete the folder, and it is rendered again",
    "builtin_indoor": f"{_SIMSIN}; or delete the folder, and it is rendered again",
}


class TargetImages(Dataset[Tensor]):
    """The target images [3, H, W] uint8 of a data set, at the size it was built for."""

    def __init__(self, dataset: ViewDataset) -> None:
        self.dataset = dataset.recorded()  # without depth, which has a reader of its own

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Tensor:
        return self.dataset[index].images[0]


class DatasetTruth(Dataset[DepthMap | None]):
    """The ground truth of a data set by index, read when asked for."""

    def __init__(self, dataset: ViewDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> DepthMap | None:
        return self.dataset.depth(index)


@dataclass(frozen=True)
class EvaluationData:
    """What is evaluated; `images` is None when predictions come from a file and no image is needed."""

    image_list: ImageList
    names: tuple[str, ...]
    images: Dataset[Tensor] | None
    truth: GroundTruthFile | DatasetTruth | None  #: None when nothing is to be scored
    facts: dict[str, Any] = field(default_factory=dict)  #: for the summary
    cameras: DatasetCameras | None = None  #: None when the data set was not opened

    def camera(self, index: int) -> Camera | None:
        """The camera of an image, when it is known."""
        return None if self.cameras is None else self.cameras[index]

    def ground_truths(self, num_workers: int) -> Iterator[DepthMap | None]:
        """Maps [h, w] in order."""
        if self.truth is None:
            raise ValueError("This data was opened without ground truth.")
        if isinstance(self.truth, GroundTruthFile):
            # the open archive cannot be shared between processes
            return _read_ahead(self.truth)
        workers = min(num_workers, os.cpu_count() or 1) if len(self.truth) > 8 * num_workers else 0
        return iter(
            DataLoader(
                self.truth,
                batch_size=None,
                collate_fn=_unchanged,
                num_workers=workers,
                worker_init_fn=begin_worker,
            )
        )


def open_data(
    config: EvaluateConfig,
    image_list: ImageList,
    size: tuple[int, int] | None,
    training_options: Mapping[str, Any] = MappingProxyType({}),
) -> EvaluationData:
    """Opens list, images and ground truth, and counts them against each other.

    Args:
        size: (height, width) of the network; None: no images are wanted.
        training_options: `CheckpointMeta.config` of whatever predicts; empty where nothing is known.

    Raises:
        UserError: if something is missing, or the counts differ.
    """
    path = None if config.no_eval else _truth_path(config, image_list)
    read_truth = path is None and not config.no_eval
    dataset = None
    if size is not None or read_truth or _stands_in_the_data(config, image_list):
        # The same images must be meant with and without --no_eval, so a partly covered set is cut alike.
        with_depth = read_truth or (path is None and image_list.protocol.ground_truth == "dataset")
        footage = footage_options(config, training_options)
        dataset = _build(config, image_list, size or PLAUSIBLE_SIZE, footage, with_depth=with_depth)
        _refuse_another_view(dataset, image_list)
        _refuse_metres(dataset, image_list)
    names = tuple(image_list.lines()) if dataset is None else tuple(map(dataset.name, range(len(dataset))))
    truth: GroundTruthFile | DatasetTruth | None = None
    if dataset is not None and read_truth:
        truth = DatasetTruth(dataset)
    if path is not None:
        truth = _open_file(path, names)
    facts = {
        "data": {
            "dataset": image_list.dataset,
            "data_path": str(image_list.data_path) if image_list.data_path else None,
            "list": image_list.split or f"own part {image_list.part}",
            "list_sha256": list_sha256(names),
            "left_out": dict(dataset.report.left_out) if dataset is not None else {},
            "ground_truth": str(path) if path else "read from the data set",
        }
    }
    images = TargetImages(dataset) if dataset is not None and size else None
    cameras = DatasetCameras(dataset) if dataset is not None else None
    return EvaluationData(image_list, names, images, truth, facts, cameras)


def _stands_in_the_data(config: EvaluateConfig, image_list: ImageList) -> bool:
    """Whether the list or the cameras are wanted, and only the data set has them."""
    has_data = image_list.data_path is not None or image_list.dataset in COMES_WITH_ITS_DATA
    wants_cameras = "point_cloud" in config.extra_metrics
    if wants_cameras and not has_data:
        raise UserError(
            "--extra_metrics point_cloud needs the camera of each image, which only the data set knows: give the "
            "folder of its images as --data_path."
        )
    return has_data and (wants_cameras or image_list.split is None)


def _refuse_another_view(dataset: ViewDataset, image_list: ImageList) -> None:
    """Truth that the protocol crops must not be compared with predictions of whole images."""
    protocol = image_list.protocol
    height, width = dataset.image(0).shape[-2:] if protocol.uncropped_size else (0, 0)
    if (height, width) == protocol.uncropped_size:
        raise UserError(
            f"Protocol {protocol.name} scores the centre of {height}x{width} ground truth, but the images of --dataset "
            f"{image_list.dataset} show all of it: use the data set of that name, which crops image, depth and camera "
            "alike, or --protocol indoor."
        )


def _refuse_metres(dataset: ViewDataset, image_list: ImageList) -> None:
    """A cap or a distance of a protocol means nothing to truth whose unit is arbitrary."""
    protocol = image_list.protocol
    if protocol.metric and dataset.source.depth_up_to_scale:
        raise UserError(
            f"Protocol {protocol.name} is about metres, but the depth of --dataset {image_list.dataset} is up to one "
            f"factor, as COLMAP's points are: leave --protocol out, or use --protocol colmap."
        )


def _truth_path(config: EvaluateConfig, image_list: ImageList) -> Path | None:
    """The exported file, when one is given, or lies where exports go and --depth_path names no other truth."""
    if config.gt_path is not None:
        return config.gt_path / FILE_NAME if config.gt_path.is_dir() else config.gt_path
    own_depth = image_list.protocol.ground_truth == "dataset"
    if image_list.data_path is None or image_list.split is None or own_depth or config.depth_path is not None:
        return None
    default = default_export_folder(image_list.data_path, image_list.split) / FILE_NAME
    return default if default.is_file() else None


def default_export_folder(data_path: Path, split: str) -> Path:
    """Where `export_gt_depth.py` writes and `evaluate_depth.py` looks."""
    return data_path / "splits" / split


def _build(
    config: EvaluateConfig, image_list: ImageList, size: tuple[int, int], footage: FootageOptions, *, with_depth: bool
) -> ViewDataset:
    options = ReaderOptions(
        png=config.png,
        lidar_depth="eigen" if image_list.protocol.ground_truth == "lidar_forward" else "corrected",
        depth_path=str(config.depth_path) if config.depth_path else None,
        footage=footage,
    )
    request = DatasetRequest(
        height=size[0],
        width=size[1],
        data_path=str(image_list.data_path) if image_list.data_path else None,
        part=image_list.part,
        split=image_list.split,
        with_depth=with_depth,
        options=options,
    )
    try:
        dataset = build_dataset(image_list.dataset, request)
    except UserError as error:
        _refuse_without_depth(image_list, request, error)
        raise
    _refuse_gaps(dataset, image_list)
    return dataset


def _refuse_without_depth(image_list: ImageList, request: DatasetRequest, cause: UserError) -> None:
    """Raises UserError when a data set that could not be opened has images, and depth for none of them."""
    if not request.with_depth:
        return
    _, report = build_index(build_source(image_list.dataset, request), request.frame_ids, with_depth=True)
    remedy = WHERE_DEPTH_LIES.get(image_list.dataset)  # None: that layout has no depth, which `cause` says
    if report.kept or NO_DEPTH not in report.left_out or remedy is None:
        return
    raise UserError(
        f"--eval_split {image_list.label} of --dataset {image_list.dataset} under {image_list.data_path} has no "
        f"ground-truth depth to score against, for any of its {report.left_out[NO_DEPTH]} images, the first "
        f"'{report.examples[NO_DEPTH][0]}': {remedy}."
    ) from cause


def _refuse_gaps(dataset: ViewDataset, image_list: ImageList) -> None:
    """A list is scored whole or not at all; only a data set's own depth may cover a part of its images."""
    own_depth = image_list.protocol.ground_truth == "dataset"
    report = dataset.report
    gaps = {reason: n for reason, n in report.left_out.items() if not (own_depth and reason == NO_DEPTH)}
    if gaps:
        reasons = "; ".join(f"{n} x {reason}, for example {report.examples[reason][0]}" for reason, n in gaps.items())
        raise UserError(
            f"--eval_split {image_list.label} lists {report.listed} images, but {sum(gaps.values())} cannot be used "
            f"({reasons}): scores of a part of a list are not comparable; add the missing files, or give a folder "
            "with a shorter test_files.txt."
        )


def _open_file(path: Path, names: Sequence[str]) -> GroundTruthFile:
    truth = GroundTruthFile(path)
    if len(truth) != len(names):
        raise UserError(
            f"Ground truth {path} holds {len(truth)} maps, but the list has {len(names)} images: it belongs to "
            "another list; export it again, or give the right --eval_split."
        )
    if truth.names is not None and truth.names != tuple(names):
        first = next(i for i, name in enumerate(names) if truth.names[i] != name)
        raise UserError(
            f"Ground truth {path} is of other images than the list: number {first} is '{truth.names[first]}' there "
            f"and '{names[first]}' in the list; export it again."
        )
    return truth


def _read_ahead(truth: GroundTruthFile) -> Iterator[DepthMap]:
    jobs = (partial(truth.__getitem__, index) for index in range(len(truth)))
    with Prefetch(jobs, threads=1, ahead=MAPS_AHEAD) as maps:
        for depth in maps:
            yield depth.result()


def _unchanged(item: Any) -> Any:
    return item
