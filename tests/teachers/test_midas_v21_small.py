"""The small MiDaS v2.1: a file in the original's key names, and what is computed from it, written out a second time."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.teachers import load_teacher
from selfsup_depth.teachers.input_policy import IMAGENET_MEAN, IMAGENET_STD
from selfsup_depth.teachers.midas_v21 import ResidualUnit
from selfsup_depth.teachers.midas_v21_small import build_midas_v21_small
from tests.teachers.teacher_files import write_midas_file

#: part of EfficientNet-Lite3 -> its place in the original; conv_head, bn2 and classifier are not used
PLACES = {
    "conv_stem": "layer1.0", "bn1": "layer1.1", "blocks.0": "layer1.3", "blocks.1": "layer1.4", "blocks.2": "layer2.0",
    "blocks.3": "layer3.0", "blocks.4": "layer3.1", "blocks.5": "layer4.0", "blocks.6": "layer4.1",
}  # fmt: skip
#: level -> channels of the encoder, of the decoder, and of what the decoder hands up
LEVELS = {1: (32, 64, 64), 2: (48, 128, 64), 3: (136, 256, 128), 4: (384, 512, 256)}
HEAD = {0: [32, 64, 3, 3], 2: [32, 32, 3, 3], 4: [1, 32, 1, 1]}


def place_of(key: str) -> str | None:
    """Of a key of EfficientNet-Lite3 in the original."""
    for part, place in PLACES.items():
        if key.startswith(f"{part}."):
            return f"pretrained.{place}{key.removeprefix(part)}"
    return None


def convolution(name: str, shape: list[int]) -> dict[str, list[int]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


@pytest.fixture(scope="module")
def shapes() -> dict[str, list[int]]:
    """Keys and shapes in the original naming."""
    with torch.device("meta"):
        encoder = timm.create_model("tf_efficientnet_lite3").state_dict()
    found = {place: list(value.shape) for key, value in encoder.items() if (place := place_of(key))}
    for level, (taken, width, out) in LEVELS.items():
        found[f"scratch.layer{level}_rn.weight"] = [width, taken, 3, 3]
        for unit in (1, 2):
            for conv in (1, 2):
                name = f"scratch.refinenet{level}.resConfUnit{unit}.conv{conv}"
                found |= convolution(name, [width, width, 3, 3])
        found |= convolution(f"scratch.refinenet{level}.out_conv", [out, width, 1, 1])
    for index, shape in HEAD.items():
        found |= convolution(f"scratch.output_conv.{index}", shape)
    return found


@pytest.fixture
def file(tmp_path: Path, shapes: dict[str, list[int]]) -> str:
    return write_midas_file(tmp_path / "midas_v21_small_256.pt", shapes)


def test_the_network_has_the_keys_and_the_size_of_the_original(shapes: dict[str, list[int]]) -> None:
    network = build_midas_v21_small()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == shapes
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6) == 21  # as published
    assert not any(unit.rectified_shortcut for unit in network.modules() if isinstance(unit, ResidualUnit))


def test_a_file_of_it_is_a_relative_teacher_shown_at_256(file: str) -> None:
    teacher = load_teacher(file)
    assert (teacher.info.name, teacher.info.kind) == ("midas_v21_small", "relative_disparity")
    assert (teacher.policy.mean, teacher.policy.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert teacher.policy.input_size(192, 640) == (256, 864)
    answer = teacher(torch.rand(1, 3, 64, 96))
    assert answer.shape == (1, 1, 64, 96)
    assert torch.isfinite(answer).all() and answer.std() > 0


def test_a_file_with_another_name_is_known_by_its_keys(tmp_path: Path, shapes: dict[str, list[int]]) -> None:
    teacher = load_teacher(write_midas_file(tmp_path / "model.pt", shapes, without="num_batches_tracked"))
    assert (teacher.info.name, teacher.policy.short_side) == ("model.pt", 256)
    with pytest.raises(UserError, match=r"weights of MiDaS v2.1 \(ResNeXt-101\), found those of MiDaS v2.1 small"):
        load_teacher("midas_v21", weights=tmp_path / "model.pt")


def test_the_load_is_strict(tmp_path: Path, shapes: dict[str, list[int]]) -> None:
    path = write_midas_file(tmp_path / "x.pt", shapes, without="refinenet1.out_conv.bias")
    with pytest.raises(UserError, match=r"MiDaS v2.1 small .* missing 1 \(scratch.refinenet1.out_conv.bias\)"):
        load_teacher(path)


def reference(state: dict[str, Tensor], encoder: nn.Module, images: Tensor) -> Tensor:
    """The network from its description, with timm's own forward of the encoder."""

    def conv(name: str, features: Tensor) -> Tensor:
        weight = state[f"scratch.{name}.weight"]
        return F.conv2d(features, weight, state.get(f"scratch.{name}.bias"), padding=weight.shape[-1] // 2)

    def unit(name: str, features: Tensor) -> Tensor:
        return features + conv(f"{name}.conv2", conv(f"{name}.conv1", features.relu()).relu())

    def twice(features: Tensor, aligned: bool) -> Tensor:
        return F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=aligned)

    taps = encoder(images)[1:]  # 1/4, 1/8, 1/16, 1/32
    path = torch.zeros(())
    for level in (4, 3, 2, 1):
        skip = conv(f"layer{level}_rn", taps[level - 1])
        path = skip if level == 4 else path + unit(f"refinenet{level}.resConfUnit1", skip)
        path = conv(f"refinenet{level}.out_conv", twice(unit(f"refinenet{level}.resConfUnit2", path), True))
    path = conv("output_conv.2", twice(conv("output_conv.0", path), False)).relu()
    return conv("output_conv.4", path).relu()


def test_it_computes_what_its_description_says(shapes: dict[str, list[int]]) -> None:
    network, generator = build_midas_v21_small().to_empty(device="cpu").eval(), torch.Generator().manual_seed(5)
    for key, value in network.state_dict().items():
        noise = torch.randn(value.shape, generator=generator)
        if "running_var" in key:
            value.copy_(1 + 0.1 * noise.abs())
        elif value.dim() > 1:
            value.copy_(noise * (2 / value[0].numel()) ** 0.5)
        elif value.is_floating_point():
            value.copy_(0.1 * noise + float(".bn" in key and key.endswith("weight")))
    state = network.state_dict()
    state["scratch.output_conv.4.bias"].fill_(5.0)  # keeps the last ReLU from hiding half of the picture
    encoder = timm.create_model("tf_efficientnet_lite3", features_only=True).eval()
    encoder.load_state_dict({key: state[place_of(key) or ""] for key in encoder.state_dict()})
    images = torch.rand(1, 3, 96, 64, generator=generator)
    with torch.inference_mode():
        expected, answer = reference(state, encoder, images), network(images)
    assert (expected > 0).float().mean() > 0.5 and expected.std() > 0.1
    torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-4)
