"""What the keys and shapes of the originals' state dicts say about the networks they belong to."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from selfsup_depth.errors import UserError

#: blocks in each layer, and whether they are bottlenecks -> name
_RESNETS: dict[tuple[tuple[int, ...], bool], str] = {
    ((2, 2, 2, 2), False): "resnet18",
    ((3, 4, 6, 3), False): "resnet34",
    ((3, 4, 6, 3), True): "resnet50",
    ((3, 4, 23, 3), True): "resnet101",
    ((3, 8, 36, 3), True): "resnet152",
}
#: channels of the depth decoder at a scale -> scale
_SCALES = {16: 0, 32: 1, 64: 2, 128: 3}
_FIRST_HEAD = 10
_POSE_WIDTH = 256


@dataclass(frozen=True)
class PoseArchitecture:
    """A pose network: how it is built, on which encoder of its own, and how many images it sees at once."""

    kind: str  # separate_resnet, shared or posecnn
    encoder: str | None
    frames: int


def resnet_name(path: Path, state: Mapping[str, Tensor]) -> str:
    """resnet18 ... resnet152 for the state dict of an encoder; UserError names `path` if it is none."""
    found = [re.match(r"encoder\.layer(\d)\.(\d+)\.conv(\d)\.weight$", key) for key in state]
    places = [tuple(map(int, match.groups())) for match in found if match]
    blocks = tuple(len({b for layer, b, _ in places if layer == wanted}) for wanted in (1, 2, 3, 4))
    name = _RESNETS.get((blocks, any(convolution == 3 for _, _, convolution in places)))
    if name is None or "encoder.conv1.weight" not in state:
        raise UserError(
            f"{path}: expected a ResNet-18, 34, 50, 101 or 152 with Monodepth2's keys (encoder.conv1.weight, "
            f"encoder.layer1.0.conv1.weight, ...), found {'-'.join(map(str, blocks))} blocks and keys like "
            f"{_first_keys(state)}; point at a checkpoint of Monodepth2 or DistDepth."
        )
    return name


def refuse_cost_volume(path: Path, state: Mapping[str, Tensor], facts: Container[str]) -> None:
    """Raise UserError for the multi-frame encoder of ManyDepth and DistDepth-M.

    Args:
        path: of the encoder's file, for the message.
        facts: what stands beside the weights in it.
    """
    if "layer0.0.weight" not in state and "min_depth_bin" not in facts:
        return
    blocks = sum(re.match(r"layer3\.\d+\.conv1\.weight$", key) is not None for key in state)
    owner = "DistDepth-M's" if blocks == 23 else "ManyDepth's"
    raise UserError(
        f"{path}: this is {owner} multi-frame encoder with a cost volume, which is not supported yet; point "
        "at a single-frame checkpoint, of Monodepth2 or DistDepth."
    )


def decoder_scales(path: Path, state: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Scales of a depth decoder, in the order of its disparity convolutions."""
    scales: list[int] = []
    while (key := f"decoder.{_FIRST_HEAD + len(scales)}.conv.weight") in state:
        scales.append(_SCALES.get(state[key].shape[1], -1))
    if "decoder.0.conv.conv.weight" not in state or not scales or -1 in scales:
        raise UserError(
            f"{path}: expected a depth decoder with Monodepth2's keys (decoder.0.conv.conv.weight, ..., "
            f"decoder.10.conv.weight), found keys like {_first_keys(state)}; point at a "
            "checkpoint of Monodepth2 or DistDepth."
        )
    return tuple(scales)


def pose_architecture(folder: Path, states: Mapping[str, Mapping[str, Tensor]]) -> PoseArchitecture | None:
    """The pose network among the state dicts `pose` and `pose_encoder`; None if there is none."""
    if "pose" not in states:
        return None
    state = states["pose"]
    if "pose_conv.weight" in state and "net.0.weight" in state:
        return PoseArchitecture("posecnn", None, state["net.0.weight"].shape[1] // 3)
    if "net.1.weight" not in state or "net.3.weight" not in state:
        raise UserError(
            f"{folder / 'pose.pth'}: expected Monodepth2's pose network (net.0..3, or pose_conv and "
            f"net.0..6), found keys like {_first_keys(state)}; remove the file if only depth is needed."
        )
    if "pose_encoder" not in states:
        return PoseArchitecture("shared", None, state["net.1.weight"].shape[1] // _POSE_WIDTH)
    encoder = states["pose_encoder"]
    name = resnet_name(folder / "pose_encoder.pth", encoder)
    return PoseArchitecture("separate_resnet", name, encoder["encoder.conv1.weight"].shape[1] // 3)


def _first_keys(state: Mapping[str, Tensor]) -> str:
    return ", ".join(list(state)[:3]) or "none"
