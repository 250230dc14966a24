"""Reads the folders Monodepth2 writes (`weights_19/encoder.pth`, `depth.pth`, ...) and publishes.

What is not in the files themselves is read from their shapes, then from the `opt.json` Monodepth2 leaves
beside its folders; the rest are its published defaults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from selfsup_depth.checkpoints.architecture import decoder_scales, pose_architecture, resnet_name
from selfsup_depth.checkpoints.checkpoint import Checkpoint, some
from selfsup_depth.checkpoints.meta import CheckpointMeta
from selfsup_depth.checkpoints.reading import read_torch
from selfsup_depth.errors import UserError

#: Monodepth2 calls KITTI's baseline of 0.54 m "0.1"
METRES_PER_UNIT = 5.4
STEREO_SCALE = (
    "trained by Monodepth2 with stereo pairs, whose KITTI baseline of 0.54 m it calls 0.1: one unit is 5.4 m "
    "(for pairs of another baseline b it would be 10 b)"
)
VIDEO_SCALE = "trained by Monodepth2 on video alone: depth is right up to an unknown factor"
_NEEDED = ("encoder", "depth")
_OPTIONAL = ("pose_encoder", "pose", "predictive_mask")
_EXTRAS = ("height", "width", "use_stereo")


def is_monodepth2_folder(folder: Path) -> bool:
    """Whether a folder holds what Monodepth2 calls encoder.pth and depth.pth, or one of them."""
    return any((folder / f"{name}.pth").is_file() for name in _NEEDED)


def read_monodepth2(folder: Path, with_training_state: bool = False) -> Checkpoint:
    """A Monodepth2 folder; `adam.pth` is left alone.

    Raises:
        UserError: when a file is missing, damaged, holds code, or belongs to another architecture; also when
            a training state is asked for, which these folders do not have.
    """
    if with_training_state:
        raise UserError(
            f"{folder}: a Monodepth2 folder has no schedule, step or random state, so training cannot be "
            "resumed from it; start from its weights with --load_weights_folder instead."
        )
    names = [*_NEEDED, *(name for name in _OPTIONAL if (folder / f"{name}.pth").is_file())]
    contents = {name: _read_state(folder / f"{name}.pth") for name in names}
    extras = {key: contents["encoder"].pop(key) for key in _EXTRAS if key in contents["encoder"]}
    for name, content in contents.items():
        _check_tensors(folder / f"{name}.pth", content)
    meta = _describe(folder, contents, {**_read_options(folder), **extras})
    return Checkpoint(meta=meta, state_dicts=contents, training_state=None, folder=folder)


def _describe(
    folder: Path, states: Mapping[str, Mapping[str, Tensor]], known: Mapping[str, Any]
) -> CheckpointMeta:
    encoder = resnet_name(folder / "encoder.pth", states["encoder"])
    scales = decoder_scales(folder / "depth.pth", states["depth"])
    pose = pose_architecture(folder, states)
    absent = [key for key in _EXTRAS if key not in known]
    if absent:
        raise UserError(
            f"{folder / 'encoder.pth'}: does not say {', '.join(absent)}, as Monodepth2's files do, and "
            "there is no opt.json that does; put Monodepth2's opt.json into the folder."
        )
    stereo = bool(known["use_stereo"])
    epoch = re.fullmatch(r"weights_(\d+)", folder.resolve().name)
    return CheckpointMeta(
        library_version="none (written by Monodepth2)",
        method="monodepth2",
        encoder=encoder,
        upsample="nearest",
        scales=scales,
        height=int(known["height"]),
        width=int(known["width"]),
        min_depth=float(known.get("min_depth", 0.1)),
        max_depth=float(known.get("max_depth", 100.0)),
        metres_per_unit=METRES_PER_UNIT if stereo else None,
        scale_source=STEREO_SCALE if stereo else VIDEO_SCALE,
        frame_ids=_frame_ids(known, stereo, pose is not None),
        config=dict(known),
        epoch=int(epoch.group(1)) if epoch else None,
        pose_encoder=pose.encoder if pose else None,
        pose_model_type=pose.kind if pose else None,
        pose_model_input=_pose_model_input(known, pose.frames) if pose else None,
        num_pose_frames=pose.frames if pose else None,
    )


def _frame_ids(known: Mapping[str, Any], stereo: bool, pose: bool) -> tuple[int | str, ...]:
    neighbours = [-1, 1] if pose or not stereo else []
    frames = [frame for frame in known.get("frame_ids", [0, *neighbours]) if frame != "s"]
    return (*frames, "s") if stereo else tuple(frames)


def _pose_model_input(known: Mapping[str, Any], frames: int) -> str:
    # two images look the same either way: the published default
    return known.get("pose_model_input", "pairs" if frames == 2 else "all")


def _read_state(path: Path) -> dict[str, Any]:
    content = read_torch(path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: expected a state dict, found {type(content).__name__}; copy it again.")
    return dict(content)


def _check_tensors(path: Path, content: Mapping[str, Any]) -> None:
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise UserError(
            f"{path}: expected tensors only, beside {', '.join(_EXTRAS)}, found {some(others)}; this is "
            "another system's file (ManyDepth's have min_depth_bin): point at a Monodepth2 checkpoint."
        )


def _read_options(folder: Path) -> dict[str, Any]:
    """Options Monodepth2 wrote to `models/opt.json`, one folder above its weights; {} if there is none."""
    for path in (folder / "opt.json", folder.resolve().parent / "opt.json"):
        if path.is_file():
            try:
                return dict(json.loads(path.read_text()))
            except (ValueError, TypeError) as error:
                raise UserError(
                    f"{path}: expected Monodepth2's options as JSON ({error}); mend it, or remove it to use "
                    "the published depth range of 0.1 to 100."
                ) from error
    return {}
