"""A small checkpoint to save, and a Monodepth2 folder as the original would write it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import golden_inputs
import pytest
import torch
from torch import Tensor, nn

from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.networks import DepthDecoder, PoseCNN, PoseDecoder, build_encoder


@pytest.fixture
def make_meta() -> Callable[..., CheckpointMeta]:
    def make(**changes: Any) -> CheckpointMeta:
        values: dict[str, Any] = {
            "library_version": "0.1.0",
            "method": "monodepth2",
            "encoder": "resnet18",
            "upsample": "nearest",
            "scales": (0, 1),
            "height": 192,
            "width": 640,
            "min_depth": 0.1,
            "max_depth": 100.0,
            "metres_per_unit": 5.4,
            "scale_source": "the stereo baseline of the training data, 0.54 m",
            "frame_ids": (0, -1, 1, "s"),
        }
        return CheckpointMeta(**{**values, **changes})

    return make


@pytest.fixture
def networks() -> nn.ModuleDict:
    torch.manual_seed(1)
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return nn.ModuleDict({"encoder": encoder, "depth": nn.Conv2d(4, 1, 3), "pose": nn.Linear(3, 2)})


@pytest.fixture(scope="session")
def monodepth2_states() -> dict[str, dict[str, Any]]:
    """What Monodepth2 stores for a ResNet-18 trained with video and stereo: file -> content."""
    torch.manual_seed(2)
    encoder, pose_encoder = build_encoder("resnet18"), build_encoder("resnet18", in_images=2)
    modules = {
        "encoder": encoder,
        "depth": DepthDecoder(encoder.channels),
        "pose_encoder": pose_encoder,
        "pose": PoseDecoder(pose_encoder.channels, 1, 2),
        "posecnn": PoseCNN(2),
        "shared_pose": PoseDecoder(encoder.channels, 2, 1),
    }
    states: dict[str, dict[str, Any]] = {name: dict(module.state_dict()) for name, module in modules.items()}
    states["encoder"].update(height=192, width=640, use_stereo=True)
    return states


@pytest.fixture
def write_monodepth2(tmp_path: Path, monodepth2_states: dict[str, dict[str, Any]]) -> Callable[..., Path]:
    """Write some of those files (`pose="posecnn"`: pose.pth with that content), with changed extras.

    Only those in `full` have their values; the others one zero each, spread out, which makes small files.
    """

    def write(
        *names: str,
        full: tuple[str, ...] = (),
        zip_container: bool = True,
        extras: dict[str, Any] | None = None,
        **contents: str,
    ) -> Path:
        folder = tmp_path / "models" / "weights_19"
        folder.mkdir(parents=True)
        for name, content in {**{name: name for name in names}, **contents}.items():
            state = dict(monodepth2_states[content])
            if name == "encoder" and extras is not None:
                state = {key: value for key, value in state.items() if isinstance(value, Tensor)} | extras
            if name not in full:
                state = {key: _hollow(value) for key, value in state.items()}
            torch.save(state, folder / f"{name}.pth", _use_new_zipfile_serialization=zip_container)
        return folder

    return write


def _hollow(value: Any) -> Any:
    return value.new_zeros(()).expand(value.shape) if isinstance(value, Tensor) else value


@pytest.fixture
def write_original(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder with published keys and shapes (`depth="distdepth.resnet152.depth"`), all of them zero."""

    def write(
        *, height: int = 192, width: int = 640, use_stereo: bool = True, options: Any = None, **published: str
    ) -> Path:
        folder = tmp_path / "models" / "weights_9"
        folder.mkdir(parents=True)
        for name, network in published.items():
            shapes = golden_inputs.load_state_dict_keys()[network]
            state: dict[str, Any] = {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}
            if name == "encoder":
                state |= {"height": height, "width": width, "use_stereo": use_stereo}
            torch.save(state, folder / f"{name}.pth")
        if options is not None:
            (folder.parent / "opt.json").write_text(json.dumps(options))
        return folder

    return write
