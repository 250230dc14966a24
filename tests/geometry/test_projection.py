"""From pixels to points and back, and the two ways to reproject."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.grid import pixel_grid
from geometry.projection import NEAREST_Z, project, reproject, transform_points, unproject
from geometry.se3 import rigid_transform

sizes = st.integers(1, 9)


def random_scene(batch: int, height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """depth, target_K, source_K, source_T_target in float64: everything in front of both cameras."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return 2 * torch.rand(*shape, dtype=torch.float64, generator=generator) - 1

    depth = 3 + noise(batch, 1, height, width)
    base = intrinsics_matrix(0.7 * width + 1, 0.8 * height + 1, 0.5 * width, 0.5 * height).double()
    perturbation = torch.tensor([[1.0, 0.1, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    target_K, source_K = (base + 0.2 * noise(batch, 3, 3) * perturbation for _ in range(2))
    motion = rigid_transform(0.1 * noise(batch, 3), 0.3 * noise(batch, 3))
    return depth, target_K, source_K, motion


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), sizes, sizes, st.integers(0, 1000))
def test_projecting_unprojected_pixels_gives_them_back(batch: int, height: int, width: int, seed: int) -> None:
    depth, K, _, _ = random_scene(batch, height, width, seed)
    pixels, z = project(unproject(depth, K), K)
    grid = pixel_grid(height, width, dtype=torch.float64).expand(batch, 2, height, width)
    torch.testing.assert_close(pixels, grid, rtol=0, atol=1e-11)
    torch.testing.assert_close(z, depth, rtol=0, atol=0)


def test_unproject_known_points() -> None:
    K = intrinsics_matrix(2.0, 4.0, 1.0, 1.0)[None]
    points = unproject(torch.tensor([[[[1.0, 10.0], [1.0, 2.0]]]]), K)
    assert points[0, :, 0, 0].tolist() == [-0.25, -0.125, 1.0]
    assert points[0, :, 0, 1].tolist() == [2.5, -1.25, 10.0]
    assert points[0, :, 1, 1].tolist() == [0.5, 0.25, 2.0]


def test_transform_points_applies_the_matrix() -> None:
    _, _, _, T = random_scene(3, 2, 5)
    points = torch.randn(3, 3, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    homogeneous = torch.cat([points, torch.ones_like(points[:, :1])], dim=1).flatten(2)
    expected = (T @ homogeneous)[:, :3].unflatten(2, (2, 5))
    torch.testing.assert_close(transform_points(T, points), expected, rtol=0, atol=1e-13)


def test_autocast_does_not_lower_the_geometry() -> None:
    depth, target_K, source_K, T = (t.float() for t in random_scene(2, 6, 8))
    plain = project(transform_points(T, unproject(depth, target_K)), source_K)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered = project(transform_points(T, unproject(depth, target_K)), source_K)[0]
        direct = reproject(depth, target_K, source_K, T)[0]
    assert torch.equal(lowered, plain)
    assert direct.equal(reproject(depth, target_K, source_K, T)[0])


def test_half_precision_depth_is_raised_to_the_precision_of_the_camera() -> None:
    depth, target_K, source_K, T = (t.float() for t in random_scene(2, 6, 8))
    half = depth.bfloat16()
    expected = reproject(half.float(), target_K, source_K, T)[0]
    torch.testing.assert_close(reproject(half, target_K, source_K, T)[0], expected)


def test_points_behind_the_camera_have_finite_pixels_and_their_own_z() -> None:
    points = torch.tensor([[1.0, 2.0, -3.0], [1.0, 2.0, 0.0]]).T.reshape(1, 3, 1, 2)
    pixels, z = project(points, intrinsics_matrix(10.0, 10.0, 5.0, 5.0)[None])
    assert pixels.isfinite().all()
    assert z.flatten().tolist() == [-3.0, 0.0]
    assert (z < NEAREST_Z).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), sizes, sizes, st.integers(0, 1000))
def test_reproject_is_the_composition_of_the_three(batch: int, height: int, width: int, seed: int) -> None:
    depth, target_K, source_K, T = random_scene(batch, height, width, seed)
    expected_pixels, expected_z = project(transform_points(T, unproject(depth, target_K)), source_K)
    pixels, z = reproject(depth, target_K, source_K, T)
    torch.testing.assert_close(pixels, expected_pixels, rtol=0, atol=1e-10)
    torch.testing.assert_close(z, expected_z, rtol=0, atol=1e-12)


def test_reproject_does_not_move_pixels_by_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    depth = 0.1 + 80 * torch.rand(1, 1, 375, 1242, generator=generator)
    K = intrinsics_matrix(718.8561, 718.8561, 607.6928, 185.7157)[None]
    pixels, z = reproject(depth, K, K, torch.eye(4)[None])
    assert torch.equal(pixels[0], pixel_grid(375, 1242))
    assert torch.equal(z, depth)
    composed = project(unproject(depth, K), K)[0]
    assert (composed - pixels).abs().max() > 1e-5  # the reason why reproject exists


def test_one_camera_serves_a_whole_batch() -> None:
    depth, target_K, source_K, T = random_scene(3, 4, 5)
    first = [t[:1] for t in (target_K, source_K, T)]
    together = reproject(depth, *first)[0]
    assert torch.equal(together, reproject(depth, *(t.expand(3, *t.shape[1:]) for t in first))[0])


def test_gradients() -> None:
    depth, target_K, source_K, T = (t.requires_grad_() for t in random_scene(2, 2, 3))
    points = torch.randn(2, 3, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    points = (points + torch.tensor([0.0, 0.0, 5.0], dtype=torch.float64)[:, None, None]).requires_grad_()
    assert torch.autograd.gradcheck(unproject, (depth, target_K))
    assert torch.autograd.gradcheck(transform_points, (T, points))
    assert torch.autograd.gradcheck(project, (points, source_K))
    assert torch.autograd.gradcheck(reproject, (depth, target_K, source_K, T))
