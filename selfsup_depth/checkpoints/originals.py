"""Folders of the originals: `weights_19/encoder.pth`, `depth.pth`, ..., as Monodepth2 and its children write them.

What is not in the files themselves is read from their shapes, then from the `opt.json` that is left beside
such folders; the rest depends on whose they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from selfsup_depth.checkpoints.architecture import (
    PoseArchitecture,
    decoder_scales,
    pose_architecture,
    refuse_cost_volume,
    resnet_name,
)
from selfsup_depth.checkpoints.meta import CheckpointMeta
from selfsup_depth.errors import UserError
from selfsup_depth.weight_files import read_state_dict

_NEEDED = ("encoder", "depth")
_OPTIONAL = ("pose_encoder", "pose", "predictive_mask")
_FACTS = ("height", "width", "use_stereo")


@dataclass(frozen=True)
class OriginalFolder:
    """Such a folder, read, and what its shapes say of the networks."""

    path: Path
    states: Mapping[str, Mapping[str, Tensor]]  # network -> key -> tensor
    facts: Mapping[str, Any]  # height, width and use_stereo: the weights' own word, else opt.json's
    options: Mapping[str, Any]  # opt.json; {} if there is none
    encoder: str
    scales: tuple[int, ...]
    pose: PoseArchitecture | None


@dataclass(frozen=True)
class System:
    """A system that writes such folders: how they are known, and what their files do not say."""

    name: str
    evidence: Callable[[OriginalFolder], str | None]  # a clause: what shows that a folder is this system's
    upsample: str  # of the depth decoder
    max_depth: float  # network units, where opt.json does not say it
    metres_per_unit: float  # when trained with stereo
    stereo_scale: str  # a sentence: where that comes from


def is_original_folder(folder: Path) -> bool:
    """Whether a folder holds what the originals call encoder.pth and depth.pth, or one of them."""
    return any((folder / f"{name}.pth").is_file() for name in _NEEDED)


def read_original_folder(path: Path) -> OriginalFolder:
    """Read all networks of a folder; `adam.pth` is left alone.

    Raises:
        UserError: when a file is missing, damaged, holds code, or belongs to another architecture.
    """
    names = [*_NEEDED, *(name for name in _OPTIONAL if (path / f"{name}.pth").is_file())]
    contents = {name: read_state_dict(path / f"{name}.pth") for name in names}
    states = {name: tensors for name, (tensors, _) in contents.items()}
    written = contents["encoder"][1]
    refuse_cost_volume(path / "encoder.pth", states["encoder"], written)
    encoder = resnet_name(path / "encoder.pth", states["encoder"])
    options = _read_options(path, encoder)
    facts = {key: {**options, **written}[key] for key in _FACTS if key in written or key in options}
    absent = [key for key in _FACTS if key not in facts]
    if absent:
        raise UserError(
            f"{path / 'encoder.pth'}: does not say {', '.join(absent)}, as Monodepth2's files do, and "
            "there is no opt.json that does; put the opt.json of its training into the folder."
        )
    scales = decoder_scales(path / "depth.pth", states["depth"])
    return OriginalFolder(path, states, facts, options, encoder, scales, pose_architecture(path, states))


def describe(folder: OriginalFolder, system: System, origin: str) -> CheckpointMeta:
    """What our own format would say of a folder of this system; `origin` is the sentence on how it was known."""
    options, pose, stereo = folder.options, folder.pose, bool(folder.facts["use_stereo"])
    epoch = re.fullmatch(r"weights_(\d+)", folder.path.resolve().name)
    video_scale = f"trained by {system.name} on video alone: depth is right up to an unknown factor"
    return CheckpointMeta(
        library_version=f"none (written by {system.name})",
        method="monodepth2",  # the networks of all of them
        encoder=folder.encoder,
        upsample=system.upsample,
        scales=folder.scales,
        height=int(folder.facts["height"]),
        width=int(folder.facts["width"]),
        min_depth=float(options.get("min_depth", 0.1)),
        max_depth=float(options.get("max_depth", system.max_depth)),
        metres_per_unit=system.metres_per_unit if stereo else None,
        scale_source=system.stereo_scale if stereo else video_scale,
        frame_ids=_frame_ids(options, stereo, pose is not None),
        config={**options, **folder.facts},
        epoch=int(epoch.group(1)) if epoch else None,
        pose_encoder=pose.encoder if pose else None,
        pose_model_type=pose.kind if pose else None,
        pose_model_input=_pose_model_input(options, pose.frames) if pose else None,
        num_pose_frames=pose.frames if pose else None,
        origin=origin,
    )


def _frame_ids(options: Mapping[str, Any], stereo: bool, pose: bool) -> tuple[int | str, ...]:
    neighbours = [-1, 1] if pose or not stereo else []
    frames = [frame for frame in options.get("frame_ids", [0, *neighbours]) if frame != "s"]
    return (*frames, "s") if stereo else tuple(frames)


def _pose_model_input(options: Mapping[str, Any], frames: int) -> str:
    # two images look the same either way: the published default
    return options.get("pose_model_input", "pairs" if frames == 2 else "all")


def _read_options(folder: Path, encoder: str) -> dict[str, Any]:
    """Options of the training, from `models/opt.json`, one folder above its weights; {} if there is none."""
    path = next((p for p in (folder / "opt.json", folder.resolve().parent / "opt.json") if p.is_file()), None)
    if path is None:
        return {}
    try:
        options = dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{path}: expected Monodepth2's options as JSON ({error}); mend it, or remove it to use "
            "the published depth range."
        ) from error
    layers = options.get("num_layers")
    if layers is not None and f"resnet{layers}" != encoder:
        raise UserError(
            f"{path}: tells of a resnet{layers}, but {folder / 'encoder.pth'} is a {encoder}: these options are "
            "another training's; move the weights or the options to a folder of their own."
        )
    return options
