"""State dicts have the published keys, shapes and order, so that published checkpoints load strictly."""

from __future__ import annotations

from collections.abc import Callable

import golden_inputs
import pytest
import torch
from torch import nn

from selfsup_depth.networks import DepthDecoder, PoseCNN, PoseDecoder, build_encoder

R18, R50 = (64, 64, 128, 256, 512), (64, 256, 512, 1024, 2048)

PUBLISHED: dict[str, Callable[[], nn.Module]] = {
    "monodepth2.resnet18.encoder": lambda: build_encoder("resnet18"),
    "monodepth2.resnet18.depth": lambda: DepthDecoder(R18),
    "monodepth2.resnet18.pose_encoder": lambda: build_encoder("resnet18", in_images=2),
    "monodepth2.resnet18.pose": lambda: PoseDecoder(R18, 1, 2),
    "monodepth2.resnet50.encoder": lambda: build_encoder("resnet50"),
    "monodepth2.resnet50.depth": lambda: DepthDecoder(R50),
    "monodepth2.resnet50.pose_encoder": lambda: build_encoder("resnet50", in_images=2),
    "monodepth2.resnet50.pose": lambda: PoseDecoder(R50, 1, 2),
    "monodepth2.resnet18.pose_shared_pairs": lambda: PoseDecoder(R18, 2, 1),
    "monodepth2.posecnn_pairs": lambda: PoseCNN(2),
    "monodepth2.resnet18.predictive_mask_2src": lambda: DepthDecoder(R18, out_channels=2),
    "manydepth.resnet18.depth": lambda: DepthDecoder(R18),
    "manydepth.resnet50.depth": lambda: DepthDecoder(R50),
    "manydepth.mono_encoder": lambda: build_encoder("resnet18"),
    "manydepth.mono_depth": lambda: DepthDecoder(R18),
    "manydepth.pose_encoder": lambda: build_encoder("resnet18", in_images=2),
    "manydepth.pose": lambda: PoseDecoder(R18, 1, 2),
    "distdepth.resnet152.encoder": lambda: build_encoder("resnet152"),
    "distdepth.resnet152.depth": lambda: DepthDecoder(R50, upsample="bilinear"),
    "distdepth.resnet50.pose_encoder_3frames": lambda: build_encoder("resnet50", in_images=3),
    "distdepth.resnet50.pose": lambda: PoseDecoder(R50, 1, 2),
    "distdepth-m.resnet101.depth": lambda: DepthDecoder(R50, upsample="bilinear"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_keys_shapes_and_order_are_the_published_ones(name: str) -> None:
    expected = golden_inputs.load_state_dict_keys()[name]
    with torch.device("meta"):
        found = {key: list(value.shape) for key, value in PUBLISHED[name]().state_dict().items()}
    assert list(found.items()) == list(expected.items())


def test_a_pose_encoder_of_three_frames_takes_nine_channels() -> None:
    expected = golden_inputs.load_state_dict_keys()["monodepth2.resnet18.pose_encoder_3frames"]
    state = build_encoder("resnet18", in_images=3).state_dict()
    assert {key: list(state[key].shape) for key in expected} == expected


def test_parameter_counts_of_the_spec() -> None:
    def count(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(build_encoder("resnet18")) == 11_689_512
    assert count(DepthDecoder(R18)) == 3_152_724
    assert count(PoseDecoder(R18, 1, 2)) == 1_314_572


def test_disparity_keys_follow_the_order_of_scales() -> None:
    state = DepthDecoder(R18, scales=(2, 0)).state_dict()
    assert state["decoder.10.conv.weight"].shape == (1, 64, 3, 3)
    assert state["decoder.11.conv.weight"].shape == (1, 16, 3, 3)
    assert "decoder.12.conv.weight" not in state
