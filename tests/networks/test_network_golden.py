"""Outputs of the reference networks under the deterministic weight rule."""

from __future__ import annotations

import golden_inputs
import pytest
import torch

from selfsup_depth.networks import DepthDecoder, PoseCNN, PoseDecoder, build_encoder

MD2 = golden_inputs.load_golden()["net_md2"]
DIST = golden_inputs.load_golden()["net_dist"]
ruled = golden_inputs.set_deterministic_weights


@pytest.mark.parametrize("depth", [18, 50])
@torch.inference_mode()
def test_monodepth2_depth_network(depth: int) -> None:
    encoder = ruled(build_encoder(f"resnet{depth}"))
    features = encoder(golden_inputs.img(2, 3, 64, 96))
    for feature, golden in zip(features, MD2[f"md2 r{depth} features"], strict=True):
        golden_inputs.assert_stats(feature, golden, rtol=1e-4, atol=1e-5)
    disparities = ruled(DepthDecoder(encoder.channels))(features)
    assert list(disparities) == [0, 1, 2, 3]
    for scale, disparity in disparities.items():
        golden_inputs.assert_stats(disparity, MD2[f"md2 r{depth} disp"][str(scale)], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [18, 50])
@torch.inference_mode()
def test_monodepth2_pose_network(depth: int) -> None:
    encoder = ruled(build_encoder(f"resnet{depth}", in_images=2))
    pair = [golden_inputs.img(2, 3, 64, 96), golden_inputs.img(2, 3, 64, 96, 0.2)]
    decoder = ruled(PoseDecoder(encoder.channels, num_input_features=1, num_poses=2))
    _assert_motions(decoder([encoder(torch.cat(pair, dim=1))]), MD2[f"md2 r{depth} pose"])


@torch.inference_mode()
def test_monodepth2_posecnn() -> None:
    pair = [golden_inputs.img(1, 3, 128, 128), golden_inputs.img(1, 3, 128, 128, 0.2)]
    _assert_motions(ruled(PoseCNN(2))(torch.cat(pair, dim=1)), MD2["md2 posecnn 128x128"])


@pytest.mark.parametrize("depth", [18, 152])
@torch.inference_mode()
def test_distdepth_depth_network(depth: int) -> None:
    encoder = ruled(build_encoder(f"resnet{depth}"))
    decoder = ruled(DepthDecoder(encoder.channels, upsample="bilinear"))
    disparities = decoder(encoder(golden_inputs.img(1, 3, 64, 64)))
    for scale, golden in DIST[f"distdepth r{depth} out (bilinear decoder)"].items():
        golden_inputs.assert_stats(disparities[int(scale)], golden, rtol=1e-4, atol=1e-5)


def _assert_motions(motions: tuple[torch.Tensor, torch.Tensor], golden: dict[str, list]) -> None:
    # the reference keeps an axis of length one between motion and component
    for found, name in zip(motions, ("axisangle", "translation"), strict=True):
        expected = torch.tensor(golden[name]).squeeze(2)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
