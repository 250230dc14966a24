"""The encoder contract, for every own encoder and a handful of timm families."""

from __future__ import annotations

import pytest
import timm
import torch

from selfsup_depth.errors import UserError
from selfsup_depth.networks import ENCODERS, DepthDecoder, Encoder, build_encoder

SWIN = "swin_tiny_patch4_window7_224"  # answers channels last and is made for one image size
TIMM = ["mobilenetv3_small_050", "convnext_atto", "efficientnet_b0", "resnet10t", SWIN]
#: those without a feature at 1/2
REDUCTIONS = {"convnext_atto": (4, 8, 16, 32), SWIN: (4, 8, 16, 32)}


@pytest.fixture(scope="module", params=[*ENCODERS, *TIMM])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return build_encoder(request.param)


@pytest.mark.parametrize("batch", [1, 3])
def test_features_have_the_stated_channels_and_strides(encoder: Encoder, batch: int) -> None:
    encoder.eval()
    with torch.no_grad():
        features = encoder(torch.rand(batch, 3, 64, 96))
    expected = [
        (batch, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(encoder.channels, encoder.reductions, strict=True)
    ]
    assert [tuple(feature.shape) for feature in features] == expected


@pytest.mark.parametrize("name", [*ENCODERS, *TIMM])
def test_strides_are_a_pyramid_to_32(name: str) -> None:
    with torch.device("meta"):
        assert build_encoder(name).reductions == REDUCTIONS.get(name, (2, 4, 8, 16, 32))


def test_every_parameter_but_the_frozen_classifier_gets_a_gradient(encoder: Encoder) -> None:
    torch.manual_seed(0)
    encoder.train()
    encoder.zero_grad(set_to_none=True)
    decoder = DepthDecoder(encoder.channels, reductions=encoder.reductions)
    disparities = decoder(encoder(torch.rand(2, 3, 64, 64)))
    sum(disparity.square().mean() for disparity in disparities.values()).backward()
    for module in (encoder, decoder):
        without = {key for key, value in module.named_parameters() if value.grad is None}
        frozen = {key for key, value in module.named_parameters() if not value.requires_grad}
        assert without == frozen
        assert frozen <= {"encoder.fc.weight", "encoder.fc.bias"}
        assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.grad is not None)


def test_resnet_normalises_inside() -> None:
    encoder = build_encoder("resnet18").eval()
    seen = []
    encoder.encoder.conv1.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    encoder(torch.full((1, 3, 64, 64), 0.675))
    torch.testing.assert_close(seen[0], torch.ones(1, 3, 64, 64))


def test_a_timm_backbone_normalises_by_its_own_statistics_for_each_image() -> None:
    encoder = build_encoder("inception_v4", in_images=2)
    own = timm.get_pretrained_cfg("inception_v4")
    assert own.mean == (0.5, 0.5, 0.5)  # not ImageNet's, or this test would say nothing
    torch.testing.assert_close(encoder.mean.flatten(), torch.tensor(own.mean * 2))
    torch.testing.assert_close(encoder.std.flatten(), torch.tensor(own.std * 2))
    assert not any(key in ("mean", "std") for key in encoder.state_dict())


def test_features_nobody_reads_are_not_built() -> None:
    with torch.device("meta"):
        encoder = build_encoder("vgg11")
    assert encoder.reductions == (2, 4, 8, 16, 32)
    assert encoder.channels == (128, 256, 512, 512, 512)


@pytest.mark.parametrize("depth", [34, 101])
def test_pose_encoders_of_any_depth(depth: int) -> None:
    encoder = build_encoder(f"resnet{depth}", in_images=2).eval()
    with torch.no_grad():
        assert encoder(torch.rand(1, 6, 64, 64))[-1].shape == (1, encoder.channels[-1], 2, 2)


def test_scratch_is_kaiming_fan_out_for_many_images_too() -> None:
    torch.manual_seed(0)
    net = build_encoder("resnet18", in_images=2).encoder
    assert net.conv1.weight.std().item() == pytest.approx((2 / (64 * 7 * 7)) ** 0.5, rel=0.03)
    assert net.layer3[0].conv2.weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)
    assert net.layer3[0].bn1.weight.eq(1).all() and net.layer3[0].bn1.bias.eq(0).all()


@pytest.mark.parametrize(("name", "close"), [("resnet81", "resnet18"), ("convnext_tinny", "convnext_tiny")])
def test_an_unknown_name_is_answered_with_close_ones(name: str, close: str) -> None:
    with pytest.raises(UserError, match=rf"--encoder {name}: .*{close}"):
        build_encoder(name)


def test_a_backbone_without_a_pyramid_is_refused() -> None:
    with pytest.raises(UserError, match="strides .16, 16, 16.*pyramid"):
        build_encoder("vit_tiny_patch16_224")


def test_no_image_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="at least one image"):
        build_encoder("resnet18", in_images=0)
