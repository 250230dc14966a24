"""What the depth decoder promises beyond the published numbers."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.networks import DepthDecoder
from selfsup_depth.networks.layers import ReflectedConv

CHANNELS = (8, 12, 16, 20, 24)


def _features(
    height: int = 64, width: int = 96, batch: int = 1, reductions: tuple[int, ...] = (2, 4, 8, 16, 32)
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(batch, CHANNELS[s.bit_length() - 2], height // s, width // s) for s in reductions]
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (192, 640)])
@pytest.mark.parametrize("batch", [1, 3])
def test_sizes_and_range(size: tuple[int, int], batch: int) -> None:
    disparities = DepthDecoder(CHANNELS, out_channels=2)(_features(*size, batch))
    for scale, disparity in disparities.items():
        assert disparity.shape == (batch, 2, size[0] >> scale, size[1] >> scale)
        assert disparity.gt(0).all() and disparity.lt(1).all()


@pytest.mark.parametrize("scales", [(0,), (3, 1), (1, 2, 3), (0, 1, 2, 3)])
def test_any_scales_in_any_order(scales: tuple[int, ...]) -> None:
    decoder = DepthDecoder(CHANNELS, scales)
    every = DepthDecoder(CHANNELS)
    state = every.state_dict()
    shared = {key: value for key, value in state.items() if int(key.split(".")[1]) < 10}
    for place, scale in enumerate(scales):
        for part in ("weight", "bias"):
            shared[f"decoder.{10 + place}.conv.{part}"] = state[f"decoder.{10 + scale}.conv.{part}"]
    decoder.load_state_dict(shared)
    found, expected = decoder(_features()), every(_features())
    assert list(found) == list(scales)
    for scale in scales:
        assert torch.equal(found[scale], expected[scale])
    sum(disparity.mean() for disparity in found.values()).backward()
    waiting = [key for key, p in decoder.named_parameters() if p.requires_grad and p.grad is None]
    assert not waiting


@pytest.mark.parametrize("reductions", [(4, 8, 16, 32), (2, 4, 8, 16), (4, 16), (2, 8, 32)])
def test_any_pyramid_the_missing_skips_are_absent(reductions: tuple[int, ...]) -> None:
    channels = [CHANNELS[stride.bit_length() - 2] for stride in reductions]
    scales = (0, 1, 2, 3) if reductions[-1] >= 16 else (0,)
    features = [feature.requires_grad_() for feature in _features(reductions=reductions)]
    disparities = DepthDecoder(channels, scales, reductions=reductions)(features)
    assert [tuple(d.shape[-2:]) for d in disparities.values()] == [(64 >> s, 96 >> s) for s in scales]
    disparities[0].sum().backward()
    assert all(feature.grad is not None and feature.grad.abs().sum() > 0 for feature in features)


def test_nearest_and_bilinear_differ_although_their_weights_look_the_same() -> None:
    nearest, bilinear = DepthDecoder(CHANNELS), DepthDecoder(CHANNELS, upsample="bilinear")
    bilinear.load_state_dict(nearest.state_dict())
    assert (nearest(_features())[0] - bilinear(_features())[0]).abs().max() > 1e-3


def test_nearest_repeats_and_bilinear_blends_at_half_pixels() -> None:
    row = torch.tensor([[[[0.0, 4.0]]]])
    assert DepthDecoder(CHANNELS)._double(row)[0, 0, 0].tolist() == [0.0, 0.0, 4.0, 4.0]
    assert DepthDecoder(CHANNELS, upsample="bilinear")._double(row)[0, 0, 0].tolist() == [0.0, 1.0, 3.0, 4.0]


def test_borders_are_reflected_without_repeating_the_edge() -> None:
    layer = ReflectedConv(1, 1)
    torch.nn.init.zeros_(layer.conv.bias)
    layer.conv.weight.data.zero_()
    layer.conv.weight.data[0, 0, 1, 0] = 1.0  # the left neighbour
    assert layer(torch.tensor([[[[1.0, 2.0, 3.0]] * 2]]))[0, 0, 0].tolist() == [2.0, 1.0, 2.0]


@pytest.mark.parametrize("disp", [0.02, 0.3])
def test_an_initial_disparity_is_predicted_flat_and_still_teaches_the_body(disp: float) -> None:
    torch.manual_seed(0)
    decoder = DepthDecoder(CHANNELS, initial_disp=disp)
    disparities = decoder(_features())
    for disparity in disparities.values():
        torch.testing.assert_close(disparity, torch.full_like(disparity, disp), rtol=0.15, atol=0)
        assert disparity.mean().item() == pytest.approx(disp, rel=0.03)
    disparities[0].sum().backward()
    first = decoder.decoder[0].conv.conv.weight.grad
    assert first is not None and first.abs().sum() > 0


def test_without_it_the_start_is_the_published_one() -> None:
    torch.manual_seed(0)
    head = DepthDecoder(CHANNELS).decoder[10].conv
    bound = 1 / (16 * 9) ** 0.5  # PyTorch's default for a convolution
    assert head.weight.abs().max().item() == pytest.approx(bound, rel=0.05)


def test_disparities_keep_full_precision_under_autocast() -> None:
    decoder = DepthDecoder(CHANNELS)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = decoder(_features())
    with torch.no_grad():
        expected = decoder(_features())
    for scale, disparity in found.items():
        assert disparity.dtype == torch.float32
        torch.testing.assert_close(disparity, expected[scale], rtol=0, atol=0.02)
    # a sigmoid in bf16 would know 128 values between 0.25 and 0.5, and as many up to 1
    assert found[0].unique().numel() > 1000


def test_double_precision_stays_double() -> None:
    decoder = DepthDecoder(CHANNELS).double()
    assert decoder([feature.double() for feature in _features()])[0].dtype == torch.float64


def test_one_graph_for_the_compiler_and_the_exporter() -> None:
    decoder = DepthDecoder(CHANNELS, upsample="bilinear").eval()
    expected = decoder(_features())[0]
    compiled = torch.compile(decoder, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(_features())[0], expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert compiled(_features())[0].dtype == torch.float32
    exported = torch.export.export(decoder, (_features(),)).module()
    torch.testing.assert_close(exported(_features())[0], expected)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scales": (0, 4)}, "--scales [0, 4]"),
        ({"scales": (1, 1)}, "--scales [1, 1]"),
        ({"scales": ()}, "--scales []"),
        ({"upsample": "cubic"}, "nearest, bilinear"),
        ({"initial_disp": 1.0}, "initial_disp 1.0"),
        ({"reductions": (2, 4, 8, 16)}, "choose another encoder"),
        ({"reductions": (2, 4, 8, 16, 48)}, "choose another encoder"),
        ({"reductions": (4, 2, 8, 16, 32)}, "choose another encoder"),
        ({"reductions": (2, 4, 4, 16, 32)}, "choose another encoder"),
    ],
)
def test_impossible_arguments_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        DepthDecoder(CHANNELS, **options)


def test_a_pyramid_too_shallow_for_a_scale_is_refused() -> None:
    with pytest.raises(UserError, match=re.escape("expected some of [0, 1, 2]")):
        DepthDecoder(CHANNELS[:3], reductions=(2, 4, 8))


def test_image_sizes_that_cannot_work_are_refused() -> None:
    decoder = DepthDecoder(CHANNELS)
    odd = _features(64, 128)
    odd[-1] = torch.randn(1, 24, 2, 3)
    with pytest.raises(UserError, match="multiples of 32"):
        decoder(odd)
    with pytest.raises(UserError, match="at least 64"):
        decoder(_features(32, 96))
