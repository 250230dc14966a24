"""Checkpoint files of isl-org (DPT, MiDaS): recognised by their keys, loaded strictly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.dpt import build_dpt
from selfsup_depth.teachers.expert import CalibratedDepth, Expert, Facts
from selfsup_depth.teachers.input_policy import HALF, IMAGENET_MEAN, IMAGENET_STD, InputPolicy, Triple
from selfsup_depth.teachers.isl_keys import to_transformers
from selfsup_depth.teachers.midas_v21 import build_midas_v21, with_batch_counts
from selfsup_depth.teachers.midas_v21_small import build_midas_v21_small
from selfsup_depth.teachers.reading import load_strictly, read_tensors
from selfsup_depth.teachers.table import TEACHERS, IslArchitecture, IslFile, named_by_file

_MULTIPLE = 32
#: what DPT's networks for segmentation have: a second head, and a normalisation in the first
_OF_SEGMENTATION = ("auxlayer.", "scratch.output_conv.1.")


@dataclass(frozen=True)
class _Architecture:
    title: str
    mark: str  # a key that no other architecture has
    build: Callable[[], nn.Module]
    translate: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    mean: Triple = HALF
    std: Triple = HALF
    short_side: int = 384  # of a file whose name says nothing


def _of_dpt(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"model.{key}": value for key, value in to_transformers(state).items()}


#: the first whose mark a file has; a hybrid and a small one have the mark of the one after them too
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
    "midas_v21_small": _Architecture(
        "MiDaS v2.1 small (EfficientNet-Lite3)",
        "pretrained.layer1.3.0.conv_dw.weight",
        build_midas_v21_small,
        with_batch_counts,
        IMAGENET_MEAN,
        IMAGENET_STD,
        256,
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
    spec = spec or _named(path)
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
    if spec is not None and spec.calibration is not None:
        network = CalibratedDepth(network, spec.calibration)
    return Expert(network, _facts(path, architecture, spec))


def isl_facts(path: Path, spec: IslFile | None = None) -> Facts | None:
    """What a file is that goes by a name of ours, without reading it; None where only its keys can tell."""
    spec = spec or _named(path)
    return None if spec is None else _facts(path, ARCHITECTURES[spec.architecture], spec)


def _named(path: Path) -> IslFile | None:
    name = named_by_file(path)
    return TEACHERS[name].file if name else None


def _facts(path: Path, architecture: _Architecture, spec: IslFile | None) -> Facts:
    short_side = spec.short_side if spec else architecture.short_side
    policy = InputPolicy(short_side, _MULTIPLE, architecture.mean, architecture.std)
    if spec is None or spec.calibration is None:
        return Facts("relative_disparity", policy, (path,))
    conversion = f"1/({spec.calibration.scale} raw + {spec.calibration.shift})"
    return Facts("calibrated_depth", policy, (path,), conversion)


def recognise(path: Path, tensors: Mapping[str, Tensor]) -> IslArchitecture:
    """Which architecture a state dict belongs to; UserError names `path` if it is none of ours."""
    if of_segmentation := [key for key in tensors if key.startswith(_OF_SEGMENTATION)]:
        raise UserError(
            f"{path}: expected a depth teacher, found a network for segmentation (as published for ADE20K, with keys "
            f"such as {_first(of_segmentation)}), which says what is seen and not how far away: choose a teacher of "
            "depth, such as dpt_hybrid or dpt_large."
        )
    for name, architecture in ARCHITECTURES.items():
        if architecture.mark in tensors:
            return name
    known = ", ".join(architecture.title for architecture in ARCHITECTURES.values())
    raise UserError(
        f"{path}: expected a depth teacher of isl-org ({known}), found another network, with keys such "
        f"as {_first(tensors)}; point at one of their checkpoint files or at a folder in Hugging Face format."
    )


def _first(keys: Iterable[str]) -> str:
    return ", ".join(list(keys)[:3])
