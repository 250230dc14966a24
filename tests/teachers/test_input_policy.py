"""Sizes and normalisation of what a teacher is shown."""

from __future__ import annotations

import pytest
import torch

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.input_policy import IMAGENET_MEAN, IMAGENET_STD, InputPolicy, Triple, without_size
from selfsup_depth.teachers.isl import ARCHITECTURES
from selfsup_depth.teachers.table import TEACHERS

DPT = InputPolicy(short_side=384, multiple=32)


@pytest.mark.parametrize(
    ("policy", "image", "shown"),
    [
        (DPT, (256, 256), (384, 384)),
        (DPT, (480, 640), (384, 512)),
        (DPT, (640, 480), (512, 384)),
        (DPT, (192, 640), (384, 1280)),
        (DPT, (448, 608), (384, 512)),  # 521 rounds down
        (InputPolicy(480, 32), (480, 640), (480, 640)),
        (InputPolicy(352, 32), (352, 1216), (352, 1216)),
        (InputPolicy(518, 14), (256, 256), (518, 518)),
        (InputPolicy(None, 32), (256, 256), (256, 256)),
        (InputPolicy(None, 32), (250, 330), (256, 320)),
        (InputPolicy(None, 14), (256, 256), (252, 252)),
        (InputPolicy(40, 32), (32, 32), (32, 32)),
    ],
)
def test_the_short_side_gets_the_trained_scale(
    policy: InputPolicy, image: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert policy.input_size(*image) == shown
    assert tuple(policy.prepare(torch.zeros(1, 3, *image)).shape[-2:]) == shown


def test_an_image_smaller_than_the_patch_is_refused() -> None:
    DPT.input_size(32, 32)
    with pytest.raises(UserError, match="an image of 200x31 pixels is smaller than the teacher's patch of 32x32"):
        DPT.input_size(31, 200)


def test_the_scale_can_be_chosen() -> None:
    assert DPT.at("trained") is DPT
    assert DPT.at("native").input_size(256, 256) == (256, 256)
    assert DPT.at(192).input_size(256, 512) == (192, 384)
    assert len({str(DPT), str(DPT.at("native")), str(DPT.at(192))}) == 3
    with pytest.raises(UserError, match="--teacher_size 16: expected 'trained', 'native' or a short side of at least"):
        DPT.at(16)


def test_an_identity_is_compared_apart_from_the_scale() -> None:
    at_384, native, other = (f"dpt; {policy}" for policy in (DPT, DPT.at("native"), InputPolicy(384, 14)))
    assert without_size(at_384)[0] == without_size(native)[0] != without_size(other)[0]
    assert (without_size(at_384)[1], without_size(native)[1]) == ("384", "native")
    assert without_size("true depth") == ("true depth", "")


def test_images_are_normalised_per_channel() -> None:
    policy = InputPolicy(None, 32, IMAGENET_MEAN, IMAGENET_STD)
    images = torch.rand(2, 3, 32, 64)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    torch.testing.assert_close(policy.prepare(images), (images - mean) / std)
    torch.testing.assert_close(DPT.prepare(torch.full((1, 3, 96, 128), 0.75)), torch.full((1, 3, 384, 512), 0.5))


def test_resizing_is_bicubic_and_keeps_pixels_where_they_are() -> None:
    plain: Triple = (0.0, 0.0, 0.0)
    ramp = ((torch.arange(64) + 0.5) / 64).expand(1, 3, 64, 64)
    larger = InputPolicy(128, 32, plain, (1.0, 1.0, 1.0)).prepare(ramp)
    expected = ((torch.arange(128) + 0.5) / 128).expand(1, 3, 128, 128)
    torch.testing.assert_close(larger[..., 4:-4], expected[..., 4:-4], rtol=0, atol=1e-3)  # aligned corners: 4e-3
    step = (torch.arange(64) >= 32).float().expand(1, 3, 64, 64)
    assert InputPolicy(128, 32, plain, (1.0, 1.0, 1.0)).prepare(step).max() > 1.01  # bicubic overshoots, bilinear not
    # without antialiasing a bright line in every four falls between the samples
    stripes = (torch.arange(128) % 4 == 0).float().expand(1, 3, 128, 128)
    smaller = InputPolicy(32, 32, plain, (1.0, 1.0, 1.0)).prepare(stripes)
    torch.testing.assert_close(smaller[..., 2:-2], torch.full((1, 3, 32, 28), 0.25), rtol=0, atol=0.02)


def test_published_scales_and_constants() -> None:
    files = {name: spec.file for name, spec in TEACHERS.items() if spec.file}
    assert {name: file.short_side for name, file in files.items()} == {
        "dpt_hybrid": 384, "dpt_large": 384, "dpt_hybrid_nyu": 480, "dpt_hybrid_kitti": 352, "midas_v21": 384,
        "midas_v21_small": 256,
    }  # fmt: skip
    calibrated = {name: file.calibration for name, file in files.items() if file.calibration}
    assert {name: (c.scale, c.shift) for name, c in calibrated.items()} == {
        "dpt_hybrid_nyu": (0.000305, 0.1378),
        "dpt_hybrid_kitti": (0.00006016, 0.00579),
    }
    assert ARCHITECTURES["dpt_hybrid"].mean == ARCHITECTURES["dpt_large"].std == (0.5, 0.5, 0.5)
    for midas in ("midas_v21", "midas_v21_small"):
        assert ARCHITECTURES[midas].mean == (0.485, 0.456, 0.406)
        assert ARCHITECTURES[midas].std == (0.229, 0.224, 0.225)
    # the file of a name and a file whose name says nothing are shown the same
    uncalibrated = {name: file for name, file in files.items() if not file.calibration}
    assert all(ARCHITECTURES[file.architecture].short_side == file.short_side for file in uncalibrated.values())
