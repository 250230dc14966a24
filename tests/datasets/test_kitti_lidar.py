"""LiDAR scans as depth maps, on points whose pixels are known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.datasets.kitti_devkit import RawCalibration, camera_from_projection
from selfsup_depth.datasets.kitti_lidar import lidar_depth_map, read_velodyne
from selfsup_depth.errors import UserError

WIDTH, HEIGHT, FOCAL, CX, CY = 8, 6, 10.0, 3.0, 2.0
SCANNER_BEHIND = 0.25  # metres that the scanner's origin lies behind the camera

P2 = np.array([[FOCAL, 0, CX, 0], [0, FOCAL, CY, 0], [0, 0, 1.0, 0]])
P3 = P2.copy()
P3[0, 3] = -FOCAL * 0.5
CALIBRATION = RawCalibration(
    cameras={2: camera_from_projection(P2, (WIDTH, HEIGHT)), 3: camera_from_projection(P3, (WIDTH + 2, HEIGHT + 1))},
    rectification=np.eye(3),
)
CAMERA_T_VELODYNE = np.array([[0, -1.0, 0, 0], [0, 0, -1.0, 0], [1.0, 0, 0, -SCANNER_BEHIND], [0, 0, 0, 1.0]])


def scan(*pixels: tuple[float, float, float]) -> np.ndarray:
    """Scanner points that camera 2 sees at (u, v) in KITTI's integer pixels and at depth z."""
    points = []
    for u, v, z in pixels:
        x, y = (u - CX) / FOCAL * z, (v - CY) / FOCAL * z
        points.append([z + SCANNER_BEHIND, -x, -y, 0.3])
    return np.array(points, dtype=np.float32)


def depth_map(points: np.ndarray, camera: int = 2, **options: bool) -> np.ndarray:
    return lidar_depth_map(points, CALIBRATION, CAMERA_T_VELODYNE, camera, **options)


def entries(depth: np.ndarray) -> dict[tuple[int, int], float]:
    rows, columns = np.nonzero(depth)
    return {(int(r), int(c)): round(float(depth[r, c]), 3) for r, c in zip(rows, columns, strict=True)}


def test_points_fall_into_the_pixels_they_are_seen_in_and_the_nearest_wins():
    """Integer pixel k spans [k - 0.5, k + 0.5)."""
    for points in (
        scan((4.4, 1.0, 7.0), (3.6, 1.2, 5.0), (0.0, 5.0, 9.0)),
        scan((3.6, 1.2, 5.0), (4.4, 1.0, 7.0), (0.0, 5.0, 9.0)),
    ):
        depth = depth_map(points)
        assert depth.dtype == np.float32
        assert depth.shape == (HEIGHT, WIDTH)
        assert entries(depth) == {(1, 4): 5.0, (5, 0): 9.0}


def test_published_map_rounds_one_pixel_up_and_left_and_takes_the_minimum():
    depth = depth_map(scan((4.4, 1.0, 7.0), (3.6, 1.2, 5.0), (0.6, 5.0, 9.0), (0.4, 3.0, 4.0)), published=True)
    assert entries(depth) == {(0, 3): 5.0, (4, 0): 9.0}  # the last point falls out of the image


def test_halves_round_to_even_as_published():
    assert entries(depth_map(scan((2.5, 2.0, 10.0)), published=True)) == {(1, 1): 10.0}  # 2.5 -> 2 -> 1
    assert entries(depth_map(scan((3.5, 2.0, 10.0)), published=True)) == {(1, 3): 10.0}  # 3.5 -> 4 -> 3
    assert entries(depth_map(scan((2.5, 2.0, 10.0)))) == {(2, 3): 10.0}
    assert entries(depth_map(scan((3.5, 2.0, 10.0)))) == {(2, 4): 10.0}


def test_last_column_and_next_first_column_collide_only_as_published():
    far, near = (WIDTH - 1.0, 2.0, 20.0), (0.0, 3.0, 5.0)
    assert entries(depth_map(scan(far, near))) == {(2, 7): 20.0, (3, 0): 5.0}
    far, near = (WIDTH - 0.0, 2.0, 20.0), (1.0, 3.0, 5.0)  # the same pixels after the published -1
    assert entries(depth_map(scan(far, near), published=True)) == {(1, 7): 5.0, (2, 0): 5.0}
    assert entries(depth_map(scan(near, far), published=True)) == {(1, 7): 20.0, (2, 0): 5.0}


