"""Pose decoder and PoseCNN: shapes, scale, and where gradients go."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from selfsup_depth.networks import PoseCNN, PoseDecoder, build_encoder

CHANNELS = (4, 8, 16)


def _pyramid(batch: int = 2) -> list[Tensor]:
    return [torch.randn(batch, c, 16 >> i, 24 >> i) for i, c in enumerate(CHANNELS)]


@pytest.mark.parametrize(("inputs", "poses"), [(1, 2), (2, 1), (3, 2), (1, 4)])
@pytest.mark.parametrize("batch", [1, 2])
def test_decoder_shapes(inputs: int, poses: int, batch: int) -> None:
    axis_angle, translation = PoseDecoder(CHANNELS, inputs, poses)([_pyramid(batch)] * inputs)
    assert axis_angle.shape == translation.shape == (batch, poses, 3)


@pytest.mark.parametrize("frames", [2, 3, 5])
@pytest.mark.parametrize("batch", [1, 2])
def test_posecnn_shapes(frames: int, batch: int) -> None:
    axis_angle, translation = PoseCNN(frames)(torch.rand(batch, 3 * frames, 64, 96))
    assert axis_angle.shape == translation.shape == (batch, frames - 1, 3)


def test_a_motion_is_a_hundredth_of_the_last_layer_angle_first() -> None:
    decoder, cnn = PoseDecoder(CHANNELS, 1, 2), PoseCNN(3)
    for last in (decoder.net[3], cnn.pose_conv):
        torch.nn.init.zeros_(last.weight)
        last.bias.data = torch.arange(12.0)
    for axis_angle, translation in (decoder([_pyramid(1)]), cnn(torch.rand(1, 9, 64, 64))):
        torch.testing.assert_close(axis_angle, 0.01 * torch.tensor([[[0.0, 1, 2], [6, 7, 8]]]))
        torch.testing.assert_close(translation, 0.01 * torch.tensor([[[3.0, 4, 5], [9, 10, 11]]]))


def test_the_order_of_images_matters_to_a_shared_encoder() -> None:
    torch.manual_seed(0)
    decoder, first, second = PoseDecoder(CHANNELS, 2, 1), _pyramid(), _pyramid()
    assert not torch.allclose(decoder([first, second])[1], decoder([second, first])[1])


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    encoder = build_encoder("resnet18", in_images=2)
    decoder, cnn = PoseDecoder(encoder.channels, 1, 2), PoseCNN(2)
    pair = torch.rand(2, 6, 64, 64)
    sum(part.square().sum() for part in (*decoder([encoder(pair)]), *cnn(pair))).backward()
    for module in (encoder, decoder, cnn):
        for key, parameter in module.named_parameters():
            assert (parameter.grad is not None) == parameter.requires_grad, key
            assert parameter.requires_grad or key.startswith("encoder.fc."), key


def test_motions_keep_full_precision_under_autocast() -> None:
    network = PoseCNN(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(part.dtype == torch.float32 for part in network(torch.rand(1, 6, 64, 64)))
