"""Checkpoint files of isl-org (DPT, MiDaS): recognised by their keys, loaded strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.dpt import build_dpt
from selfsup_depth.teachers.expert import CalibratedDepth, Expert
from selfsup_depth.teachers.input_policy import HALF, IMAGENET_MEAN, IMAGENET_STD, InputPolicy, Triple
from selfsup_depth.teachers.isl_keys import to_transformers
from selfsup_depth.teachers.midas_v21 import build_midas_v21, with_batch_counts
from selfsup_depth.teachers.reading import load_strictly, read_tensors
from selfsup_depth.teachers.table import TEACHERS, IslArchitecture, IslFile, named_by_file
from selfsup_depth.weight_files import some

_MULTIPLE = 32
_SHORT_SIDE = 384


@dataclass(frozen=True)
class _Architecture:
    title: str
    mark: str  # a key that no other architecture has
    build: Callable[[], nn.Module]
    translate: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    mean: Triple = HALF
    std: Triple = HALF


def _of_dpt(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"model.{key}": value for key, value in to_transformers(state).items()}


#: the first whose mark a file has; the hybrid stands before the large one, whose mark it has too
ARCHITECTURES: dict[IslArchitecture, _Architecture] = {
    "dpt_hybrid": _Architecture(
        "DPT-Hybrid",
        "pretrained.model.patch_embed.backbone.stem.conv.weight",
        partial(build_dpt, "dpt_hybrid"),
        _of_dpt,
    ),
    "dpt_large": _Architecture(
        "DPT-Large", "pretrained.model.patch_embed.proj.weight", partial(build_dpt, "dpt_large"), _of_dpt
    ),
    "midas_v21": _Architecture(
        "MiDaS v2.1 (ResNeXt-101)",
        "pretrained.layer1.0.weight",
        build_midas_v21,
        with_batch_counts,
        IMAGENET_MEAN,
        IMAGENET_STD,
    ),
}


def load_isl_file(path: Path, spec: IslFile | None = None) -> Expert:
    """The network in a checkpoint file of isl-org.

    Args:
        spec: what the file is said to be; else its name tells (see `table.named_by_file`), and the output of
            a file with an unknown name is relative disparity.

    Raises:
        UserError: when it is missing, damaged, of an unknown architecture, or not what `spec` says.
    """
    if spec is None and (name := named_by_file(path)):
        spec = TEACHERS[name].file
    tensors = read_tensors(path)
    found = recognise(path, tensors)
    architecture = ARCHITECTURES[found]
    if spec is not None and spec.architecture != found:
        raise UserError(
            f"{path}: expected the weights of {ARCHITECTURES[spec.architecture].title}, found those of "
            f"{architecture.title}; choose the teacher they were made for, or give the file its own name back."
        )
    network = architecture.build()
    load_strictly(network, architecture.translate(tensors), path, architecture.title)
    short_side = spec.short_side if spec else _SHORT_SIDE
    policy = InputPolicy(short_side, _MULTIPLE, architecture.mean, architecture.std)
    if spec is None or spec.calibration is None:
        return Expert(network, "relative_disparity", policy, (path,))
    calibration = spec.calibration
    conversion = f"1/({calibration.scale} raw + {calibration.shift})"
    return Expert(CalibratedDepth(network, calibration), "calibrated_depth", policy, (path,), conversion)


def recognise(path: Path, tensors: Mapping[str, Tensor]) -> IslArchitecture:
    """Which architecture a state dict belongs to; UserError names `path` if it is none of ours."""
    for name, architecture in ARCHITECTURES.items():
        if architecture.mark in tensors:
            return name
    known = ", ".join(architecture.title for architecture in ARCHITECTURES.values())
    raise UserError(
        f"{path}: expected a depth teacher of isl-org ({known}), found keys like {some(tensors)}; point at one of "
        "their checkpoint files or at a folder in Hugging Face format."
    )