def test_right_camera_has_its_own_size_unless_published():
    point = scan((1.0, 1.0, 10.0))  # seen by camera 3 half a pixel further left
    assert depth_map(point, camera=3).shape == (HEIGHT + 1, WIDTH + 2)
    assert depth_map(point, camera=3, published=True).shape == (HEIGHT, WIDTH)
    shifted = scan((1.9, 1.0, 10.0))
    assert entries(depth_map(shifted, camera=2)) == {(1, 2): 10.0}
    assert entries(depth_map(shifted, camera=3)) == {(1, 1): 10.0}


def test_forward_distance_is_the_scanners_and_only_as_published():
    points = scan((4.0, 3.0, 7.0))
    assert entries(depth_map(points, published=True)) == {(2, 3): 7.0}
    assert entries(depth_map(points, published=True, forward_distance=True)) == {(2, 3): 7.25}
    with pytest.raises(ValueError, match="forward distance is not depth"):
        depth_map(points, forward_distance=True)


def test_points_behind_are_dropped():
    behind = np.array([[-5.0, 0.0, 0.0, 0.3]], dtype=np.float32)
    between = np.array([[0.1, 0.0, 0.0, 0.3]], dtype=np.float32)  # in front of the scanner, behind the camera
    for points in (behind, between):
        assert entries(depth_map(points)) == {}
        assert entries(depth_map(points, published=True)) == {}


def test_points_behind_the_scanner_do_not_hide_those_in_front():
    """They project to mirrored pixels, where their negative depth would be the published minimum."""
    front = scan((4.0, 3.0, 7.0))
    behind = np.array([[-7.0 + SCANNER_BEHIND, -front[0, 1], -front[0, 2], 0.3]], dtype=np.float32)
    both = np.concatenate([behind, front])
    assert entries(depth_map(both)) == {(3, 4): 7.0}
    assert entries(depth_map(both, published=True)) == {(2, 3): 7.0}


def test_on_the_camera_plane_nothing_is_divided_by_zero_aloud():
    plane = np.array([[SCANNER_BEHIND, 0.1, 0.1, 0.3]], dtype=np.float32)
    assert entries(depth_map(plane)) == {}
    assert entries(depth_map(plane, published=True)) == {}


def published_by_loops(points: np.ndarray, forward_distance: bool) -> np.ndarray:
    """The published rules, one at a time and one point at a time."""
    points = points[points[:, 0] >= 0]
    homogeneous = np.column_stack([points[:, :3].astype(np.float64), np.ones(len(points))])
    projected = homogeneous @ (P2 @ CAMERA_T_VELODYNE).T
    kept = []
    for (a, b, z), point in zip(projected, points, strict=True):
        u, v = round(a / z) - 1, round(b / z) - 1
        if 0 <= u < WIDTH and 0 <= v < HEIGHT:
            kept.append((u, v, float(point[0]) if forward_distance else z))
    depth = np.zeros((HEIGHT, WIDTH))
    for u, v, z in kept:
        depth[v, u] = z
    indices = [v * (WIDTH - 1) + u - 1 for u, v, _ in kept]
    for index, count in Counter(indices).items():
        if count > 1:
            same = [k for k, other in enumerate(indices) if other == index]
            u, v, _ = kept[same[0]]
            depth[v, u] = min(kept[k][2] for k in same)
    return np.where(depth < 0, 0, depth).astype(np.float32)


@pytest.mark.parametrize("forward_distance", [False, True])
def test_published_map_equals_its_rules_point_by_point(forward_distance: bool):
    generator = np.random.default_rng(0)
    points = np.column_stack([generator.uniform(-3, 30, 400), generator.uniform(-9, 9, (400, 2)), np.ones(400)])
    points = points.astype(np.float32)
    vectorised = depth_map(points, published=True, forward_distance=forward_distance)
    assert (vectorised > 0).sum() > 30
    assert np.array_equal(vectorised, published_by_loops(points, forward_distance))


def test_a_map_needs_the_size_of_the_image():
    sizeless = RawCalibration({2: camera_from_projection(P2)}, np.eye(3))
    with pytest.raises(ValueError, match="S_rect"):
        lidar_depth_map(scan((4.0, 3.0, 7.0)), sizeless, CAMERA_T_VELODYNE, 2)


def test_scans_are_read_and_broken_ones_named(tmp_path: Path):
    points = np.arange(12, dtype=np.float32).reshape(3, 4)
    points.tofile(tmp_path / "scan.bin")
    assert np.array_equal(read_velodyne(tmp_path / "scan.bin"), points)
    points.flatten()[:11].tofile(tmp_path / "cut.bin")
    with pytest.raises(UserError, match=r"cut\.bin holds 11 numbers"):
        read_velodyne(tmp_path / "cut.bin")
    with pytest.raises(UserError, match=r"none\.bin is missing"):
        read_velodyne(tmp_path / "none.bin")
