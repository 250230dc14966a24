"""Point clouds whose points are known: a wall, a step, a smeared step."""

from __future__ import annotations

import math

import pytest
import torch

from geometry.camera import intrinsics_matrix
from geometry.grid import pixel_grid
from geometry.pointcloud import EDGE_THRESHOLD, depth_edges, point_cloud

K = intrinsics_matrix(50.0, 60.0, 16.0, 12.0)
HEIGHT, WIDTH = 24, 32


def slanted_wall() -> torch.Tensor:
    """Depth [H, W] of the plane z = 8 + 0.5 x."""
    u, _ = pixel_grid(HEIGHT, WIDTH)
    return 8.0 / (1 - 0.5 * (u - 16.0) / 50.0)


def test_points_of_a_wall_lie_on_it_and_are_seen_at_their_pixels():
    depth = slanted_wall()
    points, colours = point_cloud(depth, K)
    assert points.shape == (HEIGHT * WIDTH, 3)
    assert points.dtype == torch.float32
    assert colours is None
    torch.testing.assert_close(points[:, 2], 8.0 + 0.5 * points[:, 0], rtol=1e-5, atol=0)
    pixels = (K @ points.T)[:2] / points[:, 2]
    torch.testing.assert_close(pixels, pixel_grid(HEIGHT, WIDTH).flatten(1), rtol=0, atol=1e-4)
    assert points[0, 0] < 0 and points[0, 1] < 0  # top left: x right, y down


def test_colours_stand_beside_their_points():
    image = torch.arange(3 * HEIGHT * WIDTH).reshape(3, HEIGHT, WIDTH).remainder(256).byte()
    depth = slanted_wall()
    depth[3, 5] = 0
    kept = depth > 0
    points, colours = point_cloud(depth, K, image)
    assert len(points) == HEIGHT * WIDTH - 1
    assert torch.equal(colours, image[:, kept].T)
    _, from_float = point_cloud(depth, K, image.float() / 255)
    assert from_float.dtype == torch.uint8
    assert torch.equal(from_float, colours)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_depth_has_no_point_and_makes_no_edge(bad):
    depth = torch.full((HEIGHT, WIDTH), 4.0)
    depth[10, 7] = bad
    points, _ = point_cloud(depth, K)
    assert len(points) == HEIGHT * WIDTH - 1
    assert points.isfinite().all()


def test_both_sides_of_a_step_are_left_out_and_nothing_else():
    depth = torch.full((HEIGHT, WIDTH), 4.0)
    depth[:, 20:] = 8.0
    expected = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    expected[:, 19:21] = True
    assert torch.equal(depth_edges(depth), expected)
    assert torch.equal(depth_edges(depth.T), expected.T)
    points, _ = point_cloud(depth, K)
    assert sorted(points[:, 2].unique().tolist()) == [4.0, 8.0]
    assert len(points) == HEIGHT * (WIDTH - 2)


def test_flying_pixels_of_a_smeared_step_are_gone():
    inverse = torch.full((HEIGHT, WIDTH), 1 / 4.0)
    inverse[:, 14:19] = torch.linspace(1 / 4.0, 1 / 20.0, 7)[1:-1]
    inverse[:, 19:] = 1 / 20.0
    points, _ = point_cloud(1 / inverse, K)
    assert ((points[:, 2] - 4).abs() < 1e-4).logical_or((points[:, 2] - 20).abs() < 1e-4).all()
    all_points, _ = point_cloud(1 / inverse, K, edge_threshold=math.inf)
    assert len(all_points) == HEIGHT * WIDTH
    assert ((all_points[:, 2] > 5) & (all_points[:, 2] < 15)).sum() == 4 * HEIGHT


@pytest.mark.parametrize(("jump", "edge"), [(0.9, False), (1.1, True)])
def test_the_threshold_is_a_share_of_the_nearer_depth(jump, edge):
    for near in (0.5, 100.0):
        depth = torch.tensor([[near, near * (1 + EDGE_THRESHOLD * jump)]])
        assert depth_edges(depth).all() == edge
        assert depth_edges(depth.flip(1)).all() == edge


def test_what_is_farther_than_asked_is_left_out():
    points, _ = point_cloud(slanted_wall(), K, max_depth=8.0)
    assert points[:, 2].max() <= 8.0
    assert len(points) == HEIGHT * 16  # the left half, x <= 0


def test_an_empty_map_has_no_points():
    image = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8)
    points, colours = point_cloud(torch.zeros(HEIGHT, WIDTH), K, image)
    assert points.shape == (0, 3)
    assert colours.shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(1, 4, 5), K), r"floats \[H, W\], but is torch.float32 \[1, 4, 5\]"),
        ((torch.ones(4, 5).int(), K), "but is torch.int32"),
        ((torch.ones(4, 5), K[None]), r"shape \[3, 3\], but have \[1, 3, 3\]"),
        ((torch.ones(4, 5), K, torch.ones(3, 5, 4)), r"of the depth \[4, 5\], but is \[3, 5, 4\]"),
        ((torch.ones(4, 5), K, torch.ones(3, 4, 5).int()), "uint8, or float"),
    ],
)
def test_other_shapes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        point_cloud(*arguments)


def test_a_threshold_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0, but is 0: inf keeps"):
        point_cloud(torch.ones(4, 5), K, edge_threshold=0)
