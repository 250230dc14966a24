"""Rotations and depths that were put in come out."""

from __future__ import annotations

import pytest
import torch

from geometry.camera import intrinsics_matrix
from geometry.se3 import rigid_transform, rotation_from_axis_angle
from geometry.two_view import fit_rotation, intersect_rays, pixel_rays, ray_pixels

K = intrinsics_matrix(400.0, 380.0, 310.0, 120.0).double()


def some_points(count: int = 60) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    points = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    return points * torch.tensor([6.0, 3.0, 20.0]) + torch.tensor([-3.0, -1.5, 4.0])


def test_pixels_and_rays_are_inverse_to_each_other():
    pixels = torch.tensor([[310.0, 120.0], [710.0, 120.0], [310.0, 500.0]])
    rays = pixel_rays(pixels, K)
    expected = torch.tensor([[0.0, 0, 1], [1, 0, 1], [0, 1, 1]], dtype=torch.float64)
    torch.testing.assert_close(rays, expected)
    torch.testing.assert_close(ray_pixels(3.0 * rays, K), pixels.double())


def test_what_is_behind_the_camera_has_no_pixel():
    assert ray_pixels(torch.tensor([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]), K).isinf().all()


def test_a_rotation_is_found_although_a_third_of_the_rays_is_wrong():
    truth = rotation_from_axis_angle(torch.tensor([0.02, -0.3, 0.1], dtype=torch.float64))
    a = some_points()
    b = a @ truth.T
    b[::3] = some_points().flip(0)[::3]
    torch.testing.assert_close(fit_rotation(a, b), truth, atol=1e-3, rtol=0)


def test_a_mirrored_scene_still_gets_a_rotation():
    found = fit_rotation(some_points(), some_points() * torch.tensor([-1.0, 1, 1]))
    assert float(torch.linalg.det(found)) == pytest.approx(1.0)


def test_a_rotation_needs_three_rays():
    with pytest.raises(ValueError, match="three pairs of rays or more, but there are 2"):
        fit_rotation(torch.ones(2, 3), torch.ones(2, 3))


def test_rays_meet_where_the_points_are():
    b_T_a = rigid_transform(torch.tensor([0.01, 0.2, 0.0]), torch.tensor([-0.5, 0.1, -0.8])).double()
    points = some_points()
    seen = points @ b_T_a[:3, :3].T + b_T_a[:3, 3]
    depth_a, depth_b = intersect_rays(points / points[:, 2:], seen / seen[:, 2:], b_T_a)
    torch.testing.assert_close(depth_a, points[:, 2])
    torch.testing.assert_close(depth_b, seen[:, 2])


def test_rays_that_part_meet_behind_the_cameras_and_parallel_ones_nowhere():
    ahead = torch.tensor([[0.0, 0.0, 1.0]])
    to_the_right = torch.eye(4)
    to_the_right[0, 3] = -1.0  # camera b stands to the right of a
    depth, _ = intersect_rays(ahead, torch.tensor([[0.1, 0.0, 1.0]]), to_the_right)
    assert float(depth) == pytest.approx(-10.0)
    assert intersect_rays(ahead, ahead, to_the_right)[0].isinf().all()
