"""Geometry against the reference values of Monodepth2 (principal points shifted by half a pixel, see CONVENTIONS)."""

from __future__ import annotations

import pytest
import torch
from golden_inputs import assert_stats, golden_intrinsics, img, load_golden
from torch import Tensor

from geometry.depth import disp_to_depth
from geometry.projection import unproject
from geometry.se3 import axis_angle_from_rotation, rigid_transform, rotation_from_axis_angle, translation_transform
from geometry.warp import Warped, warp

GOLDEN = load_golden()["net_md2"]
WARP = GOLDEN["warp h6 w8 depth=2+img(1,1,6,8) T_x=-0.1"]
AXIS_ANGLE = torch.tensor([0.1, -0.2, 0.3])
TRANSLATION = torch.tensor([0.4, 0.5, -0.6])


@pytest.fixture
def depth() -> Tensor:
    return 2 + img(1, 1, 6, 8)


@pytest.fixture
def warped(depth: Tensor) -> Warped:
    K = golden_intrinsics(8, 6, batch=1)
    motion = translation_transform(torch.tensor([[-0.1, 0.0, 0.0]]))
    return warp(img(1, 3, 6, 8, 0.3), depth, K, K, motion)


def test_rotation() -> None:
    expected = torch.tensor(GOLDEN["rot_axisangle(0.1,-0.2,0.3)"])[:3, :3]
    torch.testing.assert_close(rotation_from_axis_angle(AXIS_ANGLE), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(axis_angle_from_rotation(expected), AXIS_ANGLE, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("invert", "name"), [(False, "T forward "), (True, "T inverted")])
def test_transforms(invert: bool, name: str) -> None:
    expected = torch.tensor(GOLDEN[f"{name} aa=(0.1,-0.2,0.3) t=(0.4,0.5,-0.6)"])
    torch.testing.assert_close(rigid_transform(AXIS_ANGLE, TRANSLATION, invert), expected, rtol=0, atol=1e-6)


def test_disp_to_depth() -> None:
    golden = GOLDEN["disp_to_depth [0,.5,1] min.1 max100"]
    scaled, depth = disp_to_depth(torch.tensor([0.0, 0.5, 1.0]), 0.1, 100.0)
    torch.testing.assert_close(scaled, torch.tensor(golden["scaled"]), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(depth, torch.tensor(golden["depth"]), rtol=1e-6, atol=1e-8)


def test_unprojected_points(depth: Tensor) -> None:
    points = unproject(depth, golden_intrinsics(8, 6, batch=1)).flatten(2)
    assert_stats(torch.cat([points, torch.ones_like(points[:, :1])], dim=1), WARP["cam"], rtol=1e-6, atol=1e-6)


def test_projected_pixels(warped: Warped) -> None:
    """The reference divides whole-pixel coordinates by size - 1 and maps them to [-1, 1]."""
    last = torch.tensor([7.0, 5.0])[:, None, None]
    normalised = ((warped.pixels - 0.5) / last - 0.5) * 2
    assert_stats(normalised.permute(0, 2, 3, 1), WARP["pix"], rtol=1e-6, atol=1e-6)


def test_warped_image(warped: Warped) -> None:
    assert_stats(warped.image, WARP["align_true"], rtol=1e-6, atol=2e-6)


def test_reference_under_a_newer_torch_is_not_what_we_compute(warped: Warped) -> None:
    with pytest.raises(AssertionError):
        assert_stats(warped.image, WARP["align_false"], rtol=1e-3, atol=1e-3)


def test_identity_is_at_least_as_exact_as_the_reference(depth: Tensor) -> None:
    K, source = golden_intrinsics(8, 6, batch=1), img(1, 3, 6, 8)
    error = (warp(source, depth, K, K, torch.eye(4)[None]).image - source).abs().mean()
    assert error <= GOLDEN["identity warp error (mean abs)"]["align_true"]
