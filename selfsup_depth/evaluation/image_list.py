"""Which images are evaluated, under which protocol, and where their truth is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfsup_depth.datasets import refuse_unknown
from selfsup_depth.datasets.builtin import BUILTIN, builtin_name
from selfsup_depth.datasets.index import item_name
from selfsup_depth.datasets.prepared_files import read_manifest
from selfsup_depth.datasets.storage import open_storage
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.footage import refuse_ignored_footage
from selfsup_depth.evaluation.protocols import PROTOCOLS, Protocol, find_protocol, protocol_of_dataset
from splits import SPLITS, parse_line, read_split

Part = Literal["train", "val", "test"]

KITTI_RAW = ("kitti", "kitti_depth")
_OWN_PARTS: dict[str, Part] = {"train": "train", "val": "val", "test": "test"}
_DEFAULT_SPLIT = {"kitti": "eigen", "kitti_depth": "eigen_benchmark", "va": "test", "nyuv2": "test"}
READER_OF_TRUTH = {"lidar_forward": "kitti", "improved": "kitti_depth"}


@dataclass(frozen=True)
class ImageList:
    """A list of images and how it is scored."""

    dataset: str
    data_path: Path | None
    split: str | None  #: a name of `splits`, or a folder; None: the data set's own division
    part: Part
    protocol: Protocol
    label: str  #: short name, for files

    def lines(self) -> list[str]:
        """The list's lines, which only named lists and folders have without their data.

        Raises:
            UserError: if the list cannot be read or stands in the data itself.
        """
        if self.split is None:
            raise UserError(
                f"--dataset {self.dataset} keeps no list of its own apart from its images: give --data_path."
            )
        try:
            return [item_name(parse_line(line)) for line in read_split(self.split, self.part)]
        except ValueError as error:
            raise UserError(f"--eval_split {self.split}: {error}") from error


def choose_list(config: EvaluateConfig) -> ImageList:
    """The list that the options ask for; without any data that of built-in footage, which is rendered once.

    Raises:
        UserError: if the options contradict each other or name what cannot be scored.
    """
    refuse_unknown(config.dataset)
    refuse_ignored_footage(config)
    if not _needs_no_images(config):
        options = {name: getattr(config, name) for name in ("eval_split", "gt_path", "depth_path")}
        name = builtin_name(config.dataset, config.data_path, default=EvaluateConfig.dataset, on_disk=options)
        if name is not None:
            return _builtin_list(config, name)
    split = config.eval_split or _DEFAULT_SPLIT.get(config.dataset, "val")
    if split.startswith("odom"):
        raise UserError(f"--eval_split {split} is a list for poses: odometry has no depth to score; choose another.")
    if split in SPLITS and config.dataset not in KITTI_RAW:
        raise UserError(
            f"--eval_split {split} is a list of KITTI raw images, but --dataset is {config.dataset}: use "
            "--dataset kitti, or --eval_split val."
        )
    protocol = _protocol(config, split)
    if protocol.ground_truth == "none" or split == "benchmark":
        _check_submission(config, split, protocol)
    dataset = READER_OF_TRUTH.get(protocol.ground_truth, config.dataset)
    if dataset != config.dataset and config.dataset not in KITTI_RAW:
        raise UserError(
            f"--protocol {protocol.name} takes its ground truth from KITTI, but --dataset is {config.dataset}; use "
            f"--protocol {protocol_of_dataset(config.dataset).name}."
        )
    if config.depth_path is not None and dataset != "kitti_depth":
        raise UserError(
            f"--depth_path is KITTI's improved ground truth, which protocol {protocol.name} does not use: leave it "
            "out, or use --eval_split eigen_benchmark or --dataset kitti_depth."
        )
    if config.depth_path is not None and config.gt_path is not None:
        raise UserError("--depth_path and --gt_path both name the ground truth: leave one of them out.")
    if split in _OWN_PARTS:
        return ImageList(dataset, config.data_path, None, _OWN_PARTS[split], protocol, label=split)
    return ImageList(dataset, config.data_path, split, "test", protocol, label=Path(split).resolve().name)


def _check_submission(config: EvaluateConfig, split: str, protocol: Protocol) -> None:
    """The server's images have no ground truth here, and no other list can be sent to it."""
    if split != "benchmark" or protocol.ground_truth != "none":
        raise UserError(
            f"--eval_split {split} and --protocol {protocol.name} do not belong together: the protocol benchmark, "
            "which writes a submission, is for the list benchmark alone, and that list has no other; leave --protocol "
            "out."
        )
    for name, default in (("gt_path", None), ("extra_metrics", ())):
        if getattr(config, name) != default:
            raise UserError(
                f"--{name} is of no use with --eval_split benchmark, whose truth is on KITTI's server: leave it out."
            )


def _needs_no_images(config: EvaluateConfig) -> bool:
    """Whether a stored list, predictions and truth are enough."""
    stored_predictions = config.ext_disp_to_eval is not None
    return stored_predictions and (config.gt_path is not None or config.eval_split == "benchmark")


def _builtin_list(config: EvaluateConfig, name: str) -> ImageList:
    protocol = find_protocol(config.protocol) if config.protocol else protocol_of_dataset(name)
    if protocol.ground_truth != "dataset":
        raise UserError(
            f"--protocol {protocol.name} takes its ground truth from KITTI, but without --data_path built-in footage "
            "is scored: give KITTI's folder, or leave --protocol out."
        )
    root = BUILTIN[name].ensure()
    return ImageList(name, root, str(root / "splits"), "test", protocol, label=name)


def builtin_remark(name: str, training_options: Mapping[str, Any]) -> str:
    """A sentence that built-in footage `name` is scored, and what the checkpoint was trained on if on other data.

    Args:
        training_options: `CheckpointMeta.config`; empty for checkpoints of others.
    """
    remark = f"no --data_path was given: the built-in synthetic footage ({name}) is scored"
    dataset, path = training_options.get("dataset"), training_options.get("data_path")
    if dataset in (None, name):  # a training on built-in footage stores its name, and where it was rendered
        return remark
    trained_on = f"--dataset {dataset}" + (f" --data_path {path}" if path else "")
    return f"{remark}; the checkpoint was trained on other data ({trained_on})"


def _protocol(config: EvaluateConfig, split: str) -> Protocol:
    if config.protocol is not None:
        return find_protocol(config.protocol)
    if split in PROTOCOLS and split in SPLITS:
        return PROTOCOLS[split]
    return protocol_of_dataset(_origin(config))


def _origin(config: EvaluateConfig) -> str:
    """The data set whose protocol holds: of a prepared set that of its originals."""
    if config.dataset not in ("prepared", "shards") or config.data_path is None:
        return config.dataset
    return read_manifest(open_storage(config.data_path)).made_from


def list_sha256(names: Sequence[str]) -> str:
    """SHA-256 over the names, one a line: the same for two evaluations of the same images in the same order."""
    return hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()
