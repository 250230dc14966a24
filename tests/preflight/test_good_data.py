"""Data that are good have no finding: the built-in footage, and real pictures where they are at hand."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from colmap_files import Project, Shot, in_unit, save_image
from preflight_looks import found, found_in, look_at_dataset
from recording import drive
from street_scene import FOCAL

from selfsup_depth.datasets import DatasetRequest, ViewDataset, build_dataset
from selfsup_depth.datasets.builtin import ensure_builtin_drive, ensure_builtin_indoor
from selfsup_depth.preflight import quick_check, run_checks

DATA = Path(__file__).parents[2].parent / "shared" / "data"
road_stereo = pytest.mark.skipif(not (DATA / "road_stereo").is_dir(), reason=f"no road_stereo in {DATA}")
odometry = pytest.mark.skipif(not (DATA / "kitti_odometry_02").is_dir(), reason=f"no kitti_odometry_02 in {DATA}")


def built_in(root: Path, dataset: str, size: tuple[int, int] = (96, 320)):
    return build_dataset(dataset, DatasetRequest(*size, (0, -1, 1, "s"), root, split=root / "splits"))


def test_the_built_in_drive(tmp_path):
    dataset = built_in(ensure_builtin_drive(tmp_path, frames=8, height=96, width=320, workers=1), "builtin")
    results = run_checks(look_at_dataset(dataset))
    assert found(results) == {}
    of_videos = {"undecodable_frames", "unmatched_frames"}
    assert {name for name, result in results.items() if not result.looked} == of_videos
    assert quick_check(dataset, (0.1, 100.0)) == []


def test_the_built_in_rooms(tmp_path):
    dataset = built_in(ensure_builtin_indoor(tmp_path, frames=8, size=128, workers=1), "builtin_indoor", (128, 128))
    assert found_in(look_at_dataset(dataset)) == {}


def test_the_motorcycle():
    dataset = build_dataset("motorcycle", DatasetRequest(192, 320, (0, "s")))
    assert found_in(look_at_dataset(dataset)) == {}


@road_stereo
@pytest.mark.parametrize(("frame_ids", "part"), [((0, 1, "s"), "train"), ((0, "s"), "val")])
def test_real_stereo_pairs(frame_ids, part):
    request = DatasetRequest(192, 640, frame_ids, DATA / "road_stereo", part=part)
    dataset = build_dataset("stereo_folder", request)
    results = run_checks(look_at_dataset(dataset, moments=8))
    assert found(results) == {}
    asked = {"rectification", "stereo_sides", "baseline", "frame_rate" if part == "train" else "depth_unit"}
    assert all(results[name].looked for name in asked)
    assert quick_check(dataset, (0.1, 100.0)) == []


@road_stereo
@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (lambda depth: depth[:, ::-1], "depth_registration", "maps that are mirrored"),
        (lambda depth: depth[::-1], "depth_registration", "maps that are upside down"),
        (lambda depth: np.roll(depth, 30, 1), "depth_registration", "not projected into it"),
        (lambda depth: np.where(depth > 0, 30 / np.maximum(depth, 1e-6), 0), "depth_encoding", "inverse depth"),
        (lambda depth: 1000 * depth, "depth_unit", "millimetres read as metres"),
    ],
)
def test_faults_of_real_lidar_are_found(change, check, words):
    request = DatasetRequest(192, 640, (0, "s"), DATA / "road_stereo", part="val")
    dataset = build_dataset("stereo_folder", request)
    read = dataset.source.depth
    dataset.source.depth = lambda item: np.ascontiguousarray(change(read(item))).astype(np.float32)
    findings = found_in(look_at_dataset(dataset, moments=8))
    assert set(findings) == {check} and words in findings[check].cause


def odometry_set(root: Path):
    lines = tuple(f"2 {frame} {side}" for frame in range(20) for side in "lr")
    return build_dataset("kitti_odom", DatasetRequest(192, 640, (0, -1, 1, "s"), root, lines=lines))


@odometry
def test_real_stereo_video_with_poses():
    dataset = odometry_set(DATA / "kitti_odometry_02")
    results = run_checks(look_at_dataset(dataset, moments=5))
    assert found(results) == {}
    assert results["pose_convention"].looked and results["pose_scale"].looked and results["frame_order"].looked
    assert quick_check(dataset, (0.1, 100.0)) == []


@pytest.fixture
def linked_odometry(tmp_path) -> Path:
    """The sequence again, of links: any part of it may be exchanged."""
    sequence = tmp_path / "sequences" / "02"
    sequence.mkdir(parents=True)
    (tmp_path / "poses").mkdir()
    given = DATA / "kitti_odometry_02"
    for name in ("image_2", "image_3", "calib.txt"):
        os.symlink(given / "sequences" / "02" / name, sequence / name)
    os.symlink(given / "poses" / "02.txt", tmp_path / "poses" / "02.txt")
    return tmp_path


@odometry
def test_real_cameras_that_are_exchanged_are_found(linked_odometry):
    sequence = linked_odometry / "sequences" / "02"
    (sequence / "image_2").rename(sequence / "left")
    (sequence / "image_3").rename(sequence / "image_2")
    (sequence / "left").rename(sequence / "image_3")
    assert "exchange the folders" in found_in(look_at_dataset(odometry_set(linked_odometry), 4))["stereo_sides"].remedy


@odometry
def test_real_poses_that_are_inverted_are_found(linked_odometry):
    path = linked_odometry / "poses" / "02.txt"
    rows = np.loadtxt(path).reshape(-1, 3, 4)
    path.unlink()
    poses = np.concatenate([rows, np.tile([[[0, 0, 0, 1.0]]], (len(rows), 1, 1))], axis=1)
    np.savetxt(path, np.linalg.inv(poses)[:, :3].reshape(-1, 12))
    findings = found_in(look_at_dataset(odometry_set(linked_odometry), 4))
    assert set(findings) == {"pose_convention"}
    assert "world to camera (the inverse)" in findings["pose_convention"].cause


def reconstruction(root: Path, deeper: float = 1.0) -> ViewDataset:
    """A COLMAP project of the street in a unit of 250 m, with points so many that corners are among them."""
    footage, project = drive(), Project([], {1: ("PINHOLE", 304, 104, (FOCAL, FOCAL, 150.0, 50.0))})
    for n, (image, depth, pose) in enumerate(zip(footage.left, footage.depth, footage.poses, strict=True)):
        shot = Shot(f"street_{n:03d}.png", in_unit(pose, 250.0))
        save_image(root, shot.name, image)
        for row, column in product(range(1, 104, 2), range(1, 304, 2)):
            ray = np.array([(column + 0.5 - 150) / FOCAL, (row + 0.5 - 50) / FOCAL, 1.0])
            point = shot.world_T_camera @ [*(ray * deeper * depth[row, column] / 250.0), 1.0]
            project.points[len(project.points) + 1] = point[:3]
            shot.seen.append((column + 0.5, row + 0.5, len(project.points)))
        project.shots.append(shot)
    project.write(root / "sparse", binary=True)
    return build_dataset("colmap", DatasetRequest(64, 192, (0, -1, 1), root, part="test"))


def test_a_reconstruction(tmp_path):
    """Scattered points in a unit of their own are no damaged depth maps; they are as deep as the poses make them."""
    dataset = reconstruction(tmp_path)
    results = run_checks(look_at_dataset(dataset))
    assert found(results) == {}
    assert results["pose_scale"].looked and "as the points are" in results["pose_scale"].saw
    assert not any(results[name].looked for name in ("depth_coverage", "depth_limit", "depth_unit"))
    assert quick_check(dataset, (0.1, 100.0)) == []


def test_points_of_another_reconstruction(tmp_path):
    finding = found_in(look_at_dataset(reconstruction(tmp_path, deeper=1.4)))["pose_scale"]
    assert finding.severity == "warning" and "points of another reconstruction" in finding.cause
    assert finding.number == pytest.approx(1 / 1.4, rel=0.15)


@odometry
def test_real_pairs_three_frames_apart_and_every_third_frame_are_found(linked_odometry):
    sequence = linked_odometry / "sequences" / "02"
    pictures = sorted((DATA / "kitti_odometry_02" / "sequences" / "02" / "image_3").iterdir())
    (sequence / "image_3").unlink()
    (sequence / "image_3").mkdir()
    for late, early in zip(pictures[3:], pictures, strict=False):
        os.symlink(late, sequence / "image_3" / early.name)
    (linked_odometry / "poses" / "02.txt").unlink()
    lines = tuple(f"2 {frame} l" for frame in range(17))
    request = DatasetRequest(192, 640, (0, -3, 3, "s"), linked_odometry, lines=lines)
    findings = found_in(look_at_dataset(build_dataset("kitti_odom", request), moments=8))
    assert "partner 3 frames earlier" in findings["stereo_timing"].found
    assert "move too far" in findings["frame_rate"].found
    assert set(findings) == {"stereo_timing", "frame_rate"}
